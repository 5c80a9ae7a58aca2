/**
 * What the room object knows and computes: who is alive in the line, how far the
 * watermark has come, what visitors may be told. Pure; computed when asked.
 */
import { shareOf } from "./bucket.ts";
import type { PlaceTable } from "./estimate.ts";
import { AliveHistogram, type Span } from "./histogram.ts";
import type { GateReport } from "./keeper.ts";
import type { RoomConfig } from "./room-config.ts";
import { calledAhead, extrapolated, nextBoost, nextWatermark, placeAt, type Watermark } from "./watermark.ts";

/** What every site holds of a room for about a second. */
export interface RoomSnapshot {
  readonly room: string;
  readonly epoch: string;
  readonly version: number;
  /** ms; when it was computed. */
  readonly at: number;
  readonly watermark: Watermark;
  readonly table: PlaceTable;
  readonly waiting: number;
  /** Newcomers a second lately. */
  readonly arriving: number;
  /** Admissions a second that the estimates count on. */
  readonly perSecond: number;
  /** Share of the people waiting who leave, a second. */
  readonly leaving: number;
  readonly active: number;
  readonly admittedLastMinute: number;
  /** Calls of objects a second lately: of the busiest gate, and of the room object. */
  readonly load: { readonly gate: number; readonly room: number };
  /** How often an isolate should report, ms. */
  readonly reportEveryMs: number;
  /** SHA-256 of the seed of the current event's draw; the seed itself from the start on. */
  readonly commitment: string | null;
  readonly seed: string | null;
}

/** What must survive the object. */
export interface RoomMemory {
  readonly epoch: string;
  readonly watermark: Watermark;
}

/** Everybody alive has polled once within this time after the object started. */
const RELEARN_MS = 34_000;
/** A long line is looked at less often: it also moves less. */
const FOLLOW_MS = 2500;
/** A watermark that leaves gates idle for so long while the line is learned again was wrong. */
const IDLE_MS = 5000;
const COMPUTE_EVERY_MS = 200;
const SPANS_PER_MS = 50;
const REPORTS_PER_GATE = 120;
const TABLE_POINTS = 100;
const LOAD_MS = 2000;
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
  /** Calls by second and object, of the last seconds. */
  readonly #calls = new Map<string, number>();
  /** Admissions by second, of the last minute. */
  readonly #admissions = new Map<number, number>();
  #tally = { at: 0, admitted: 0, possible: 0, batches: 0, left: 0, waiting: 0 };
  #rates = { arriving: 0, leaving: 0, admitting: Number.NaN, possible: 0, batches: 0 };

  constructor(config: RoomConfig, memory: RoomMemory | null, now: number) {
    const known = memory?.epoch === config.epoch ? memory : null;
    this.#config = config;
    this.#reportEveryMs = firstReportMs(config);
    this.#histogram = new AliveHistogram(config.binMs);
    // How long the object was away says nothing: the gates may have gone on, or not. They will tell.
    this.#watermark = { ...(known?.watermark ?? OPEN), at: now };
    this.#relearnedAt = this.#watermark.key === null ? now : now + RELEARN_MS;
    this.#tally = { ...this.#tally, at: now };
  }

  get memory(): RoomMemory {
    return { epoch: this.#config.epoch, watermark: this.#watermark };
  }

  get config(): RoomConfig {
    return this.#config;
  }

  /** Takes over a configuration that is not older; another epoch or grain starts an empty line. */
  adopt(config: RoomConfig, now: number): void {
    if (config.version < this.#config.version) return;
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
    this.#called(`gate ${report.gate}`, report.batches + report.asks, now);
    this.#called("room", 1, now);
    this.#active.set(report.gate, report.active);
    const second = Math.floor(now / 1000);
    this.#admissions.set(second, (this.#admissions.get(second) ?? 0) + report.admitted);
    if (now < this.#relearnedAt) this.#follow(report.reached, now);
    this.#tally.admitted += report.admitted;
    this.#tally.possible += report.possible;
    this.#tally.batches += report.batches;
  }

  snapshot(
    draw: { readonly commitment: string | null; readonly seed: string | null },
    now: number,
  ): RoomSnapshot {
    this.#called("room", 1, now);
    const pause = Math.max(COMPUTE_EVERY_MS, this.#spans.length / SPANS_PER_MS);
    if (now - this.#computedAt >= pause) this.#compute(now);
    const config = this.#config;
    const started = config.event !== null && now >= config.event.startsAt;
    return {
      room: config.room,
      epoch: config.epoch,
      version: config.version,
      at: now,
      watermark: this.#watermark,
      table: table(this.#spans),
      waiting: Math.round(total(this.#spans)),
      arriving: this.#rates.arriving,
      perSecond: this.#perSecond(),
      leaving: this.#rates.leaving,
      active: [...this.#active.values()].reduce((sum, active) => sum + active, 0),
      admittedLastMinute: this.#admittedLastMinute(now),
      load: this.#load(now),
      reportEveryMs: this.#reportEveryMs,
      commitment: draw.commitment,
      seed: started ? draw.seed : null,
    };
  }

  /** The rate people are admitted at while they wait: the share's, or what passes that end leave of it. */
  #perSecond(): number {
    const { perMinute, reserve, gates, activeCap } = this.#config;
    const share = shareOf(perMinute - reserve, gates).perSecond * gates;
    const { admitting } = this.#rates;
    return activeCap === null || Number.isNaN(admitting)
      ? share
      : Math.min(share, Math.max(admitting, share / 50));
  }

  #compute(now: number): void {
    this.#computedAt = now;
    const { event, phase } = this.#config;
    const undrawn =
      event === null ? null : { from: event.prequeueAt, to: Math.max(event.startsAt, event.prequeueAt + 1) };
    this.#spans = this.#histogram.spans(now, undrawn);
    if (now - this.#tally.at >= 1000) this.#settle(now);
    if (phase === "pre-queue" && event !== null) {
      this.#watermark = { key: event.prequeueAt, slope: 0, at: now };
    } else if (now < this.#relearnedAt) {
      this.#watermark = { ...this.#watermark, key: extrapolated(this.#watermark, now), at: now };
    } else {
      const place = placeAt(this.#spans, calledAhead(this.#perSecond(), this.#boost));
      this.#watermark = nextWatermark(this.#watermark, place, now);
    }
  }

  /** Once a second: rates, and what follows from them. */
  #settle(now: number): void {
    const { at, admitted, possible, batches, left, waiting } = this.#tally;
    const seconds = (now - at) / 1000;
    const waitingNow = total(this.#spans);
    const leftNow = this.#histogram.left;
    const smooth = (old: number, value: number): number => old + (value - old) * Math.min(1, seconds / 6);
    const gone = Math.max(0, leftNow - left);
    const arriving = Math.max(0, (waitingNow - waiting + admitted + gone) / seconds);
    const { admitting } = this.#rates;
    this.#rates = {
      arriving: smooth(this.#rates.arriving, arriving),
      leaving: waiting > 20 ? smooth(this.#rates.leaving, gone / seconds / waiting) : 0,
      admitting: Number.isNaN(admitting) ? admitted / seconds : smooth(admitting, admitted / seconds),
      possible: Number.isNaN(admitting)
        ? possible / seconds
        : smooth(this.#rates.possible, possible / seconds),
      batches: Number.isNaN(admitting) ? batches / seconds : smooth(this.#rates.batches, batches / seconds),
    };
    const waited = this.#watermark.key !== null && this.#rates.possible > 0;
    const used = this.#rates.admitting / this.#rates.possible;
    const relearning = this.#relearnedAt - now;
    if (relearning > 0 && relearning < RELEARN_MS - IDLE_MS && used < 0.5) this.#relearnedAt = now;
    // While the line is learned again, the watermark does not follow what is called, and neither may the boost.
    this.#boost = waited && relearning <= 0 ? nextBoost(this.#boost, used) : 1;
    const load = this.#rates.batches / this.#config.gates / REPORTS_PER_GATE;
    this.#reportEveryMs = Math.min(
      8000,
      Math.max(250, this.#reportEveryMs * Math.min(1.2, Math.max(0.9, Math.sqrt(load)))),
    );
    this.#tally = { at: now, admitted: 0, possible: 0, batches: 0, left: leftNow, waiting: waitingNow };
  }

  /** While the line is learned again: the watermark is ahead at least of those whom gates let in. */
  #follow(reached: number | null, now: number): void {
    const { key, slope } = this.#watermark;
    if (reached === null || key === null) return;
    const ahead = reached + slope * FOLLOW_MS;
    if (ahead > extrapolated(this.#watermark, now)) this.#watermark = { key: ahead, slope, at: now };
  }

  #called(object: string, calls: number, now: number): void {
    const slot = `${Math.floor(now / LOAD_MS)}/${object}`;
    this.#calls.set(slot, (this.#calls.get(slot) ?? 0) + calls);
  }

  /** Of the last whole slot. */
  #load(now: number): RoomSnapshot["load"] {
    const last = Math.floor(now / LOAD_MS) - 1;
    const load = { gate: 0, room: 0 };
    for (const [slot, calls] of this.#calls) {
      const at = Number.parseInt(slot, 10);
      if (at < last) this.#calls.delete(slot);
      const kind = slot.endsWith("/room") ? "room" : "gate";
      if (at === last) load[kind] = Math.max(load[kind], (calls * 1000) / LOAD_MS);
    }
    return load;
  }

  #admittedLastMinute(now: number): number {
    let sum = 0;
    for (const [second, count] of this.#admissions) {
      if (second * 1000 < now - 60_000) this.#admissions.delete(second);
      else sum += count;
    }
    return sum;
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
