/** What the console shows, made of sums; pure. */
import { parseSeries } from "../../series.ts";
import type { Sums } from "../../shards.ts";

export interface TrafficRow {
  readonly route: string;
  /** In the last hour. */
  readonly requests: number;
  /** Share answered with 5xx. */
  readonly failed: number;
  /** 95% were faster, seconds; null beyond the last bucket. */
  readonly p95: number | null;
  /** Requests in each of the last 60 minutes, oldest first. */
  readonly minutes: readonly number[];
}

export interface RuleRow {
  readonly rule: string;
  readonly counted: number;
  readonly uncounted: number;
}

export interface Figures {
  readonly traffic: readonly TrafficRow[];
  /** Answers of the cache by outcome, most frequent first. */
  readonly cache: readonly (readonly [outcome: string, requests: number])[];
  /** Share of cache answers that needed no origin; null without any. */
  readonly hitRatio: number | null;
  readonly rules: readonly RuleRow[];
  readonly blocked: number;
  readonly errors: readonly (readonly [code: string, answers: number])[];
  /** What happened besides requests: retries, ejections, malformed fields. */
  readonly events: readonly (readonly [event: string, times: number])[];
}

const MINUTE_MS = 60_000;
const MINUTES = 60;
/** Outcomes of the cache that were answered from it. */
const SERVED_FROM_CACHE: ReadonlySet<string> = new Set(["hit", "stale", "collapsed", "revalidated"]);

/** `hour`: sums of the last hour; `timeline`: requests by minute and series. */
export function figuresOf(hour: Sums, timeline: ReadonlyMap<number, Sums>, now: number): Figures {
  const cache = byLabel(hour, "edge_cache_requests_total", "outcome");
  const answers = cache.reduce((sum, [, count]) => sum + count, 0);
  const served = cache.reduce(
    (sum, [outcome, count]) => sum + (SERVED_FROM_CACHE.has(outcome) ? count : 0),
    0,
  );
  const inspected = byLabel(hour, "sentinel_requests_total", "outcome");
  return {
    traffic: trafficOf(hour, timeline, now),
    cache,
    hitRatio: answers === 0 ? null : served / answers,
    rules: rulesOf(hour),
    blocked: inspected.find(([outcome]) => outcome === "block")?.[1] ?? 0,
    errors: byLabel(hour, "edge_errors_total", "error_type"),
    events: byLabel(hour, "edge_events_total", "event"),
  };
}

const COUNT = "http_server_request_duration_seconds_count";
const BUCKET = "http_server_request_duration_seconds_bucket";

function trafficOf(hour: Sums, timeline: ReadonlyMap<number, Sums>, now: number): TrafficRow[] {
  return byLabel(hour, COUNT, "http_route").map(([route, requests]) => {
    const failed = sumWhere(hour, COUNT, { http_route: route, http_response_status_class: "5xx" });
    const buckets = new Map<string, number>();
    for (const [series, sum] of hour) {
      const { name, labels } = parseSeries(series);
      const { le } = labels;
      if (name === BUCKET && labels["http_route"] === route && le !== undefined) {
        buckets.set(le, (buckets.get(le) ?? 0) + sum);
      }
    }
    const last = now - (now % MINUTE_MS);
    const minutes = Array.from({ length: MINUTES }, (_, index) => {
      const sums = timeline.get(last - (MINUTES - 1 - index) * MINUTE_MS);
      return sums === undefined ? 0 : sumWhere(sums, COUNT, { http_route: route });
    });
    return { route, requests, failed: failed / requests, p95: quantile(buckets, 0.95), minutes };
  });
}

/** The quantile of a cumulative histogram, linear within its bucket; null where it lies beyond the last bound. */
export function quantile(buckets: ReadonlyMap<string, number>, share: number): number | null {
  const bounds = [...buckets].map(([le, count]) => [le === "+Inf" ? Infinity : Number(le), count] as const);
  bounds.sort(([a], [b]) => a - b);
  const rank = (bounds.at(-1)?.[1] ?? 0) * share;
  let [below, floor] = [0, 0];
  for (const [bound, count] of bounds) {
    if (count >= rank && count > below) {
      return bound === Infinity ? null : floor + ((bound - floor) * (rank - below)) / (count - below);
    }
    [below, floor] = [count, bound];
  }
  return null;
}

function rulesOf(hour: Sums): RuleRow[] {
  return byLabel(hour, "sentinel_matches_total", "rule").map(([rule]) => ({
    rule,
    counted: sumWhere(hour, "sentinel_matches_total", { rule, counted: "true" }),
    uncounted: sumWhere(hour, "sentinel_matches_total", { rule, counted: "false" }),
  }));
}

/** Sums of a metric by one of its labels, largest first. */
function byLabel(sums: Sums, metric: string, label: string): (readonly [string, number])[] {
  const found = new Map<string, number>();
  for (const [series, sum] of sums) {
    const { name, labels } = parseSeries(series);
    const value = labels[label];
    if (name === metric && value !== undefined) found.set(value, (found.get(value) ?? 0) + sum);
  }
  return [...found].toSorted(([, a], [, b]) => b - a);
}

function sumWhere(sums: Sums, metric: string, wanted: Readonly<Record<string, string>>): number {
  let total = 0;
  for (const [series, sum] of sums) {
    const { name, labels } = parseSeries(series);
    if (name === metric && Object.entries(wanted).every(([label, value]) => labels[label] === value))
      total += sum;
  }
  return total;
}
