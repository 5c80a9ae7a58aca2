/**
 * The waiting room's decisions under a flash sale: a discrete-event simulation of
 * visitors, isolates, sites, gates and the room object, with the code that runs at
 * the edge (GateKeeper, Room, watermark, estimates, polls) and nothing in its place.
 *
 *   node bench/queue-simulation.ts [--full] [--svg FILE] [--json FILE]
 *
 * Without --full every size is a twentieth; the shape of the sale is the same.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { pathToFileURL } from "node:url";
import { peopleBefore, pollAfterMs, promise, waitMs } from "../src/queue/estimate.ts";
import { type Delta, dueUnit } from "../src/queue/histogram.ts";
import { GateKeeper, type GateReport } from "../src/queue/keeper.ts";
import { Refusals } from "../src/queue/refusals.ts";
import { firstReportMs, Room, type RoomMemory, type RoomSnapshot } from "../src/queue/room.ts";
import { roomConfig, type RoomConfig, type RoomPolicy } from "../src/queue/room-config.ts";
import { extrapolated } from "../src/queue/watermark.ts";
import { drawChart, type Sample } from "./queue-chart.ts";

export interface Scenario {
  readonly name: string;
  readonly arrivalsPerMinute: number;
  readonly arrivalMinutes: number;
  readonly minutes: number;
  /** N. */
  readonly perMinute: number;
  readonly gates: number;
  readonly isolates: number;
  readonly sites: number;
  /** Mean time after which somebody gives up, ms. */
  readonly patienceMs: number;
  /** Share of visitors who take a ticket and never come back. */
  readonly ghosts: number;
  /** Share of messages between objects and isolates that are lost. */
  readonly loss: number;
  /** Clocks of isolates and objects are off by up to this, ms. */
  readonly skewMs: number;
  /** Way of a message, ms: this to three times this. */
  readonly latencyMs: number;
  readonly fault?: Fault;
  readonly seed?: number;
}

export type Fault =
  | { readonly kind: "room-down"; readonly from: number; readonly to: number }
  | { readonly kind: "room-restart"; readonly at: number }
  | { readonly kind: "gates-restart"; readonly every: number }
  | { readonly kind: "gate-down"; readonly from: number; readonly to: number }
  | { readonly kind: "watermark-open"; readonly from: number; readonly to: number };

export interface Outcome {
  readonly people: number;
  readonly admitted: number;
  /** Most admissions within any 60 s, as a share of N. */
  readonly peak: number;
  /** Admitted while people waited, as a share of what N allows. */
  readonly used: number;
  readonly hottest: { readonly object: string; readonly perSecond: number };
  readonly roomPerSecond: number;
  /** Share of pairs of admitted visitors that were admitted against their order. */
  readonly inversions: number;
  /** Time by which an admitted visitor overtook another at most, 99th percentile, seconds. */
  readonly overtakingSeconds: number;
  /** Median of |told - waited| / waited, of the first estimate told to those who were admitted. */
  readonly estimateError: number;
  /** How long somebody who left is still counted, 99th percentile, seconds. */
  readonly countedAfterLeaving: number;
  readonly samples: readonly Sample[];
}

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
  readonly #lastDue: Float64Array;
  #people = 0;
  readonly #admissions: number[] = [];
  readonly #arrivals: number[] = [];
  readonly #waiting: number[] = [];
  readonly #estimates: number[][] = [];
  #waitingNow = 0;
  readonly #load = new Map<string, Map<number, number>>();
  readonly #left: number[] = [];

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
      const keeper = new GateKeeper(index, this.#config, null, EPOCH + off);
      return { keeper, skew: off, lastAdmittedAt: null, syncedAt: 0, down: false };
    });
    this.#isolates = Array.from({ length: isolates }, (_, index) => ({
      site: index % sites,
      skew: skew(),
      refusals: new Refusals(),
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
    this.#lastDue = column();
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
    return this.#measure();
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
        const keeper = new GateKeeper(index, this.#config, gate.lastAdmittedAt, this.#now + off);
        this.#gates[index] = { ...gate, keeper, skew: off };
      }
    }
    const first = this.#gates[0];
    if (fault?.kind === "gate-down" && first !== undefined) first.down = ms >= fault.from && ms < fault.to;
  }

  #stopRoom(): void {
    this.#memory = this.#room?.memory ?? null;
    this.#room = null;
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
      this.#left.push((this.#lastDue[visitor] ?? 0) + 4000 + 2000 - (this.#leavesAt[visitor] ?? 0));
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
    if (wait !== null) isolate.refusals.note(this.#config, place, wait.afterMs, local);
    const ahead = snapshot === null ? null : Math.max(peopleBefore(snapshot, place, []), wait?.ahead ?? 0);
    const expected =
      snapshot === null || ahead === null
        ? 5000
        : Math.max(waitMs(ahead + 1, snapshot.perSecond, snapshot.leaving), wait?.afterMs ?? 0);
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
    this.#lastDue[visitor] = now + after;
    this.#schedule(visitor, Math.max(tick + 1, Math.round((back - EPOCH) / TICK)));
  }

  #mayAsk(isolate: Isolate, place: number, snapshot: RoomSnapshot | null, local: number): boolean {
    if (isolate.refusals.covers(this.#config, place, local)) return false;
    const { fault } = this.#scenario;
    const ms = this.#now - EPOCH;
    if (fault?.kind === "watermark-open" && ms >= fault.from && ms < fault.to) return true;
    return snapshot !== null && place < extrapolated(snapshot.watermark, local);
  }

  #ask(
    visitor: number,
    place: number,
  ): "admitted" | { readonly afterMs: number; readonly ahead: number } | null {
    const { gates } = this.#config;
    // Ids are random, so numbers do for them; the next gate steps in for one that is down.
    const own = visitor % gates;
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
      if (decision.kind === "wait") {
        gate.keeper.release(
          { id: String(visitor), key: place, counted, patient: false },
          local,
          Math.min(decision.afterMs, 3000),
        );
        return this.#lost() ? null : decision;
      }
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
    const now = Math.floor(place / this.#config.binMs);
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
        });
      });
    }
    return site.snapshot;
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

  #measure(): Outcome {
    const { perMinute } = this.#scenario;
    const hottest = [...this.#load]
      .map(([object, seconds]) => ({ object, perSecond: Math.max(...seconds.values()) }))
      .reduce((a, b) => (b.perSecond > a.perSecond ? b : a), { object: "none", perSecond: 0 });
    const admitted = this.#admissions.reduce((sum, count) => sum + count, 0);
    return {
      people: this.#people,
      admitted,
      peak: mostWithin(this.#admissions, 60_000 / TICK) / perMinute,
      used: this.#used(),
      hottest,
      roomPerSecond: Math.max(0, ...(this.#load.get("room")?.values() ?? [])),
      ...this.#order(),
      estimateError: this.#estimateError(),
      countedAfterLeaving: quantile(this.#left, 0.99) / 1000,
      samples: this.#samples(),
    };
  }

  /** From the first minute with a line until the line is shorter than five seconds of the rate. */
  #used(): number {
    const { perMinute } = this.#scenario;
    const short = perMinute / 12;
    const from = this.#waiting.findIndex((waiting) => waiting > short);
    const to = this.#waiting.findLastIndex((waiting) => waiting > short);
    if (from < 0) return Number.NaN;
    const admitted = this.#admissions.slice(from, to).reduce((sum, count) => sum + count, 0);
    return admitted / ((perMinute * (to - from) * TICK) / 60_000);
  }

  #order(): { inversions: number; overtakingSeconds: number } {
    const inside: number[] = [];
    for (let visitor = 0; visitor < this.#people; visitor++)
      if (this.#inside[visitor] === 1) inside.push(visitor);
    const pairs = 400_000;
    let inverted = 0;
    for (let pair = 0; pair < pairs; pair++) {
      const a = inside[Math.floor(this.#random() * inside.length)] ?? 0;
      const b = inside[Math.floor(this.#random() * inside.length)] ?? 0;
      const issued = (this.#issuedAt[a] ?? 0) - (this.#issuedAt[b] ?? 0);
      const admitted = (this.#admittedAt[a] ?? 0) - (this.#admittedAt[b] ?? 0);
      if (issued * admitted < 0) inverted += 1;
    }
    // How much later than the latest place admitted so far somebody was placed.
    const byAdmission = inside.toSorted((a, b) => (this.#admittedAt[a] ?? 0) - (this.#admittedAt[b] ?? 0));
    let latest = 0;
    const overtaken = byAdmission.map((visitor) => {
      const issued = this.#issuedAt[visitor] ?? 0;
      latest = Math.max(latest, issued);
      return latest - issued;
    });
    return { inversions: inverted / pairs, overtakingSeconds: quantile(overtaken, 0.99) / 1000 };
  }

  #estimateError(): number {
    const errors: number[] = [];
    for (let visitor = 0; visitor < this.#people; visitor++) {
      const waited = (this.#admittedAt[visitor] ?? 0) - (this.#issuedAt[visitor] ?? 0);
      if (this.#inside[visitor] === 1 && waited > 20_000) {
        errors.push(Math.abs((this.#told[visitor] ?? 0) - waited) / waited);
      }
    }
    return quantile(errors, 0.5);
  }

  #samples(): Sample[] {
    const step = 15_000 / TICK;
    return Array.from({ length: Math.floor(this.#ticks / step) }, (_, index) => {
      const sum = (counts: readonly number[]): number =>
        counts.slice(index * step, (index + 1) * step).reduce((a, b) => a + b, 0);
      return {
        minute: index / 4,
        arrivedPerMinute: sum(this.#arrivals) * 4,
        admittedPerMinute: sum(this.#admissions) * 4,
        waiting: this.#waiting[index * step] ?? 0,
        estimate: quantile(this.#estimates[index] ?? [], 0.5) / 1000,
      };
    });
  }
}

function mostWithin(counts: readonly number[], width: number): number {
  let sum = 0;
  let most = 0;
  for (const [index, count] of counts.entries()) {
    sum += count - (counts[index - width] ?? 0);
    most = Math.max(most, sum);
  }
  return most;
}

function quantile(values: readonly number[], q: number): number {
  const sorted = Float64Array.from(values).toSorted();
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

function policyOf({ perMinute, gates }: Scenario): RoomPolicy {
  return {
    name: "sale",
    title: "Sale",
    paths: [],
    bypass: [],
    state: "queue-all",
    perMinute,
    freePerIsolate: 0,
    gates,
    activeCap: null,
    passIdleMs: 1_200_000,
    passMaxMs: 14_400_000,
    returnWithinMs: 600_000,
    ticketsPerAddress: 1e9,
    statusPage: 200,
    statusJson: 429,
    events: [],
  };
}

/** The flash sale of the design at a share of its size. */
export function flashSale(scale: number, over: Partial<Scenario> = {}): Scenario {
  return {
    name: "1M arrivals a minute",
    arrivalsPerMinute: 1_000_000 * scale,
    arrivalMinutes: 3.4,
    minutes: 12,
    perMinute: 300_000 * scale,
    gates: Math.max(2, Math.round(48 * scale)),
    isolates: Math.max(20, 10_000 * scale),
    sites: Math.max(5, 300 * scale),
    patienceMs: 480_000,
    ghosts: 0.05,
    loss: 0.01,
    skewMs: 2000,
    latencyMs: 40,
    ...over,
  };
}

/** Every setting and failure the cap is promised for. */
export function scenarios(scale: number): Scenario[] {
  const minute = 60_000;
  const failing = (name: string, fault: Fault): Scenario => flashSale(scale, { name, fault });
  return [
    flashSale(scale, {
      name: "100k arrivals a minute",
      arrivalsPerMinute: 100_000 * scale,
      arrivalMinutes: 8,
      perMinute: 30_000 * scale,
    }),
    flashSale(scale, {
      name: "300k arrivals a minute",
      arrivalsPerMinute: 300_000 * scale,
      arrivalMinutes: 6,
      perMinute: 100_000 * scale,
    }),
    flashSale(scale),
    flashSale(scale, { name: "1M, no loss, true clocks", loss: 0, skewMs: 0 }),
    flashSale(scale, { name: "1M, 20% ghosts, slow objects", ghosts: 0.2, latencyMs: 200 }),
    failing("room object down for 1 min", { kind: "room-down", from: 3 * minute, to: 4 * minute }),
    failing("room object restarted", { kind: "room-restart", at: 3 * minute }),
    failing("a gate restarted every 5 s", { kind: "gates-restart", every: 5000 }),
    failing("a gate down for 2 min", { kind: "gate-down", from: 2 * minute, to: 4 * minute }),
    failing("watermark stuck open 2 min", { kind: "watermark-open", from: 2 * minute, to: 4 * minute }),
  ];
}

function row(scenario: Scenario, outcome: Outcome, seconds: number): Record<string, string | number> {
  const percent = (value: number): string => `${(value * 100).toFixed(2)}%`;
  return {
    scenario: scenario.name,
    people: outcome.people,
    admitted: outcome.admitted,
    "peak/N": outcome.peak.toFixed(4),
    used: percent(outcome.used),
    "hottest object": `${outcome.hottest.object} ${outcome.hottest.perSecond}/s`,
    "room/s": outcome.roomPerSecond,
    inversions: percent(outcome.inversions),
    "overtaken p99 s": outcome.overtakingSeconds.toFixed(1),
    "estimate error": percent(outcome.estimateError),
    "left, counted p99 s": outcome.countedAfterLeaving.toFixed(1),
    "run s": seconds.toFixed(1),
  };
}

function main(): void {
  const { values } = parseArgs({
    options: { full: { type: "boolean" }, svg: { type: "string" }, json: { type: "string" } },
  });
  const scale = values.full ? 1 : 0.05;
  const rows: Record<string, string | number>[] = [];
  for (const scenario of values.full ? [flashSale(1)] : scenarios(scale)) {
    const begun = performance.now();
    const outcome = simulate(scenario);
    rows.push(row(scenario, outcome, (performance.now() - begun) / 1000));
    process.stderr.write(`${scenario.name}: peak ${outcome.peak.toFixed(4)} N\n`);
    if (scenario.name === flashSale(1).name && values.svg !== undefined) {
      writeFileSync(values.svg, drawChart(outcome.samples, scenario.perMinute));
    }
  }
  // oxlint-disable-next-line no-console -- the table is what this command is for
  console.table(rows);
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(rows, null, 2));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
