/** What came out of a simulated sale, from what happened in it. */
import type { Sample } from "../queue-chart.ts";

/** What happened, by tick and by visitor. Times are ms since the epoch. */
export interface Trace {
  readonly tickMs: number;
  readonly perMinute: number;
  readonly people: number;
  readonly arrivals: readonly number[];
  readonly admissions: readonly number[];
  readonly waiting: readonly number[];
  /** Waits told to newcomers, ms, by quarter of a minute. */
  readonly estimates: readonly (readonly number[] | undefined)[];
  /** Calls by object and second. */
  readonly load: ReadonlyMap<string, ReadonlyMap<number, number>>;
  readonly issuedAt: Float64Array;
  /** 0: never admitted. */
  readonly admittedAt: Float64Array;
  /** The first wait told, ms; 0: none was. */
  readonly told: Float64Array;
  /** How long each who left was still counted by a site, ms. */
  readonly countedAfterLeaving: readonly number[];
}

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
  /** Median of |told - waited| / waited, of the first estimate told to those who were admitted. */
  readonly estimateError: number;
  /** How long somebody who left is still counted, 99th percentile, seconds. */
  readonly countedAfterLeaving: number;
  readonly samples: readonly Sample[];
}

/** Shorter waits say little about estimates: the poll's own interval is as long. */
const SHORT_WAIT_MS = 20_000;
const PAIRS = 400_000;
const SAMPLE_MS = 15_000;

export function measure(trace: Trace, random: () => number): Outcome {
  const hottest = [...trace.load]
    .map(([object, seconds]) => ({ object, perSecond: Math.max(...seconds.values()) }))
    .reduce((a, b) => (b.perSecond > a.perSecond ? b : a), { object: "none", perSecond: 0 });
  return {
    people: trace.people,
    admitted: sum(trace.admissions),
    peak: mostWithin(trace.admissions, 60_000 / trace.tickMs) / trace.perMinute,
    used: used(trace),
    hottest,
    roomPerSecond: Math.max(0, ...(trace.load.get("room")?.values() ?? [])),
    inversions: inversions(trace, random),
    estimateError: estimateError(trace),
    countedAfterLeaving: quantile(trace.countedAfterLeaving, 0.99) / 1000,
    samples: samples(trace),
  };
}

/** From the first minute with a line until the line is shorter than five seconds of the rate. */
function used({ perMinute, waiting, admissions, tickMs }: Trace): number {
  const short = perMinute / 12;
  const from = waiting.findIndex((count) => count > short);
  const to = waiting.findLastIndex((count) => count > short);
  if (from < 0) return Number.NaN;
  return sum(admissions.slice(from, to)) / ((perMinute * (to - from) * tickMs) / 60_000);
}

function inversions({ people, issuedAt, admittedAt }: Trace, random: () => number): number {
  const inside: number[] = [];
  for (let visitor = 0; visitor < people; visitor++) if (admittedAt[visitor] !== 0) inside.push(visitor);
  let inverted = 0;
  for (let pair = 0; pair < PAIRS; pair++) {
    const a = inside[Math.floor(random() * inside.length)] ?? 0;
    const b = inside[Math.floor(random() * inside.length)] ?? 0;
    const issued = (issuedAt[a] ?? 0) - (issuedAt[b] ?? 0);
    const admitted = (admittedAt[a] ?? 0) - (admittedAt[b] ?? 0);
    if (issued * admitted < 0) inverted += 1;
  }
  return inverted / PAIRS;
}

function estimateError({ people, issuedAt, admittedAt, told }: Trace): number {
  const errors: number[] = [];
  for (let visitor = 0; visitor < people; visitor++) {
    const waited = (admittedAt[visitor] ?? 0) - (issuedAt[visitor] ?? 0);
    if (waited > SHORT_WAIT_MS) errors.push(Math.abs((told[visitor] ?? 0) - waited) / waited);
  }
  return quantile(errors, 0.5);
}

function samples({ tickMs, arrivals, admissions, waiting, estimates }: Trace): Sample[] {
  const step = SAMPLE_MS / tickMs;
  return Array.from({ length: Math.floor(arrivals.length / step) }, (_, index) => ({
    minute: index / 4,
    arrivedPerMinute: sum(arrivals.slice(index * step, (index + 1) * step)) * 4,
    admittedPerMinute: sum(admissions.slice(index * step, (index + 1) * step)) * 4,
    waiting: waiting[index * step] ?? 0,
    estimate: quantile(estimates[index] ?? [], 0.5) / 1000,
  }));
}

function mostWithin(counts: readonly number[], width: number): number {
  let within = 0;
  let most = 0;
  for (const [index, count] of counts.entries()) {
    within += count - (counts[index - width] ?? 0);
    most = Math.max(most, within);
  }
  return most;
}

function quantile(values: readonly number[], q: number): number {
  const sorted = Float64Array.from(values).toSorted();
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
