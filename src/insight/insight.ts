import { lineOf, type RequestEvent } from "./event.ts";
import { createJournal } from "./journal.ts";
import { createMeasure, measureFetch, type LatencyTargets, type OriginFetch } from "./measure.ts";
import type { Labels, Sample } from "./series.ts";
import { createShards, type Shards } from "./shards.ts";
import { sightingsIn, type Sighting } from "./sightings.ts";
import { firingOf } from "./alerts.ts";
import { evaluateObjectives, windowNames, WINDOWS, type ObjectiveStatus } from "./slo.ts";
import { createTally } from "./tally.ts";

export interface InsightOptions {
  readonly namespace: DurableObjectNamespace;
  /** Objects that sites are spread over. */
  readonly shards: number;
  readonly retentionDays: number;
  readonly latency: LatencyTargets;
  /** Whether burning budgets are alerts, and where these are posted; null keeps them to the console. */
  readonly alerts: boolean;
  readonly webhook: string | null;
  readonly clock: () => number;
  /** Waits some milliseconds; `scheduler.wait` but for tests. */
  readonly sleep: (ms: number) => Promise<unknown>;
  /** Writes log lines, one or several; `console.log` but for tests. */
  readonly log: (line: string) => void;
}

/** What recording needs of the request it records. */
export interface RecordContext {
  /** The site that serves (`cf.colo`); decides the shard. */
  readonly site: string;
  readonly waitUntil: (work: Promise<unknown>) => void;
}

export interface Insight {
  /** Logs the event, at once or within a tenth of a second, and counts it. Never throws, never waits. */
  record(event: RequestEvent, context: RecordContext): void;
  /** Counts one answer of an origin; a request may cause none or many. */
  fetched(fetch: OriginFetch): void;
  /** Counts something that is not a request: a retry, an ejection, a guard. Flushed with the next request's numbers. */
  count(event: string, labels?: Labels, times?: number): void;
  /** What this isolate has counted and not reported yet. */
  unreported(): Sample[];
  readonly shards: Shards;
  /** Every objective that has events, as of now. */
  objectives(): Promise<ObjectiveStatus[]>;
  /** Evaluates the objectives and tells of what burns, where that is due: at most once a minute, whoever asks. */
  watch(): Promise<void>;
}

const FLUSH_MS = 1500;
const FLUSH_EVENTS = 5000;
/** A flush that was promised by a request that was cut off is promised anew after this. */
const FLUSH_LOST_MS = 5000;
const WATCH_MS = 60_000;
/** Sightings of one rule and of all that one flush carries. */
const SIGHTINGS_PER_RULE = 2;
const SIGHTINGS_PER_FLUSH = 40;

export function createInsight(options: InsightOptions): Insight {
  const { clock, sleep, log, latency } = options;
  const shards = createShards(options.namespace, options.shards);
  const tally = createTally();
  const requests = createMeasure(tally, latency);
  const journal = createJournal(log, sleep);
  let events = 0;
  let promisedAt = Number.NEGATIVE_INFINITY;
  let watchedAt = Number.NEGATIVE_INFINITY;
  let sightings: Sighting[] = [];

  async function flush(site: string): Promise<void> {
    promisedAt = Number.NEGATIVE_INFINITY;
    events = 0;
    requests.settle();
    const samples = tally.take();
    const seen = sightings;
    sightings = [];
    if (samples.length === 0) return;
    try {
      await shards.add(site, samples, seen, { days: options.retentionDays });
      // Traffic is what makes alerts; where there is none, the schedule watches.
      if (clock() - watchedAt >= WATCH_MS) await watch();
    } catch (error) {
      // Numbers are lost rather than requests held up; the log line of each request remains.
      log(JSON.stringify({ event: "insight-unreachable", series: samples.length, error: String(error) }));
    }
  }

  async function objectives(): Promise<ObjectiveStatus[]> {
    const now = clock();
    const names = windowNames();
    const sums = await shards.windows(
      "edge_slo_events_total",
      names.map((name) => now - WINDOWS[name]),
    );
    const of = (index: number): Iterable<Sample> => sums[index] ?? [];
    return evaluateObjectives({
      "5m": of(0),
      "30m": of(1),
      "1h": of(2),
      "6h": of(3),
      "3d": of(4),
      "30d": of(5),
    });
  }

  async function watch(): Promise<void> {
    watchedAt = clock();
    if (!options.alerts || !(await shards.desk.claimEvaluation())) return;
    await shards.desk.alert(firingOf(await objectives()), options.webhook);
  }

  function sight(event: RequestEvent): void {
    if (event.sentinel === null || event.sentinel.matches.length === 0) return;
    for (const sighting of sightingsIn(event)) {
      if (sightings.length >= SIGHTINGS_PER_FLUSH) return;
      const same = sightings.filter(({ rule }) => rule === sighting.rule).length;
      if (same < SIGHTINGS_PER_RULE) sightings.push(sighting);
    }
  }

  return {
    shards,
    objectives,
    watch,
    record(event, { site, waitUntil }) {
      try {
        const now = event.time + event.durationMs;
        const { outcome, eventful } = requests.count(event);
        const line = lineOf(event, outcome);
        if (eventful) journal.write(line);
        else journal.gather(line, now, waitUntil);
        sight(event);
        events++;
        if (events >= FLUSH_EVENTS) waitUntil(flush(site));
        else if (now - promisedAt > FLUSH_LOST_MS) {
          promisedAt = now;
          waitUntil(sleep(FLUSH_MS).then(() => flush(site)));
        }
      } catch (error) {
        log(JSON.stringify({ event: "insight-failed", requestId: event.requestId, error: String(error) }));
      }
    },
    fetched: (fetch) => measureFetch(tally, fetch),
    count(event, labels = {}, times = 1) {
      tally.add("edge_events_total", { event, ...labels }, times);
    },
    unreported() {
      requests.settle();
      return tally.peek();
    },
  };
}
