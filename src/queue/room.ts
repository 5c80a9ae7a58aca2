/**
 * What the room object knows and computes: who is alive in the line, how far the
 * watermark has come, what visitors may be told. Pure; computed when asked.
 */
import { shareOf } from "./bucket.ts";
import { Calls } from "./calls.ts";
import type { PlaceTable } from "./estimate.ts";
import { AliveHistogram, type Span } from "./histogram.ts";
import { holdsAtGate } from "./keeper.ts";
import { type Plan, Plans, rateOf } from "./plans.ts";
import { Rates } from "./rates.ts";
import { admits, type RoomConfig } from "./room-config.ts";
import { calledAhead, extrapolated, nextBoost, nextWatermark, placeAt, type Watermark } from "./watermark.ts";
import type { GateReport, RoomSnapshot, ToldRate } from "./messages.ts";

/** What must survive the object. */
export interface RoomMemory {
  readonly epoch: string;
  readonly watermark: Watermark;
  /** What was last said of the storefront's replicas. */
  readonly ready?: Ready | null;
}

interface Ready {
  readonly replicas: number;
  readonly at: number;
}

/** Everybody alive has polled once within this time after the object started. */
const RELEARN_MS = 34_000;
/** A long line is looked at less often: it also moves less. */
const FOLLOW_MS = 2500;
/** A watermark that leaves gates idle for so long while the line is learned again was wrong. */
const IDLE_MS = 5000;
/** How many times its last slope the watermark may rise meanwhile, where gates have tokens to spare. */
const MOST_HASTE = 4;
const COMPUTE_EVERY_MS = 200;
const SPANS_PER_MS = 50;
/** Calls a second that a gate is meant to carry, and the reports among them that it always takes. */
const CALLS_PER_GATE = 400;
const LEAST_REPORTS_PER_GATE = 120;
const TABLE_POINTS = 100;
const MOST_REVOKED = 500;
const OPEN: Watermark = { key: null, slope: 1, at: 0 };

export class Room {
  #config: RoomConfig;
  #histogram: AliveHistogram;
  #watermark: Watermark;
  #relearnedAt: number;
  #boost = 1;
  #reportEveryMs: number;
  #computedAt = 0;
  #spans: readonly Span[] = [];
  readonly #active = new Map<number, number>();
  /** By pass: the expiry before which it is worth nothing, and when that was heard. */
  readonly #revoked = new Map<string, { readonly before: number; readonly at: number }>();
  readonly #calls = new Calls();
  readonly #rates: Rates;
  readonly #plans: Plans;
  #ready: Ready | null;

  /** @param plans as they were heard lately, before the object started */
  constructor(config: RoomConfig, memory: RoomMemory | null, now: number, plans: readonly Plan[] = []) {
    const known = memory?.epoch === config.epoch ? memory : null;
    this.#config = config;
    this.#reportEveryMs = firstReportMs(config);
    this.#histogram = new AliveHistogram(config.binMs);
    // How long the object was away says nothing: the gates may have gone on, or not. They will tell.
    this.#watermark = { ...(known?.watermark ?? OPEN), at: now };
    this.#relearnedAt = this.#watermark.key === null ? now : now + RELEARN_MS;
    this.#rates = new Rates(now);
    this.#plans = new Plans(config, plans, now);
    this.#ready = memory?.ready ?? null;
  }

  get memory(): RoomMemory {
    return { epoch: this.#config.epoch, watermark: this.#watermark, ready: this.#ready };
  }

  /** N where it is automatic, the least of those that deployments reckon with; null where it is the configuration's. */
  toldRate(now: number): ToldRate | null {
    if (this.#ready === null) return null;
    const { replicas, at } = this.#ready;
    const rates = this.#plans
      .at(now)
      .flatMap((plan) => (plan.perReplica === null ? [] : [rateOf(plan, replicas)]));
    return rates.length === 0 ? null : { perMinute: Math.min(...rates), at };
  }

  /** Whether nobody lately shares N among another number of gates. */
  alone(config: RoomConfig, now: number): boolean {
    return this.#plans.alone(config, now);
  }

  /** So many replicas are ready. @returns whether that is news */
  follow(replicas: number, now: number): boolean {
    const news = replicas !== this.#ready?.replicas;
    if (news) this.#ready = { replicas, at: Math.max(now, (this.#ready?.at ?? 0) + 1) };
    return news;
  }

  get config(): RoomConfig {
    return this.#config;
  }

  /** Takes over a configuration that is not older; another epoch or grain starts an empty line. */
  adopt(config: RoomConfig, now: number): void {
    if (config.version < this.#config.version) return;
    this.#plans.hear(config, now);
    const fresh = config.epoch !== this.#config.epoch;
    const regrained = config.binMs !== this.#histogram.binMs;
    this.#config = config;
    if (!fresh && !regrained) return;
    this.#histogram = new AliveHistogram(config.binMs);
    if (fresh) this.#watermark = { ...OPEN, at: now };
    this.#relearnedAt = fresh || this.#watermark.key === null ? now : now + RELEARN_MS;
    this.#spans = [];
  }

  /** A gate's news. */
  hear(report: GateReport, now: number): void {
    this.#histogram.add(report.deltas, now);
    this.#calls.called(`gate ${report.gate}`, report.batches + report.asks, now);
    this.#calls.called("room", 1, now);
    this.#calls.admitted(report.admitted, now);
    this.#active.set(report.gate, report.active);
    this.#rates.hear(report);
    for (const [id, before] of report.revoked) this.#revoke(id, before, now);
    if (now < this.#relearnedAt) this.#follow(report.reached, now);
  }

  snapshot(
    draw: { readonly commitment: string | null; readonly seed: string | null },
    now: number,
  ): RoomSnapshot {
    this.#calls.called("room", 1, now);
    const pause = Math.max(COMPUTE_EVERY_MS, this.#spans.length / SPANS_PER_MS);
    if (now - this.#computedAt >= pause) this.#compute(now);
    const config = this.#config;
    const started = config.event !== null && now >= config.event.startsAt;
    return {
      room: config.room,
      epoch: config.epoch,
      version: config.version,
      perMinute: this.#perMinute(now),
      replicas: config.auto === null ? null : (this.#ready?.replicas ?? config.auto.leastReplicas),
      at: now,
      watermark: this.#watermark,
      table: table(this.#spans),
      waiting: Math.round(total(this.#spans)),
      arriving: this.#rates.arriving,
      perSecond: this.#perSecond(now),
      leaving: this.#rates.leaving,
      active: [...this.#active.values()].reduce((sum, active) => sum + active, 0),
      admittedLastMinute: this.#calls.admittedLastMinute(now),
      load: this.#calls.load(now),
      reportEveryMs: this.#reportEveryMs,
      commitment: draw.commitment,
      seed: started ? draw.seed : null,
      revoked: [...this.#revoked].map(([id, { before }]) => [id, before]),
    };
  }

  /** Remembers the latest; older ones are noticed when their passes are to be renewed. */
  #revoke(id: string, before: number, now: number): void {
    this.#revoked.delete(id);
    this.#revoked.set(id, { before, at: now });
    for (const [known, { at }] of this.#revoked) {
      if (this.#revoked.size <= MOST_REVOKED && now - at < this.#config.passIdleMs) break;
      this.#revoked.delete(known);
    }
  }

  /** The rate people are admitted at while they wait: as it was lately, where that is less than the share allows. */
  #perSecond(now: number): number {
    const share = this.#share(now);
    return Math.min(share, Math.max(this.#rates.pace ?? share, share / 50));
  }

  /** The least N that is reckoned with, as gates do. */
  #perMinute(now: number): number {
    return Math.min(...this.#plans.at(now).map((plan) => rateOf(plan, this.#ready?.replicas ?? null)));
  }

  #share(now: number): number {
    return shareOf(this.#perMinute(now), 1).perSecond;
  }

  #compute(now: number): void {
    this.#computedAt = now;
    const { event, phase } = this.#config;
    const undrawn =
      event === null ? null : { from: event.prequeueAt, to: Math.max(event.startsAt, event.prequeueAt + 1) };
    this.#spans = this.#histogram.spans(now, undrawn);
    if (this.#rates.age(now) >= 1000) this.#settle(now);
    if (phase === "pre-queue" && event !== null) {
      this.#watermark = { key: event.prequeueAt, slope: 0, at: now };
    } else if (now < this.#relearnedAt) {
      const { slope, at } = this.#watermark;
      const haste = (this.#boost - 1) * slope * (now - at);
      this.#watermark = { slope, key: extrapolated(this.#watermark, now) + haste, at: now };
    } else {
      const pace = this.#config.activeCap === null ? this.#share(now) : this.#perSecond(now);
      const place = placeAt(this.#spans, calledAhead(pace, this.#boost, holdsAtGate(this.#config)));
      this.#watermark = nextWatermark(this.#watermark, place, now);
    }
  }

  /** Once a second: rates, and what follows from them. */
  #settle(now: number): void {
    const rates = this.#rates;
    const waiting = this.#watermark.key !== null && admits(this.#config.phase);
    rates.settle(this.#histogram, this.#share(now), waiting, now);
    const waited = this.#watermark.key !== null && rates.possible > 0;
    const used = rates.admitting / rates.possible;
    const relearning = this.#relearnedAt - now;
    if (relearning > 0 && relearning < RELEARN_MS - IDLE_MS && used < 0.5) this.#relearnedAt = now;
    // While the line is learned again, the boost makes the watermark faster: many of those called are not back yet.
    const boost = waited ? nextBoost(this.#boost, used) : 1;
    this.#boost = relearning > 0 ? Math.min(MOST_HASTE, boost) : boost;
    const room = CALLS_PER_GATE - rates.asks / this.#config.gates;
    const load = rates.batches / this.#config.gates / Math.max(LEAST_REPORTS_PER_GATE, room);
    this.#reportEveryMs = Math.min(
      8000,
      Math.max(250, this.#reportEveryMs * Math.min(1.2, Math.max(0.9, Math.sqrt(load)))),
    );
  }

  /** While the line is learned again: the watermark is ahead at least of those whom gates let in. */
  #follow(reached: number | null, now: number): void {
    const { key, slope } = this.#watermark;
    if (reached === null || key === null) return;
    const ahead = reached + slope * FOLLOW_MS;
    if (ahead > extrapolated(this.#watermark, now)) this.#watermark = { key: ahead, slope, at: now };
  }
}

/** How often isolates report before the room knows how many there are: a small room has few. */
export function firstReportMs(config: RoomConfig): number {
  return config.gates === 1 ? 250 : 1500;
}

function total(spans: readonly Span[]): number {
  return spans.reduce((sum, { count }) => sum + count, 0);
}

/** The line as about `TABLE_POINTS` points of equal numbers of people. */
function table(spans: readonly Span[]): PlaceTable {
  const step = total(spans) / TABLE_POINTS;
  const points: [number, number][] = [];
  let ahead = 0;
  for (const { from, to, count } of spans) {
    const [lastPlace = -Infinity, lastAhead = -Infinity] = points.at(-1) ?? [];
    if ((ahead - lastAhead >= step || to - from > 1000) && from > lastPlace)
      points.push([from, Math.round(ahead)]);
    ahead += count;
    if (to - from > 1000) points.push([to, Math.round(ahead)]);
  }
  const last = spans.at(-1);
  if (last !== undefined && last.to > (points.at(-1)?.[0] ?? -Infinity))
    points.push([last.to, Math.round(ahead)]);
  return points;
}
