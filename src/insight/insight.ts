import { logLine, type RequestEvent } from "./event.ts";
import { measure, type LatencyTargets } from "./measure.ts";
import type { Labels, Sample } from "./series.ts";
import { createShards, type Shards } from "./shards.ts";
import { createTally } from "./tally.ts";

export interface InsightOptions {
  readonly namespace: DurableObjectNamespace;
  /** Objects that sites are spread over. */
  readonly shards: number;
  readonly retentionDays: number;
  readonly latency: LatencyTargets;
  readonly clock: () => number;
  /** Waits some milliseconds; `scheduler.wait` but for tests. */
  readonly sleep: (ms: number) => Promise<unknown>;
  /** Writes one log line; `console.log` but for tests. */
  readonly log: (line: string) => void;
}

/** What recording needs of the request it records. */
export interface RecordContext {
  /** The site that serves (`cf.colo`); decides the shard. */
  readonly site: string;
  readonly waitUntil: (work: Promise<unknown>) => void;
}

export interface Insight {
  /** Logs the event and counts it. Never throws, never waits. */
  record(event: RequestEvent, context: RecordContext): void;
  /** Counts something that is not a request: a retry, an ejection, a guard. Flushed with the next request's numbers. */
  count(event: string, labels?: Labels): void;
  /** What this isolate has counted and not reported yet. */
  unreported(): Sample[];
  readonly shards: Shards;
}

const FLUSH_MS = 1500;
const FLUSH_EVENTS = 500;
/** A flush that was promised by a request that was cut off is promised anew after this. */
const FLUSH_LOST_MS = 5000;

export function createInsight(options: InsightOptions): Insight {
  const { clock, sleep, log, latency } = options;
  const shards = createShards(options.namespace, options.shards);
  const tally = createTally();
  let events = 0;
  let promisedAt = Number.NEGATIVE_INFINITY;

  async function flush(site: string): Promise<void> {
    promisedAt = Number.NEGATIVE_INFINITY;
    events = 0;
    const samples = tally.take();
    if (samples.length === 0) return;
    try {
      await shards.add(site, samples, { days: options.retentionDays });
    } catch (error) {
      // Numbers are lost rather than requests held up; the log line of each request remains.
      log(JSON.stringify({ event: "insight-unreachable", series: samples.length, error: String(error) }));
    }
  }

  return {
    shards,
    record(event, { site, waitUntil }) {
      try {
        log(logLine(event));
        measure(tally, event, latency);
        events++;
        if (events >= FLUSH_EVENTS) waitUntil(flush(site));
        else if (clock() - promisedAt > FLUSH_LOST_MS) {
          promisedAt = clock();
          waitUntil(sleep(FLUSH_MS).then(() => flush(site)));
        }
      } catch (error) {
        log(JSON.stringify({ event: "insight-failed", requestId: event.requestId, error: String(error) }));
      }
    },
    count(event, labels = {}) {
      tally.add("edge_events_total", { event, ...labels });
    },
    unreported: () => tally.peek(),
  };
}
