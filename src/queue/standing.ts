/** Where a visitor stands, what he is told of it, and when he is to ask again. Pure. */
import { aheadAfter, peopleBefore, pollAfterMs, promise, waitMs } from "./estimate.ts";
import { admits, type RoomConfig } from "./room-config.ts";
import type { Ticket, TicketFault } from "./ticket.ts";
import { blindMs } from "./watermark.ts";
import type { GateWait, RoomSnapshot } from "./messages.ts";

/** Why somebody has no place yet: too many newcomers of his network, or a request that is none of a visitor (see `errandOf`). */
export type NoPlace = "crowd" | "errand";

/** Where a visitor stands, for the page and for programs. */
export interface Standing {
  /** null: he has no place; `noPlace` says why. */
  readonly ticketId: string | null;
  readonly noPlace: NoPlace | null;
  readonly ahead: number | null;
  /** ms; the turn as told: see `promise`. null: not known, or the line was stopped. */
  readonly turnAt: number | null;
  /** ms until the turn as now expected; in a line that was stopped, as if it went on. */
  readonly expectedMs: number | null;
  /** ms after which his gate reckons with him; null: no gate does. */
  readonly backMs: number | null;
  readonly dueAt: number;
  /** Why an earlier place is gone. */
  readonly fault: TicketFault | null;
  readonly commitment: string | null;
  readonly seed: string | null;
}

/** Estimates without a snapshot: the line is asked about again soon. */
const BLIND_POLL_MS = 5000;
/** Least wait that polls reckon with in a line that was stopped: nobody in it is about to come in. */
const STOPPED_MS = 10_000;

export interface Known {
  /** null while the ticket's lot is not drawn. */
  readonly place: number | null;
  readonly snapshot: RoomSnapshot | null;
  readonly gateWait: GateWait | null;
  /** When this isolate itself issued tickets lately, earliest first. */
  readonly issued: readonly number[];
}

export function standingOf(
  { phase }: RoomConfig,
  ticket: Ticket,
  { place, snapshot, gateWait, issued }: Known,
  now: number,
): Standing {
  const common = {
    ticketId: ticket.id,
    noPlace: null,
    dueAt: ticket.dueAt,
    backMs: gateWait?.backMs ?? null,
    fault: null,
    commitment: snapshot?.commitment ?? null,
    seed: snapshot?.seed ?? null,
  };
  if (snapshot === null || place === null) return { ...common, ahead: null, turnAt: null, expectedMs: null };
  const { perSecond, leaving } = snapshot;
  const then = peopleBefore(snapshot, place, issued);
  // Without news of it the line goes on: polls as rare as they were would miss their turn.
  const known = aheadAfter(then, perSecond, leaving, admits(phase) ? blindMs(snapshot.at, now) : 0);
  const ahead = Math.round(Math.max(gateWait?.ahead ?? 0, known));
  const wait = waitMs(ahead + 1, perSecond, leaving);
  const expectedMs = Math.max(gateWait?.afterMs ?? 0, wait);
  const turnAt = Math.max(now, promise(ticket.promisedAt, now + expectedMs, now));
  return { ...common, ahead, turnAt, expectedMs };
}

/** Who has no place, and comes again at `dueAt`. */
export function placeless(noPlace: NoPlace, dueAt: number): Standing {
  const unknown = { ahead: null, turnAt: null, expectedMs: null, backMs: null, commitment: null, seed: null };
  return { ticketId: null, noPlace, dueAt, fault: null, ...unknown };
}

/** ms until the next poll. @param random 0 to 1 @param stretch as in `pollAfterMs` */
export function nextPollMs(
  { event, phase }: RoomConfig,
  { expectedMs, backMs }: Standing,
  { random, stretch }: { readonly random: number; readonly stretch: number },
  now: number,
): number {
  if (phase === "pre-queue" && event !== null) {
    // Everybody asks within the first seconds after the start, not all in the same one.
    const toStart = event.startsAt - now;
    return toStart > 30_000 ? pollAfterMs(120_000, random) : toStart + 500 + random * 5000;
  }
  if (backMs !== null) return backMs;
  if (expectedMs === null) return BLIND_POLL_MS;
  return pollAfterMs(phase === "hold" ? Math.max(STOPPED_MS, expectedMs) : expectedMs, random, stretch);
}
