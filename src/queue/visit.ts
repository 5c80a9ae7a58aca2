/**
 * One request at a room: pass, free entry, place in line, or gate. Fails closed
 * towards newcomers (they wait) and open towards those inside (their passes go on
 * working): whatever is down, nobody is let in beyond the rate and nobody is
 * thrown out.
 */
import { type Bucket, refill, shareOf, startBucket } from "./bucket.ts";
import { cookieValue } from "../http/headers.ts";
import { EARLY_MS, peopleBefore, pollAfterMs, promise, waitMs } from "./estimate.ts";
import { dueUnit, newcomerBin, UNDRAWN } from "./histogram.ts";
import { type Ask, HOLD_MS, holdsAtGate } from "./keeper.ts";
import { draw, isDrawn, type Lots, placeOfLot } from "./lottery.ts";
import type { GateAnswer, GatePort, RoomPort } from "./objects.ts";
import { type RoomConfig, type RoomPolicy } from "./room-config.ts";
import { firstReportMs, type RoomSnapshot } from "./room.ts";
import type { TicketKeys } from "./signing.ts";
import { Refusals } from "./refusals.ts";
import { Reporter, Snapshots, withDeadline } from "./site.ts";
import {
  newTicketId,
  type Pass,
  readPass,
  readTicket,
  renewedPass,
  type Ticket,
  type TicketFault,
  writePass,
  writeTicket,
} from "./ticket.ts";
import { extrapolated } from "./watermark.ts";

export interface Ports {
  readonly room: (name: string) => RoomPort;
  readonly gate: (room: string, index: number) => GatePort;
}

export interface Visitor {
  readonly headers: Headers;
  readonly clientIp: string;
  /** The waiting page asks, not a navigation. */
  readonly poll: boolean;
}

/** Where a visitor stands, for the page and for programs. */
export interface Standing {
  readonly ticketId: string;
  readonly ahead: number | null;
  /** ms; the turn as told: see `promise`. null: not known. */
  readonly turnAt: number | null;
  /** ms until the turn as now expected. */
  readonly expectedMs: number | null;
  readonly dueAt: number;
  /** Why an earlier place is gone. */
  readonly fault: TicketFault | null;
  readonly commitment: string | null;
  readonly seed: string | null;
}

export type Verdict =
  | {
      readonly kind: "inside";
      readonly pass: Pass;
      readonly cookies: readonly string[];
      readonly fresh: boolean;
      /** ms from ticket to admission, of the request that was let in just now. */
      readonly waitedMs: number | null;
    }
  | { readonly kind: "line"; readonly standing: Standing; readonly cookies: readonly string[] }
  | { readonly kind: "crowd"; readonly retryAfterS: number };

interface Context {
  readonly policy: RoomPolicy;
  readonly config: RoomConfig;
  readonly visitor: Visitor;
  readonly now: number;
  readonly waitUntil: (work: Promise<unknown>) => void;
}

const GATE_PATIENCE_MS = 2500;
const REMEMBERED_PASSES = 5000;
const REMEMBERED_TICKETS = 2000;
const MAX_ADDRESSES = 20_000;
const MINUTE = 60_000;
/** Estimates without a snapshot: the line is asked about again soon. */
const BLIND_POLL_MS = 5000;

export class Line {
  readonly #ports: Ports;
  readonly #keys: TicketKeys;
  readonly #secure: boolean;
  readonly #snapshots: Snapshots;
  readonly #reporter: Reporter;
  readonly #free = new Map<string, Bucket>();
  readonly #passes = new Map<string, Pass>();
  readonly #draws = new Map<string, Lots>();
  readonly #refused = new Refusals();
  /** When this isolate issued its latest tickets. */
  readonly #issued: number[] = [];
  #addresses = new Map<string, number>();
  #addressesSince = 0;

  constructor(ports: Ports, keys: TicketKeys, cache: Cache | null, secure: boolean) {
    this.#ports = ports;
    this.#keys = keys;
    this.#secure = secure;
    this.#snapshots = new Snapshots(ports.room, cache);
    this.#reporter = new Reporter(ports.gate);
  }

  /** The pass the visitor holds, renewed where it is time; null without a valid one. */
  async inside(context: Context): Promise<Verdict | null> {
    const { policy, config, visitor, now } = context;
    const value = cookieValue(visitor.headers, this.cookieName("pass", policy.name));
    if (value === null) return null;
    const pass = await this.#pass(value, config);
    if (pass === null || pass.expiresAt <= now) return null;
    const renewed = renewedPass(pass, policy.passIdleMs, policy.passMaxMs, now);
    const allowed = renewed === null ? null : await this.#renewal(context, pass, renewed);
    if (allowed === null) return { kind: "inside", pass, cookies: [], fresh: false, waitedMs: null };
    return {
      kind: "inside",
      pass: allowed,
      cookies: [await this.#passCookie(policy, allowed)],
      fresh: false,
      waitedMs: null,
    };
  }

  async #pass(value: string, config: RoomConfig): Promise<Pass | null> {
    const known = this.#passes.get(value);
    if (known !== undefined && known.room === config.room && known.epoch === config.epoch) return known;
    const pass = await readPass(this.#keys, value, config);
    if (pass !== null) {
      if (this.#passes.size >= REMEMBERED_PASSES) this.#passes.clear();
      this.#passes.set(value, pass);
    }
    return pass;
  }

  async #renewal({ config }: Context, pass: Pass, renewed: Pass): Promise<Pass | null> {
    if (pass.by === "isolate") return renewed;
    const index = gatesFor(pass.id, config.gates)[0] ?? 0;
    try {
      const renewal = this.#ports.gate(config.room, index).renew(config, index, pass.id, pass.expiresAt);
      const expiresAt = await withDeadline(renewal, GATE_PATIENCE_MS);
      return expiresAt === null ? null : { ...renewed, expiresAt: Math.min(expiresAt, renewed.expiresAt) };
    } catch {
      // The visitor is inside; a gate that is down is not his fault. The old pass goes on until it ends.
      return null;
    }
  }

  /** Entry for one of the few newcomers a minute that an isolate lets in by itself; null where it is somebody else's turn. */
  async freeEntry(context: Context): Promise<Verdict | null> {
    const { config, now } = context;
    if (config.phase !== "open" || config.freePerIsolate < 1 || this.#hasTicket(context)) return null;
    const share = shareOf(config.freePerIsolate, 1);
    const bucket = refill(this.#free.get(config.room) ?? startBucket(share, null, now), share, now);
    if (bucket.tokens < 1) return null;
    this.#free.set(config.room, { ...bucket, tokens: bucket.tokens - 1 });
    const known = await this.#snapshots.peek(config, now);
    if (known !== null && known.waiting > 0) return null;
    return this.#admit(context, { id: newTicketId(), issuedAt: now }, now, "isolate");
  }

  /** A place in line, or the way in where its turn has come. */
  async queue(context: Context): Promise<Verdict> {
    const { policy, config, visitor, now } = context;
    const value = cookieValue(visitor.headers, this.cookieName("ticket", policy.name));
    const expected = { room: policy.name, epoch: config.epoch, returnWithinMs: policy.returnWithinMs };
    const read = value === null ? null : await readTicket(this.#keys, value, expected, now);
    const held = typeof read === "object" ? read : null;
    const fault = typeof read === "string" ? read : null;
    if (held === null && !this.#mayTakeTicket(context)) return { kind: "crowd", retryAfterS: 10 };
    const snapshot = await this.#snapshots.read(config, now, context.waitUntil);
    if (held !== null && now < held.dueAt - EARLY_MS) {
      const standing = this.#standing(held, await this.#place(held, config, snapshot), snapshot, null, now);
      return { kind: "line", standing: { ...standing, dueAt: held.dueAt }, cookies: [] };
    }
    const ticket = held ?? {
      room: policy.name,
      epoch: config.epoch,
      id: newTicketId(),
      issuedAt: now,
      dueAt: now,
      promisedAt: 0,
      bin: UNDRAWN,
    };
    const place = await this.#place(ticket, config, snapshot);
    const answer = this.#mayAsk(context, held !== null, place, snapshot)
      ? await this.#ask(context, ticket, place ?? 0, held !== null)
      : null;
    if (answer?.kind === "admit") return this.#admit(context, ticket, answer.admittedAt, "gate");
    if (answer?.kind === "spent") return this.#restart(context, snapshot);
    const gateWait = answer?.kind === "wait" ? answer : null;
    return this.#wait(context, { ticket, held, place, snapshot, gateWait, fault });
  }

  /** The pass' visitor is done: his place inside is free, and his cookie goes. */
  end(policy: RoomPolicy, config: RoomConfig, pass: Pass, waitUntil: Context["waitUntil"]): string {
    const index = gatesFor(pass.id, config.gates)[0] ?? 0;
    if (pass.by === "gate") {
      const ended = this.#ports.gate(config.room, index).end(config, index, pass.id);
      waitUntil(ended.catch(() => undefined));
    }
    return this.#cookie("pass", policy.name, "", 0);
  }

  cookieName(kind: "ticket" | "pass", room: string): string {
    return `${this.#secure ? "__Host-" : ""}${kind}.${room}`;
  }

  #hasTicket({ policy, visitor }: Context): boolean {
    return cookieValue(visitor.headers, this.cookieName("ticket", policy.name)) !== null;
  }

  /** A used ticket that is shown again: its visitor begins anew, at the end. */
  #restart(context: Context, snapshot: RoomSnapshot | null): Promise<Verdict> {
    const { policy, config, now } = context;
    const ticket: Ticket = {
      room: policy.name,
      epoch: config.epoch,
      id: newTicketId(),
      issuedAt: now,
      dueAt: now,
      promisedAt: 0,
      bin: UNDRAWN,
    };
    return this.#wait(context, { ticket, held: null, place: now, snapshot, gateWait: null, fault: "spent" });
  }

  /** Where the ticket stands; null while its lot is not drawn. */
  async #place(ticket: Ticket, config: RoomConfig, snapshot: RoomSnapshot | null): Promise<number | null> {
    if (!isDrawn(config.event, ticket.issuedAt)) return ticket.issuedAt;
    const seed = snapshot?.seed ?? null;
    if (seed === null) return null;
    let lots = this.#draws.get(seed);
    if (lots === undefined) this.#draws.set(seed, (lots = draw(seed)));
    return placeOfLot(config.event, await lots(ticket.id));
  }

  #mayAsk(
    context: Context,
    hasTicket: boolean,
    place: number | null,
    snapshot: RoomSnapshot | null,
  ): boolean {
    const { phase } = context.config;
    if (phase !== "open" && phase !== "event" && phase !== "queue-all") return false;
    // A room that queues all shows its page first; a program's own request waits for the next one.
    if (phase === "queue-all" && !hasTicket && !holdsAtGate(context.config)) return false;
    if (place === null || snapshot === null) return false;
    if (this.#refused.covers(context.config, place, context.now)) return false;
    return place < extrapolated(snapshot.watermark, context.now);
  }

  /** Asks the ticket's gate, and the next in its order where that one does not answer. null: no gate answers. */
  async #ask(context: Context, ticket: Ticket, key: number, counted: boolean): Promise<GateAnswer | null> {
    const { config } = context;
    const ask: Ask = {
      id: ticket.id,
      key,
      counted: counted ? { bin: ticket.bin, due: dueUnit(ticket.dueAt) } : null,
      patient: counted,
      early: !counted && config.phase === "queue-all",
    };
    for (const index of gatesFor(ticket.id, config.gates).slice(0, 2)) {
      try {
        const asked = this.#ports.gate(config.room, index).ask(config, index, ask);
        const answer = await withDeadline(asked, GATE_PATIENCE_MS + (ask.patient ? HOLD_MS : 0));
        if (answer.kind === "wait") this.#refused.note(config, key, answer.afterMs, context.now);
        return answer;
      } catch {
        // The next gate; the share of this one is lost until it is back.
      }
    }
    return null;
  }

  async #admit(
    { policy, config }: Context,
    { id, issuedAt }: Pick<Ticket, "id" | "issuedAt">,
    admittedAt: number,
    by: Pass["by"],
  ): Promise<Verdict> {
    const expiresAt = admittedAt + policy.passIdleMs;
    const pass: Pass = { room: policy.name, epoch: config.epoch, id, admittedAt, expiresAt, by };
    const cookies = [await this.#passCookie(policy, pass), this.#cookie("ticket", policy.name, "", 0)];
    const waitedMs = Math.max(0, admittedAt - issuedAt);
    return {
      kind: "inside",
      pass,
      cookies: by === "gate" ? cookies : cookies.slice(0, 1),
      fresh: true,
      waitedMs,
    };
  }

  async #wait(
    context: Context,
    at: {
      readonly ticket: Ticket;
      readonly held: Ticket | null;
      readonly place: number | null;
      readonly snapshot: RoomSnapshot | null;
      readonly gateWait: { readonly afterMs: number; readonly ahead: number } | null;
      readonly fault: TicketFault | null;
    },
  ): Promise<Verdict> {
    const { policy, config, now, waitUntil } = context;
    const standing = this.#standing(at.ticket, at.place, at.snapshot, at.gateWait, now);
    const poll = Math.round(this.#pollAfter(config, standing, now));
    const place = Math.floor((at.place ?? 0) / config.binMs);
    const bin = at.place === null ? UNDRAWN : at.held === null ? newcomerBin(place) : place;
    const ticket = { ...at.ticket, dueAt: now + poll, promisedAt: standing.turnAt ?? 0, bin };
    if (at.held === null) this.#issued.push(ticket.issuedAt);
    if (this.#issued.length > REMEMBERED_TICKETS) this.#issued.splice(0, REMEMBERED_TICKETS / 2);
    this.#reporter.move(config, at.held, ticket);
    this.#reporter.flush(config, at.snapshot?.reportEveryMs ?? firstReportMs(config), now, waitUntil);
    const lifetimeS = Math.ceil((poll + policy.returnWithinMs) / 1000);
    const value = await writeTicket(this.#keys, ticket);
    return {
      kind: "line",
      standing: { ...standing, dueAt: ticket.dueAt, fault: at.fault },
      cookies: [this.#cookie("ticket", policy.name, value, lifetimeS)],
    };
  }

  #pollAfter({ event, phase }: RoomConfig, { expectedMs }: Standing, now: number): number {
    if (phase === "pre-queue" && event !== null) {
      // Everybody asks within the first seconds after the start, not all in the same one.
      const toStart = event.startsAt - now;
      return toStart > 30_000 ? pollAfterMs(120_000, Math.random()) : toStart + 500 + Math.random() * 5000;
    }
    return expectedMs === null ? BLIND_POLL_MS : pollAfterMs(expectedMs, Math.random());
  }

  #standing(
    ticket: Ticket,
    place: number | null,
    snapshot: RoomSnapshot | null,
    gateWait: { readonly afterMs: number; readonly ahead: number } | null,
    now: number,
  ): Standing {
    const common = {
      ticketId: ticket.id,
      dueAt: ticket.dueAt,
      fault: null,
      commitment: snapshot?.commitment ?? null,
      seed: snapshot?.seed ?? null,
    };
    if (snapshot === null || place === null)
      return { ...common, ahead: null, turnAt: null, expectedMs: null };
    const known = peopleBefore(snapshot, place, this.#issued);
    const ahead = Math.round(Math.max(gateWait?.ahead ?? 0, known));
    const wait = waitMs(ahead + 1, snapshot.perSecond, snapshot.leaving);
    const expectedMs = Math.max(gateWait?.afterMs ?? 0, wait);
    const turnAt = Math.max(now, promise(ticket.promisedAt, now + expectedMs, now));
    return { ...common, ahead, turnAt, expectedMs };
  }

  /** Counts new tickets by address; a network whose many visitors share one is slowed down, never shut out, and never loses a place. */
  #mayTakeTicket({ policy, visitor, now }: Context): boolean {
    if (now - this.#addressesSince >= MINUTE || this.#addresses.size >= MAX_ADDRESSES) {
      this.#addresses = new Map();
      this.#addressesSince = now;
    }
    const network = networkOf(visitor.clientIp);
    const taken = (this.#addresses.get(network) ?? 0) + 1;
    this.#addresses.set(network, taken);
    return taken <= policy.ticketsPerAddress;
  }

  async #passCookie(policy: RoomPolicy, pass: Pass): Promise<string> {
    return this.#cookie(
      "pass",
      policy.name,
      await writePass(this.#keys, pass),
      Math.ceil(policy.passMaxMs / 1000),
    );
  }

  #cookie(kind: "ticket" | "pass", room: string, value: string, maxAge: number): string {
    const secure = this.#secure ? "; Secure" : "";
    return `${this.cookieName(kind, room)}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Lax${secure}`;
  }
}

/** The gates of a ticket in its own order (rendezvous hashing): the first decides, the next steps in for it. */
export function gatesFor(id: string, gates: number): number[] {
  if (gates === 1) return [0];
  return Array.from({ length: gates }, (_, index) => ({ index, score: hash(`${id}/${index}`) }))
    .toSorted((a, b) => b.score - a.score || a.index - b.index)
    .map(({ index }) => index);
}

/** FNV-1a with a final mix (of MurmurHash3), so that the last characters count as much as the first. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

/** An IPv4 address, or the /64 of an IPv6 address. */
function networkOf(address: string): string {
  return address.includes(":") ? address.split(":").slice(0, 4).join(":") : address;
}
