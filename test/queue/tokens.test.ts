import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Grant, GRANT_MS } from "../../src/queue/grants.ts";
import { type Plan, planOf, Plans, samePlan } from "../../src/queue/plans.ts";
import { roomConfig, type RoomConfig, type RoomSettings, withCapacity } from "../../src/queue/room-config.ts";
import { applyRoomChange } from "../../src/queue/settings.ts";
import { NO_PAST, Tokens } from "../../src/queue/tokens.ts";
import { roomPolicy, START } from "./rig.ts";

const RUNS = 60;
const STEPS = 600;
/** A change is everywhere after so long. */
const EVERYWHERE_MS = 5000;

interface Admission {
  readonly at: number;
  /** The largest N that was in force anywhere in the minute before. */
  readonly cap: number;
}

/** Gates with what is durable of them, isolates with grants, operators, on one clock that each sees askew. */
class World {
  now = START;
  readonly admissions: Admission[] = [];
  readonly #policy;
  #settings: RoomSettings | null = null;
  /** Configurations by when they were set; each isolate hears of one up to 5 s later. */
  readonly #configs: { readonly at: number; readonly config: RoomConfig }[];
  readonly #gates = new Map<number, Tokens>();
  readonly #skews = new Map<number, number>();
  readonly #lastUsed = new Map<number, number>();
  readonly #lent = new Map<number, Map<string, number>>();
  readonly #grants = new Map<number, Grant>();
  readonly #random: () => number;

  constructor(rate: number, gates: number, random: () => number) {
    this.#policy = roomPolicy({ rate, gates, state: "open", freePerIsolate: 30 });
    this.#configs = [{ at: -Infinity, config: roomConfig(this.#policy, null, START) }];
    this.#random = random;
  }

  /** What an isolate that hears `lag` ms late believes. */
  #config(lag: number): RoomConfig {
    const known = this.#configs.findLast(({ at }) => at + lag <= this.now) ?? this.#configs[0];
    if (known === undefined) throw new Error("no configuration");
    return known.config;
  }

  change(change: unknown): void {
    const result = applyRoomChange(this.#policy, this.#settings, change, this.now);
    if (!result.ok) throw new Error(result.faults.join());
    this.#settings = result.settings;
    this.#configs.push({ at: this.now, config: roomConfig(this.#policy, result.settings, this.now) });
  }

  /** An isolate that lags as far as may be; gates keep the newest they heard of. */
  #gate(index: number, config: RoomConfig): { tokens: Tokens; now: number } {
    const skew = this.#skews.get(index) ?? 0;
    const now = this.now + skew;
    let tokens = this.#gates.get(index);
    if (tokens === undefined) {
      tokens = new Tokens(config, { ...NO_PAST, lastUsedAt: this.#lastUsed.get(index) ?? null }, now);
      for (const [isolate, until] of this.#lent.get(index) ?? []) tokens.restoreGrant(isolate, until, now);
      this.#gates.set(index, tokens);
      this.#versions.set(index, config.version);
    }
    if (config.version >= (this.#versions.get(index) ?? 0)) {
      this.#versions.set(index, config.version);
      tokens.adopt(config, now);
    }
    return { tokens, now };
  }
  readonly #versions = new Map<number, number>();

  crowd(index: number, people: number): void {
    const config = this.#config(this.#random() * EVERYWHERE_MS);
    if (index >= config.gates || config.phase === "hold") return;
    const { tokens, now } = this.#gate(index, config);
    for (let person = 0; person < people && tokens.at(now) >= 1; person++) {
      tokens.take();
      this.#lastUsed.set(index, now);
      this.#admitted();
    }
  }

  restart(index: number): void {
    this.#gates.delete(index);
    this.#skews.set(index, this.#random() * 4000 - 2000);
  }

  /** Newcomers at an isolate in an open room. */
  newcomers(isolate: number, people: number): void {
    const config = this.#config(this.#random() * EVERYWHERE_MS);
    if (config.phase !== "open" || !config.lends) return;
    const grant = this.#grants.get(isolate);
    for (let person = 0; person < people; person++)
      if (grant?.take(config, this.now) === true) this.#admitted();
    if (grant?.holds(config, this.now) === true) return;
    const index = isolate % config.gates;
    const { tokens, now } = this.#gate(index, config);
    if (!tokens.lend(String(isolate), now + GRANT_MS, now)) return;
    this.#lastUsed.set(index, now);
    const lent = this.#lent.get(index) ?? new Map<string, number>();
    this.#lent.set(index, lent.set(String(isolate), now + GRANT_MS));
    this.#grants.set(isolate, new Grant(config, this.now, GRANT_MS, grant ?? null));
  }

  giveBack(isolate: number): void {
    const config = this.#config(0);
    if (!this.#grants.delete(isolate)) return;
    const index = isolate % config.gates;
    const { tokens, now } = this.#gate(index, config);
    tokens.giveBack(String(isolate), now);
    this.#lent.get(index)?.delete(String(isolate));
  }

  #admitted(): void {
    const since = this.now - 60_000 - EVERYWHERE_MS;
    const inForce = this.#configs.filter(({ at }, index) => {
      const next = this.#configs[index + 1]?.at ?? Infinity;
      return at <= this.now && next > since;
    });
    const cap = Math.max(...inForce.map(({ config }) => config.perMinute));
    this.admissions.push({ at: this.now, cap });
  }
}

/** The most that any minute had over its cap. */
function excess(admissions: readonly Admission[]): number {
  let most = -Infinity;
  let first = 0;
  for (const [last, { at, cap }] of admissions.entries()) {
    while (at - (admissions[first]?.at ?? at) > 60_000) first += 1;
    most = Math.max(most, last - first + 1 - cap);
  }
  return most;
}

function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

interface Meeting {
  /** From when to when the old and the new deployment serve, ms. */
  readonly before: readonly (readonly [from: number, to: number])[];
  readonly after: readonly [from: number, to: number];
}

/** The new one comes later; both come at once to a new room; both come at once after a rest. */
const RESTED: Meeting = {
  before: [
    [0, 90_000],
    [240_000, 350_000],
  ],
  after: [240_000, 420_000],
};
const MEETINGS: readonly Meeting[] = [
  { before: [[0, 200_000]], after: [90_000, 300_000] },
  { before: [[0, 110_000]], after: [0, 200_000] },
  RESTED,
];

interface Gate {
  tokens: Tokens | null;
  /** ms; when it was last told anything, and when the room was last told by it. */
  heardAt: number;
  reportedAt: number;
  lastUsedAt: number | null;
  stored: Plan[];
}

/** Two deployments, each with its share of N, whose visitors ask each gate within 5 s of their beginning. */
class Redeploy {
  readonly admissions: number[] = [];
  readonly cap: number;
  readonly #configs: readonly [RoomConfig, RoomConfig];
  readonly #random: () => number;
  readonly #gates: Gate[] = Array.from({ length: 6 }, () => ({
    tokens: null,
    heardAt: -Infinity,
    reportedAt: -Infinity,
    lastUsedAt: null,
    stored: [],
  }));
  #room: Plans | null = null;

  constructor(
    before: { rate: number; gates: number },
    after: { rate: number; gates: number },
    random: () => number,
  ) {
    const config = (plan: typeof before): RoomConfig =>
      roomConfig(roomPolicy({ ...plan, state: "queue-all" }), null, START);
    this.#configs = [config(before), config(after)];
    this.cap = Math.max(...this.#configs.map(({ perMinute }) => perMinute));
    this.#random = random;
  }

  run({ before, after }: Meeting, roomDown: boolean, restless: number, lateMs = EVERYWHERE_MS): this {
    const late = this.#configs.map(() =>
      this.#gates.map(() => (this.#random() < 0.5 ? 0 : this.#random() * lateMs)),
    );
    for (let ms = 0; ms < after[1]; ms += 100) {
      for (const [index, gate] of this.#gates.entries()) {
        const asking = [before, [after]].flatMap((times, deployment) => {
          const from = late[deployment]?.[index] ?? 0;
          return times.some((time) => ms >= time[0] + from && ms < time[1]) ? [deployment] : [];
        });
        const deployment = asking[Math.floor(this.#random() * asking.length)];
        const config = this.#configs[deployment ?? -1];
        if (config === undefined || index >= config.gates) continue;
        if (this.#random() < restless) this.#stop(gate);
        this.#ask(gate, config, START + ms, roomDown);
      }
    }
    return this;
  }

  /** What is stored of the plans may be 20 s old. */
  #stop(gate: Gate): void {
    gate.tokens = null;
    gate.heardAt -= this.#random() * 20_000;
  }

  #ask(gate: Gate, config: RoomConfig, now: number, roomDown: boolean): void {
    const joins = now - gate.heardAt > 60_000;
    const alone = !joins || (!roomDown && this.#tell(config, now));
    gate.tokens ??= new Tokens(config, { lastUsedAt: gate.lastUsedAt, plans: this.#lately(gate, now) }, now);
    if (!alone) gate.tokens.listen(now);
    gate.heardAt = now;
    gate.stored = [...gate.stored, planOf(config, now)].slice(-900);
    gate.tokens.adopt(config, now);
    while (gate.tokens.at(now) >= 1) {
      gate.tokens.take();
      gate.lastUsedAt = now;
      this.admissions.push(now);
    }
    if (now - gate.reportedAt < 500) return;
    gate.reportedAt = now;
    // One report in twenty is lost.
    if (!roomDown && this.#random() > 0.05) this.#tell(config, now);
  }

  #tell(config: RoomConfig, now: number): boolean {
    this.#room ??= new Plans(config, [], now);
    this.#room.hear(config, now);
    return this.#room.alone(config, now);
  }

  #lately({ stored }: Gate, now: number): Plan[] {
    const known = stored
      .filter(({ heardAt }) => now - heardAt < 90_000)
      .map((plan) => ({ ...plan, heardAt: now }));
    return known.filter((plan, index) => known.findIndex((other) => samePlan(other, plan)) === index);
  }
}

describe("tokens", () => {
  it(`are never more than N in any 60 s, over ${RUNS} histories of crowds, restarts, skewed clocks, grants, lagging isolates and operators`, () => {
    let admitted = 0;
    const history = fc.record({
      rate: fc.integer({ min: 1, max: 6000 }),
      gates: fc.integer({ min: 1, max: 8 }),
      seed: fc.integer(),
      isolates: fc.integer({ min: 1, max: 40 }),
      restless: fc.double({ min: 0, max: 0.3, noNaN: true }),
      meddling: fc.double({ min: 0, max: 0.02, noNaN: true }),
    });
    fc.assert(
      fc.property(history, ({ rate, gates, seed, isolates, restless, meddling }) => {
        const random = generator(seed);
        const pick = (count: number): number => Math.floor(random() * count);
        const world = new World(rate, gates, random);
        for (let step = 0; step < STEPS; step++) {
          world.now += random() * 500;
          world.crowd(pick(gates), 200);
          world.newcomers(pick(isolates), 5);
          if (random() < restless) world.restart(pick(gates));
          if (random() < restless / 3) world.giveBack(pick(isolates));
          if (random() < meddling) world.change({ rate: 1 + pick(6000) });
          if (random() < meddling) world.change({ state: random() < 0.5 ? "open" : "queue-all" });
        }
        admitted += world.admissions.length;
        expect(excess(world.admissions)).toBeLessThanOrEqual(0);
      }),
      { numRuns: RUNS },
    );
    expect(admitted).toBeGreaterThan(10_000);
  });

  it("that are lent are missing at the gate until they are back, and the gate keeps half", () => {
    const config = roomConfig(roomPolicy({ rate: 610 }), null, START);
    const tokens = new Tokens(config, NO_PAST, START);
    const rate = (): number => tokens.share.perSecond * 61;
    let lent = 0;
    for (let isolate = 0; isolate < 30; isolate++) {
      if (tokens.lend(String(isolate), START + GRANT_MS, START + isolate * 1000)) lent += 1;
    }
    expect(lent).toBe(10);
    expect(rate()).toBeCloseTo(310);
    tokens.giveBack("3", START + 40_000);
    expect(rate()).toBeCloseTo(340);
    // An isolate that vanished gives back by its grant's end.
    tokens.at(START + GRANT_MS);
    expect(rate()).toBeCloseTo(610);
  });

  it("that are lent are paid for: an isolate's first admission is the gate's token, a grant that goes on costs none", () => {
    const tokens = new Tokens(roomConfig(roomPolicy({ rate: 610 }), null, START), NO_PAST, START);
    expect(tokens.at(START)).toBeCloseTo(10);
    expect(tokens.lend("a", START + GRANT_MS, START)).toBe(true);
    expect(tokens.at(START)).toBeCloseTo(9);
    expect(tokens.lend("a", START + 2 * GRANT_MS, START)).toBe(true);
    expect(tokens.at(START)).toBeCloseTo(9);
    while (tokens.at(START) >= 1) tokens.take();
    expect(tokens.lend("b", START + GRANT_MS, START)).toBe(false);
  });

  it("are lent by no gate of a room that is not open", () => {
    const tokens = new Tokens(
      roomConfig(roomPolicy({ rate: 6000, state: "queue-all" }), null, START),
      NO_PAST,
      START,
    );
    expect(tokens.lend("a", START + GRANT_MS, START)).toBe(false);
  });

  it("follow the replicas that are ready where N is automatic; older news changes nothing", () => {
    const capacity = { threshold: 65, replicasMin: 2 };
    const policy = withCapacity(roomPolicy({ rate: "auto" }), capacity);
    const config = roomConfig(policy, null, START);
    expect(config).toMatchObject({ perMinute: 104, auto: { leastReplicas: 2 } });
    const tokens = new Tokens(config, NO_PAST, START);
    const rate = (): number => tokens.share.perSecond * 61;
    expect(rate()).toBeCloseTo(104);
    tokens.follow({ perMinute: 208, at: 5 }, START);
    expect(rate()).toBeCloseTo(208);
    tokens.follow({ perMinute: 104, at: 4 }, START);
    expect(rate()).toBeCloseTo(208);
    tokens.follow({ perMinute: 52, at: 6 }, START);
    expect(rate()).toBeCloseTo(52);
  });

  it("of a gate that a change of their number concerns grow only when all have heard", () => {
    const policy = roomPolicy({ rate: 244, gates: 8, state: "queue-all" });
    const before = roomConfig(policy, null, START);
    const result = applyRoomChange(policy, null, { rate: 976 }, START);
    if (!result.ok) throw new Error("refused");
    const after = roomConfig(policy, result.settings, START);
    expect([before.gates, after.gates, after.resharedAt]).toEqual([2, 8, START]);
    const fresh = new Tokens(after, NO_PAST, START + 1000);
    expect(fresh.at(START + 5000)).toBe(0);
    fresh.at(START + 6000);
    expect(fresh.at(START + 7000)).toBeGreaterThan(0);
    expect(fresh.share.perSecond * 61).toBeCloseTo(122);
  });

  it("are no more than N while one gate becomes two and the first has not heard of it", () => {
    const policy = roomPolicy({ rate: 243, gates: 2, state: "queue-all" });
    const changedAt = START + 120_000;
    const result = applyRoomChange(policy, null, { rate: 244 }, changedAt);
    if (!result.ok) throw new Error("refused");
    const before = roomConfig(policy, null, START);
    const after = roomConfig(policy, result.settings, changedAt);
    expect([before.gates, after.gates]).toEqual([1, 2]);
    const first = new Tokens(before, NO_PAST, START);
    const second = new Tokens(after, NO_PAST, changedAt);
    const admissions: Admission[] = [];
    for (let now = START; now < START + 240_000; now += 10) {
      if (now === changedAt + EVERYWHERE_MS) first.adopt(after, now);
      for (const gate of now < changedAt ? [first] : [first, second]) {
        if (gate.at(now) < 1) continue;
        gate.take();
        admissions.push({ at: now, cap: 244 });
      }
    }
    expect(excess(admissions)).toBeLessThanOrEqual(0);
    expect(excess(admissions)).toBeGreaterThan(-10);
  });

  it(`are no more than the larger N while two deployments with another rate or number of gates both serve, over ${RUNS * 2} of them`, () => {
    let admitted = 0;
    const plan = fc.record({
      // Shares of nearly the same N are what adds up.
      rate: fc.oneof(fc.constantFrom(6000, 5000), fc.integer({ min: 1, max: 6000 })),
      gates: fc.integer({ min: 1, max: 6 }),
    });
    const history = fc.record({
      before: plan,
      after: plan,
      meeting: fc.constantFrom(...MEETINGS),
      roomDown: fc.constantFrom(false, false, true),
      restless: fc.constantFrom(0, 0.001),
      seed: fc.integer(),
    });
    fc.assert(
      fc.property(history, ({ before, after, meeting, roomDown, restless, seed }) => {
        const { admissions, cap } = new Redeploy(before, after, generator(seed)).run(
          meeting,
          roomDown,
          restless,
        );
        admitted += admissions.length;
        expect(excess(admissions.map((at) => ({ at, cap })))).toBeLessThanOrEqual(0);
      }),
      { numRuns: RUNS * 2 },
    );
    expect(admitted).toBeGreaterThan(10_000);
  });

  it("are given at once by the gates of a new room, and of one that rested, where there is one deployment", () => {
    const plan = { rate: 6000, gates: 4 };
    const { admissions } = new Redeploy(plan, plan, generator(1)).run(RESTED, false, 0, 0);
    const second = (from: number): number =>
      admissions.filter((at) => at >= START + from && at < START + from + 1000).length;
    expect(second(0)).toBeGreaterThan(150);
    expect(second(240_000)).toBeGreaterThan(150);
  });

  it("that are lent stay missing where a redeploy makes the room too small to lend", () => {
    const large = roomConfig(roomPolicy({ rate: 610 }), null, START);
    const small = roomConfig(roomPolicy({ rate: 599 }), null, START);
    const tokens = new Tokens(large, NO_PAST, START);
    for (let isolate = 0; isolate < 10; isolate++)
      tokens.lend(String(isolate), START + GRANT_MS, START + isolate * 1000);
    tokens.adopt(small, START + 20_000);
    expect(tokens.share.perSecond * 61).toBeCloseTo(299);
  });

  it("that an isolate holds end where the configuration changes: at once there, at the gate when all have heard", () => {
    const policy = roomPolicy({ rate: 610 });
    const before = roomConfig(policy, null, START);
    const after = roomConfig(policy, { rate: 600, changedAt: START + 1000 }, START + 1000);
    const grant = new Grant(before, START, GRANT_MS, null);
    expect(grant.take(before, START + 900)).toBe(true);
    expect(grant.take(after, START + 60_000)).toBe(false);
    const tokens = new Tokens(before, NO_PAST, START);
    tokens.lend("a", START + GRANT_MS, START);
    tokens.adopt(after, START + 1000);
    expect(tokens.share.perSecond * 61).toBeCloseTo(570);
    tokens.at(START + 6000);
    expect(tokens.share.perSecond * 61).toBeCloseTo(570);
    tokens.at(START + 7000);
    expect(tokens.share.perSecond * 61).toBeCloseTo(600);
  });
});
