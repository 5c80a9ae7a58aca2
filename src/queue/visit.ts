/**
 * One request at a room: pass, free entry, place in line, or gate. Fails closed
 * towards newcomers (they wait) and open towards those inside (their passes go on
 * working): whatever is down, nobody is let in beyond the rate and nobody is
 * thrown out.
 */
import { Cookies } from "./cookies.ts";
import { EARLY_MS } from "./estimate.ts";
import { FreeEntry } from "./free-entry.ts";
import { gatesFor } from "./gates.ts";
import { dueUnit, newcomerBin, UNDRAWN } from "./histogram.ts";
import { HOLD_MS, holdsAtGate } from "./keeper.ts";
import { Lateness } from "./lateness.ts";
import { draw, isDrawn, type Lots, placeOfLot } from "./lottery.ts";
import { Passes } from "./passes.ts";
import type { Ports } from "./ports.ts";
import { Probes } from "./probes.ts";
import { Refusals } from "./refusals.ts";
import { admits, type RoomConfig, type RoomPolicy } from "./room-config.ts";
import { firstReportMs } from "./room.ts";
import type { TicketKeys } from "./signing.ts";
import { Reporter, Snapshots, withDeadline } from "./site.ts";
import { type Known, nextPollMs, type Standing, standingOf } from "./standing.ts";
import { newTicketId, type Pass, type Ticket, type TicketFault } from "./ticket.ts";
import { Tickets } from "./tickets.ts";
import { Newcomers, type Visitor } from "./visitor.ts";
import { extrapolated } from "./watermark.ts";
import type { Ask, GateAnswer, RoomSnapshot } from "./messages.ts";

export type Verdict =
  | {
      readonly kind: "inside";
      readonly pass: Pass;
      readonly cookies: readonly string[];
      readonly fresh: boolean;
      /** ms from ticket to admission, of the request that was let in just now. */
      readonly waitedMs: number | null;
    }
  | {
      readonly kind: "line";
      readonly standing: Standing;
      readonly cookies: readonly string[];
      /** ms; when it was decided: a gate may have held the request. */
      readonly at: number;
    }
  | { readonly kind: "crowd"; readonly againMs: number };

export interface Visit {
  readonly policy: RoomPolicy;
  readonly config: RoomConfig;
  readonly visitor: Visitor;
  readonly now: number;
  readonly waitUntil: (work: Promise<unknown>) => void;
}

const GATE_PATIENCE_MS = 2500;
const REMEMBERED_TICKETS = 2000;
const CROWD_AGAIN_MS = 10_000;
/** Another request of the same ticket is under way: its answer is the one that counts. */
const TOGETHER_AGAIN_MS = 2000;

export class Line {
  readonly passes: Passes;
  readonly #ports: Ports;
  readonly #tickets: Tickets;
  readonly #cookies: Cookies;
  readonly #snapshots: Snapshots;
  readonly #reporter: Reporter;
  readonly #free: FreeEntry;
  readonly #draws = new Map<string, Lots>();
  readonly #refused = new Refusals();
  readonly #probes = new Probes();
  readonly #newcomers = new Newcomers();
  readonly #lateness = new Lateness();
  /** Tickets with a request under way: repeated at once, they would be many people in the count of the line. */
  readonly #polling = new Set<string>();
  /** When this isolate issued its latest tickets, by room. */
  readonly #issued = new Map<string, number[]>();

  constructor(ports: Ports, keys: TicketKeys, cache: Cache | null, secure: boolean) {
    this.#ports = ports;
    this.#tickets = new Tickets(keys);
    this.#cookies = new Cookies(secure);
    this.passes = new Passes(ports.gate, keys, this.#cookies);
    this.#snapshots = new Snapshots(ports.room, cache);
    this.#reporter = new Reporter(ports.gate);
    this.#free = new FreeEntry(ports.gate);
  }

  /** The verdict about who holds a pass, null for everybody else; a pass that is one no longer is said why. */
  async inside(visit: Visit): Promise<Verdict | "copied" | null> {
    const { policy, config, visitor, now, waitUntil } = visit;
    const line = this.#snapshots.line(config, now, waitUntil);
    const held = await this.passes.held(policy, config, visitor, line, now);
    if (held.kind !== "inside") return held.kind === "dead" ? "copied" : null;
    return { ...held, fresh: false, waitedMs: null };
  }

  /** Entry for a newcomer whom this isolate may let in by itself; null where it is a gate's to say. */
  async freeEntry(visit: Visit): Promise<Verdict | null> {
    const { policy, config, visitor, now, waitUntil } = visit;
    if (config.phase !== "open" || !config.lends) return null;
    if (this.#cookies.read(visitor.headers, "ticket", policy.name) !== null) return null;
    const known = await this.#snapshots.peek(config, now);
    if (known !== null && known.waiting > 0) {
      this.#free.giveBack(config, waitUntil);
      return null;
    }
    if (!this.#free.take(config, now, waitUntil)) return null;
    const admitted = { id: newTicketId(), admittedAt: now, gate: null };
    return { ...(await this.passes.admit(policy, config, visitor, admitted)), fresh: true, waitedMs: 0 };
  }

  /** A place in line, or the way in where its turn has come. @param lost why an earlier pass is gone */
  async queue(visit: Visit, lost: TicketFault | null): Promise<Verdict> {
    const { policy, config, visitor, now } = visit;
    const values = this.#cookies.readAll(visitor.headers, "ticket", policy.name);
    const expected = { room: policy.name, epoch: config.epoch, returnWithinMs: policy.returnWithinMs };
    const read = await this.#tickets.readFirst(values, expected, now);
    const held = typeof read === "object" ? read : null;
    const fault = typeof read === "string" ? read : lost;
    if (held === null && !this.#newcomers.mayTake(visitor.clientIp, policy.ticketsPerAddress, now)) {
      return { kind: "crowd", againMs: CROWD_AGAIN_MS };
    }
    if (held === null) return this.#poll(visit, null, fault);
    if (now < held.dueAt - EARLY_MS) return this.#early(visit, held, held.dueAt);
    if (this.#polling.has(held.id)) return this.#early(visit, held, now + TOGETHER_AGAIN_MS);
    this.#polling.add(held.id);
    try {
      return await this.#poll(visit, held, fault);
    } finally {
      this.#polling.delete(held.id);
    }
  }

  /** Answered from the ticket: nothing is asked, nothing is counted. */
  async #early(visit: Visit, held: Ticket, dueAt: number): Promise<Verdict> {
    const { config, now } = visit;
    const snapshot = await this.#snapshots.read(config, now, visit.waitUntil);
    const place = await this.#place(held, config, snapshot);
    const standing = this.#standing(config, held, { place, snapshot, gateWait: null }, now);
    return { kind: "line", standing: { ...standing, dueAt }, cookies: [], at: now };
  }

  async #poll(visit: Visit, held: Ticket | null, fault: TicketFault | null): Promise<Verdict> {
    const { policy, config, now } = visit;
    const snapshot = await this.#snapshots.read(config, now, visit.waitUntil);
    const ticket = held ?? newTicket(policy, config, now);
    const place = await this.#place(ticket, config, snapshot);
    const asked = this.#mayAsk(visit, held !== null, place, snapshot)
      ? await this.#ask(visit, ticket, place ?? 0, held !== null)
      : null;
    if (asked?.answer.kind === "admit")
      return this.#admit(visit, ticket, asked.answer.admittedAt, asked.gate);
    if (asked?.answer.kind === "spent") {
      const anew = newTicket(policy, config, now);
      const at = { ticket: anew, held: null, place: now, snapshot, gateWait: null, fault: "spent" as const };
      return this.#wait(visit, at);
    }
    const gateWait = asked?.answer.kind === "wait" ? asked.answer : null;
    return this.#wait(visit, { ticket, held, place, snapshot, gateWait, fault });
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
    { config, now }: Visit,
    hasTicket: boolean,
    place: number | null,
    snapshot: RoomSnapshot | null,
  ): boolean {
    const { phase } = config;
    if (!admits(phase)) return false;
    // A room that queues all shows its page first; a program's own request waits for the next one.
    if (phase === "queue-all" && !hasTicket && !holdsAtGate(config)) return false;
    if (place === null || snapshot === null) return false;
    if (place >= extrapolated(snapshot.watermark, now)) return false;
    // A gate that holds visitors must know of everybody who is called, to let in nobody before him.
    const knowsAll = hasTicket && holdsAtGate(config);
    if (!knowsAll && this.#refused.covers(config, place, now)) return false;
    return this.#probes.may(config, snapshot, place, Math.random(), now);
  }

  /** Asks the ticket's gate, and the next in its order where that one does not answer. null: no gate answers. */
  async #ask(
    { config, now }: Visit,
    ticket: Ticket,
    key: number,
    counted: boolean,
  ): Promise<{ readonly answer: GateAnswer; readonly gate: number } | null> {
    const order = gatesFor(ticket.id, config.gates);
    const home = config.gates < config.mostGates ? gatesFor(ticket.id, config.mostGates)[0] : undefined;
    const ask: Ask = {
      id: ticket.id,
      key,
      counted: counted ? { bin: ticket.bin, due: dueUnit(ticket.dueAt) } : null,
      patient: counted,
      early: !counted && config.phase === "queue-all",
      ...(home === undefined || home === order[0] ? {} : { home }),
    };
    for (const gate of order.slice(0, 2)) {
      try {
        const asked = this.#ports.gate(config.room, gate).ask(config, gate, ask);
        const answer = await withDeadline(asked, GATE_PATIENCE_MS + (ask.patient ? HOLD_MS : 0));
        if (answer.kind === "wait") this.#refused.note(config, answer.beyond, answer.afterMs, now);
        return { answer, gate: answer.kind === "admit" ? (answer.gate ?? gate) : gate };
      } catch {
        // The next gate; the share of this one is lost until it is back.
      }
    }
    return null;
  }

  async #admit(
    { policy, config, visitor }: Visit,
    { id, issuedAt }: Ticket,
    admittedAt: number,
    gate: number,
  ): Promise<Verdict> {
    const inside = await this.passes.admit(policy, config, visitor, { id, admittedAt, gate });
    const cookies = [...inside.cookies, this.#cookies.set("ticket", policy.name, "", 0)];
    return { ...inside, cookies, fresh: true, waitedMs: Math.max(0, admittedAt - issuedAt) };
  }

  #standing(config: RoomConfig, ticket: Ticket, known: Omit<Known, "issued">, now: number): Standing {
    const issued = this.#issued.get(config.room) ?? [];
    const standing = standingOf(config, ticket, { ...known, issued }, now);
    // Nobody knows when a line goes on that an operator stopped.
    return config.phase === "hold" ? { ...standing, turnAt: null } : standing;
  }

  async #wait(
    visit: Visit,
    at: Omit<Known, "issued"> & {
      readonly ticket: Ticket;
      readonly held: Ticket | null;
      readonly fault: TicketFault | null;
    },
  ): Promise<Verdict> {
    const { policy, config, waitUntil } = visit;
    const now = visit.now + (at.gateWait?.heldMs ?? 0);
    const standing = this.#standing(config, at.ticket, at, now);
    if (at.held !== null) this.#lateness.note(visit.now - at.held.dueAt);
    const pace = { random: Math.random(), stretch: this.#lateness.stretch };
    const poll = Math.round(nextPollMs(config, standing, pace, now));
    const place = Math.floor((at.place ?? 0) / config.binMs);
    const bin = at.place === null ? UNDRAWN : at.held === null ? newcomerBin(place) : place;
    const ticket = { ...at.ticket, dueAt: now + poll, promisedAt: Math.round(standing.turnAt ?? 0), bin };
    if (at.held === null) this.#noteIssued(config.room, ticket.issuedAt);
    this.#reporter.move(config, at.held, ticket);
    this.#reporter.flush(config, at.snapshot?.reportEveryMs ?? firstReportMs(config), now, waitUntil);
    const lifetimeS = Math.ceil((poll + policy.returnWithinMs) / 1000);
    const value = await this.#tickets.write(ticket);
    return {
      kind: "line",
      standing: { ...standing, dueAt: ticket.dueAt, fault: at.fault },
      cookies: [this.#cookies.set("ticket", policy.name, value, lifetimeS)],
      at: now,
    };
  }

  #noteIssued(room: string, at: number): void {
    let issued = this.#issued.get(room);
    if (issued === undefined) this.#issued.set(room, (issued = []));
    issued.push(at);
    if (issued.length > REMEMBERED_TICKETS) issued.splice(0, REMEMBERED_TICKETS / 2);
  }
}

function newTicket({ name }: RoomPolicy, { epoch }: RoomConfig, now: number): Ticket {
  return { room: name, epoch, id: newTicketId(), issuedAt: now, dueAt: now, promisedAt: 0, bin: UNDRAWN };
}
