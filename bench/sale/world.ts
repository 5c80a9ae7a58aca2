/**
 * The world of a simulated sale: visitors, isolates, sites, gates and the room
 * object on clocks of their own, with messages that take time and get lost. Its
 * decisions are the code that runs at the edge; nothing stands in its place.
 */
import { aheadAfter, peopleBefore, pollAfterMs, promise, waitMs } from "../../src/queue/estimate.ts";
import { type Delta, dueUnit, GRACE_MS, newcomerBin } from "../../src/queue/histogram.ts";
import { hash } from "../../src/queue/gates.ts";
import { GateKeeper } from "../../src/queue/keeper.ts";
import { Probes } from "../../src/queue/probes.ts";
import { Refusals } from "../../src/queue/refusals.ts";
import { roomConfig, type RoomConfig } from "../../src/queue/room-config.ts";
import { firstReportMs, Room, type RoomMemory } from "../../src/queue/room.ts";
import { blindMs, extrapolated } from "../../src/queue/watermark.ts";
import { measure, type Outcome } from "./figures.ts";
import { policyOf, type Scenario } from "./scenarios.ts";
import type { GateReport, GateWait, RoomSnapshot } from "../../src/queue/messages.ts";

const TICK = 50;
const NEVER = 0x7fffffff;
const EPOCH = Date.UTC(2026, 10, 27, 10);

/** A small fast generator (mulberry32), so that runs can be repeated. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Site {
  snapshot: RoomSnapshot | null;
  readAt: number;
  asked: number;
}

interface Isolate {
  readonly site: number;
  readonly skew: number;
  readonly refusals: Refusals;
  readonly probes: Probes;
  home: number;
  pending: Delta[];
  sentAt: number;
  planned: boolean;
}

interface Gate {
  keeper: GateKeeper;
  readonly skew: number;
  lastAdmittedAt: number | null;
  syncedAt: number;
  down: boolean;
}

/** Runs one scenario. */
export function simulate(scenario: Scenario): Outcome {
  return new Simulation(scenario).run();
}

class Simulation {
  readonly #scenario: Scenario;
  readonly #config: RoomConfig;
  readonly #random: () => number;
  readonly #ticks: number;
  /** Messages on their way, by the tick they arrive in. */
  readonly #mail: (() => void)[][];
  #now = 0;
  #room: Room | null;
  #memory: RoomMemory | null = null;
  readonly #roomSkew: number;
  readonly #gates: Gate[];
  readonly #isolates: Isolate[];
  readonly #sites: Site[];
  /** Visitors, by number: the next visitor of the same tick, and what each remembers. */
  readonly #head: Int32Array;
  readonly #next: Int32Array;
  readonly #issuedAt: Float64Array;
  readonly #leavesAt: Float64Array;
  readonly #bin: Float64Array;
  readonly #due: Float64Array;
  readonly #promised: Float64Array;
  readonly #told: Float64Array;
  readonly #admittedAt: Float64Array;
  readonly #inside: Uint8Array;
  #people = 0;
  readonly #admissions: number[] = [];
  readonly #arrivals: number[] = [];
  readonly #waiting: number[] = [];
  readonly #estimates: number[][] = [];
  #waitingNow = 0;
  readonly #load = new Map<string, Map<number, number>>();
  /** Who left and is still counted by the first site: when, and when his poll was due (unit of deltas). */
  #leavers: { readonly leftAt: number; readonly due: number }[] = [];
  readonly #countedAfterLeaving: number[] = [];

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    const { skewMs, isolates, sites } = scenario;
    this.#random = generator(scenario.seed ?? 1);
    const skew = (): number => (this.#random() * 2 - 1) * skewMs;
    this.#config = roomConfig(policyOf(scenario), null, EPOCH);
    const { gates } = this.#config;
    this.#ticks = Math.ceil((scenario.minutes * 60_000) / TICK);
    this.#mail = Array.from({ length: this.#ticks }, () => []);
    this.#roomSkew = skew();
    this.#room = new Room(this.#config, null, EPOCH + this.#roomSkew);
    this.#gates = Array.from({ length: gates }, (_, index) => {
      const off = skew();
      const keeper = new GateKeeper(index, this.#config, {}, EPOCH + off);
      return { keeper, skew: off, lastAdmittedAt: null, syncedAt: 0, down: false };
    });
    this.#isolates = Array.from({ length: isolates }, (_, index) => ({
      site: index % sites,
      skew: skew(),
      refusals: new Refusals(),
      probes: new Probes(),
      home: Math.floor(this.#random() * gates),
      pending: [],
      sentAt: -1e9,
      planned: false,
    }));
    this.#sites = Array.from({ length: sites }, () => ({ snapshot: null, readAt: -1e9, asked: -1e9 }));
    const capacity = Math.ceil(scenario.arrivalsPerMinute * scenario.arrivalMinutes * 1.02) + 1000;
    this.#head = new Int32Array(this.#ticks).fill(-1);
    this.#next = new Int32Array(capacity).fill(-1);
    const column = (): Float64Array => new Float64Array(capacity);
    this.#issuedAt = column();
    this.#leavesAt = column();
    this.#bin = column();
    this.#due = column();
    this.#promised = column();
    this.#told = column();
    this.#admittedAt = column();
    this.#inside = new Uint8Array(capacity);
  }

  run(): Outcome {
    for (let tick = 0; tick < this.#ticks; tick++) {
      this.#now = EPOCH + tick * TICK;
      this.#fail(tick);
      for (const deliver of this.#mail[tick] ?? []) deliver();
      this.#mail[tick] = [];
      const arrived = this.#arrive(tick);
      let visitor = this.#head[tick] ?? -1;
      this.#admissions.push(0);
      while (visitor !== -1) {
        const following = this.#next[visitor] ?? -1;
        this.#poll(visitor, tick);
        visitor = following;
      }
      this.#arrivals.push(arrived);
      this.#waiting.push(this.#waitingNow);
    }
    return measure(
      {
        tickMs: TICK,
        perMinute: this.#scenario.perMinute,
        people: this.#people,
        arrivals: this.#arrivals,
        admissions: this.#admissions,
        waiting: this.#waiting,
        estimates: this.#estimates,
        load: this.#load,
        issuedAt: this.#issuedAt,
        admittedAt: this.#admittedAt,
        told: this.#told,
        countedAfterLeaving: this.#countedAfterLeaving,
      },
      this.#random,
    );
  }

  #fail(tick: number): void {
    const { fault } = this.#scenario;
    const ms = tick * TICK;
    if (fault?.kind === "room-down") {
      if (ms === fault.from) this.#stopRoom();
      if (ms === fault.to) this.#startRoom();
    }
    if (fault?.kind === "room-restart" && ms === fault.at) {
      this.#stopRoom();
      this.#startRoom();
    }
    if (fault?.kind === "gates-restart") {
      // One gate after another, each on a clock of its own.
      const gate = this.#gates[Math.floor((ms / fault.every) % this.#gates.length)];
      if (ms % fault.every === 0 && ms > 0 && gate !== undefined) {
        const index = this.#gates.indexOf(gate);
        const off = (this.#random() * 2 - 1) * this.#scenario.skewMs;
        const past = { lastUsedAt: gate.lastAdmittedAt };
        const keeper = new GateKeeper(index, this.#config, past, this.#now + off);
        this.#gates[index] = { ...gate, keeper, skew: off };
      }
    }
    const first = this.#gates[0];
    if (fault?.kind === "gate-down" && first !== undefined) first.down = ms >= fault.from && ms < fault.to;
  }

  #stopRoom(): void {
    this.#memory = this.#room?.memory ?? null;
    this.#room = null;
    this.#settleLeavers(Infinity);
  }

  #startRoom(): void {
    this.#room = new Room(this.#config, this.#memory, this.#now + this.#roomSkew);
  }

  #arrive(tick: number): number {
    const { arrivalsPerMinute, arrivalMinutes, ghosts, patienceMs } = this.#scenario;
    if (tick * TICK >= arrivalMinutes * 60_000) return 0;
    const mean = (arrivalsPerMinute * TICK) / 60_000;
    const arrived = Math.max(0, Math.floor(mean + this.#random()));
    for (let count = 0; count < arrived && this.#people < this.#issuedAt.length; count++) {
      const visitor = this.#people++;
      const ghost = this.#random() < ghosts;
      this.#leavesAt[visitor] = ghost ? this.#now + 1 : this.#now - patienceMs * Math.log(1 - this.#random());
      this.#bin[visitor] = NEVER;
      this.#schedule(visitor, tick);
      this.#waitingNow += 1;
    }
    return arrived;
  }

  #schedule(visitor: number, tick: number): void {
    if (tick >= this.#ticks) return;
    this.#next[visitor] = this.#head[tick] ?? -1;
    this.#head[tick] = visitor;
  }

  /** A visitor's request at an isolate of his site: the edge's decisions in their order. */
  #poll(visitor: number, tick: number): void {
    const now = this.#now;
    const first = this.#issuedAt[visitor] === 0;
    if (!first && now >= (this.#leavesAt[visitor] ?? 0)) {
      this.#waitingNow -= 1;
      // Without a room object nobody counts him: sites go on at the last slope.
      if (this.#room !== null) {
        this.#leavers.push({ leftAt: this.#leavesAt[visitor] ?? 0, due: this.#due[visitor] ?? 0 });
      }
      return;
    }
    const isolate = this.#isolates[Math.floor(this.#random() * this.#isolates.length)];
    if (isolate === undefined) return;
    const local = now + isolate.skew;
    if (first) this.#issuedAt[visitor] = local;
    const place = this.#issuedAt[visitor] ?? 0;
    const snapshot = this.#snapshotOf(isolate.site);
    const wait = this.#mayAsk(isolate, place, snapshot, local) ? this.#ask(visitor, place) : null;
    if (wait === "admitted") return;
    if (wait !== null) isolate.refusals.note(this.#config, wait.beyond, wait.afterMs, local);
    const expected = snapshot === null ? 5000 : this.#expected(snapshot, place, wait, local);
    const turnAt = promise(this.#promised[visitor] ?? 0, local + expected, local);
    if (snapshot !== null) this.#promised[visitor] = turnAt;
    if (this.#told[visitor] === 0 && snapshot !== null) {
      this.#told[visitor] = expected;
      (this.#estimates[Math.floor((tick * TICK) / 15_000)] ??= []).push(expected);
    }
    const after = pollAfterMs(expected, this.#random());
    this.#report(isolate, visitor, place, local + after);
    // Pages come back a little late, as the network has it.
    const back = now + after + this.#random() * 300;
    this.#schedule(visitor, Math.max(tick + 1, Math.round((back - EPOCH) / TICK)));
  }

  /** ms; as the edge's standing. */
  #expected(snapshot: RoomSnapshot, place: number, wait: GateWait | null, local: number): number {
    const { perSecond, leaving, at } = snapshot;
    const then = peopleBefore(snapshot, place, []);
    const ahead = Math.max(aheadAfter(then, perSecond, leaving, blindMs(at, local)), wait?.ahead ?? 0);
    return Math.max(waitMs(ahead + 1, perSecond, leaving), wait?.afterMs ?? 0);
  }

  #mayAsk(isolate: Isolate, place: number, snapshot: RoomSnapshot | null, local: number): boolean {
    if (snapshot === null) return false;
    const { fault } = this.#scenario;
    const ms = this.#now - EPOCH;
    const stuckOpen = fault?.kind === "watermark-open" && ms >= fault.from && ms < fault.to;
    if (!stuckOpen && place >= extrapolated(snapshot.watermark, local)) return false;
    if (isolate.refusals.covers(this.#config, place, local)) return false;
    return isolate.probes.may(this.#config, snapshot, place, this.#random(), local);
  }

  #ask(visitor: number, place: number): "admitted" | GateWait | null {
    const { gates } = this.#config;
    // Ids are random, and so are gates: not every gate has as many people called as the next.
    const own = hash(String(visitor)) % gates;
    const index = this.#gates[own]?.down ? (own + 1 + (visitor % (gates - 1 || 1))) % gates : own;
    const gate = this.#gates[index];
    if (gate === undefined || gate.down || this.#lost()) return null;
    this.#count(`gate ${index}`);
    const local = this.#now + gate.skew;
    if (this.#inside[visitor] === 0) {
      const bin = this.#bin[visitor] ?? NEVER;
      const counted = bin === NEVER ? null : { bin, due: this.#due[visitor] ?? 0 };
      const decision = gate.keeper.decide(
        { id: String(visitor), key: place, counted, patient: false },
        local,
      );
      this.#sync(gate, local);
      if (decision.kind !== "admit") return this.#lost() || decision.kind === "hold" ? null : decision;
      gate.lastAdmittedAt = local;
      this.#inside[visitor] = 1;
      this.#admittedAt[visitor] = this.#now;
      this.#admissions[this.#admissions.length - 1] = (this.#admissions.at(-1) ?? 0) + 1;
    }
    // A lost answer: the visitor asks again and gets the same pass.
    if (this.#lost()) return null;
    this.#waitingNow -= 1;
    return "admitted";
  }

  #report(isolate: Isolate, visitor: number, place: number, dueAt: number): void {
    const bin = this.#bin[visitor] ?? NEVER;
    if (bin !== NEVER) isolate.pending.push([bin, this.#due[visitor] ?? 0, -1]);
    const at = Math.floor(place / this.#config.binMs);
    const now = bin === NEVER ? newcomerBin(at) : at;
    const due = dueUnit(dueAt);
    isolate.pending.push([now, due, 1]);
    this.#bin[visitor] = now;
    this.#due[visitor] = due;
    if (isolate.planned) return;
    const told = this.#sites[isolate.site]?.snapshot?.reportEveryMs ?? firstReportMs(this.#config);
    const every = told * (0.7 + 0.6 * this.#random());
    isolate.planned = true;
    this.#after(Math.max(0, isolate.sentAt + every - this.#now), () => this.#flush(isolate));
  }

  #flush(isolate: Isolate): void {
    isolate.planned = false;
    isolate.sentAt = this.#now;
    const { pending } = isolate;
    isolate.pending = [];
    this.#send(() => {
      const gate = this.#gates[isolate.home];
      this.#count(`gate ${isolate.home}`);
      if (gate === undefined || gate.down) {
        isolate.home = Math.floor(this.#random() * this.#gates.length);
        return;
      }
      gate.keeper.collect(pending);
      this.#sync(gate, this.#now + gate.skew);
    });
  }

  #sync(gate: Gate, local: number): void {
    if (this.#now - gate.syncedAt < 500) return;
    gate.syncedAt = this.#now;
    const report: GateReport = gate.keeper.report(local);
    this.#send(() => {
      this.#count("room");
      this.#room?.hear(report, this.#now + this.#roomSkew);
    });
  }

  #snapshotOf(index: number): RoomSnapshot | null {
    const site = this.#sites[index];
    if (site === undefined) return null;
    if (this.#now - site.readAt >= 1000 && this.#now - site.asked >= 1000) {
      site.asked = this.#now;
      this.#send(() => {
        this.#count("room");
        const snapshot = this.#room?.snapshot({ commitment: null, seed: null }, this.#now + this.#roomSkew);
        if (snapshot === undefined) return;
        this.#send(() => {
          site.snapshot = snapshot;
          site.readAt = this.#now;
          if (site === this.#sites[0]) this.#settleLeavers(snapshot.at);
        });
      });
    }
    return site.snapshot;
  }

  /** Those whose poll's time was over when the snapshot was made are counted no longer. */
  #settleLeavers(countedAt: number): void {
    this.#leavers = this.#leavers.filter(({ leftAt, due }) => {
      if (due * 1000 + GRACE_MS > countedAt) return true;
      this.#countedAfterLeaving.push(this.#now - leftAt);
      return false;
    });
  }

  #lost(): boolean {
    return this.#random() < this.#scenario.loss;
  }

  #send(deliver: () => void): void {
    if (this.#lost()) return;
    this.#after(this.#scenario.latencyMs * (1 + this.#random() * 2), deliver);
  }

  #after(ms: number, act: () => void): void {
    const tick = Math.round((this.#now - EPOCH + ms) / TICK) + 1;
    this.#mail[tick]?.push(act);
  }

  #count(object: string): void {
    let seconds = this.#load.get(object);
    if (seconds === undefined) this.#load.set(object, (seconds = new Map()));
    const second = Math.floor((this.#now - EPOCH) / 1000);
    seconds.set(second, (seconds.get(second) ?? 0) + 1);
  }
}
