/** Numbers added up in one isolate between two flushes. Bounded: a flood of new series is dropped and counted. */
import { DURATION_BOUNDS_S, seriesOf, WAIT_BOUNDS_S, type Labels, type Sample } from "./series.ts";

const MAX_SERIES = 1000;
const DROPPED = "edge_insight_dropped_total";

type HistogramName =
  "http_server_request_duration_seconds" | "http_client_request_duration_seconds" | "edge_queue_wait_seconds";

interface Counter {
  readonly metric: string;
  readonly labels: Labels;
  sum: number;
}

interface Histogram {
  readonly name: HistogramName;
  readonly labels: Labels;
  readonly bounds: readonly number[];
  /** Observations by bucket, the last one beyond every bound. */
  readonly counts: number[];
  sum: number;
}

export interface Tally {
  add(metric: string, labels: Labels, delta?: number): void;
  /** An observation, in seconds, made so many times. */
  observe(name: HistogramName, labels: Labels, seconds: number, times?: number): void;
  /** What was added since the last call. */
  take(): Sample[];
  /** The same without forgetting it. */
  peek(): Sample[];
}

export function createTally(): Tally {
  let counters = new Map<string, Counter>();
  let histograms = new Map<string, Histogram>();

  function add(metric: string, labels: Labels, delta = 1): void {
    const key = keyOf(metric, labels);
    const counter = counters.get(key);
    if (counter !== undefined) counter.sum += delta;
    else if (counters.size < MAX_SERIES || metric === DROPPED)
      counters.set(key, { metric, labels, sum: delta });
    else add(DROPPED, {});
  }
  function peek(): Sample[] {
    const counted = [...counters.values()].map(({ metric, labels, sum }): Sample => [
      seriesOf(metric, labels),
      sum,
    ]);
    return [...counted, ...[...histograms.values()].flatMap(samplesOf)];
  }

  return {
    add,
    observe(name, labels, seconds, times = 1) {
      const key = keyOf(name, labels);
      let histogram = histograms.get(key);
      if (histogram === undefined) {
        if (histograms.size >= MAX_SERIES) return add(DROPPED, {});
        const bounds = name === "edge_queue_wait_seconds" ? WAIT_BOUNDS_S : DURATION_BOUNDS_S;
        histogram = { name, labels, bounds, counts: Array<number>(bounds.length + 1).fill(0), sum: 0 };
        histograms.set(key, histogram);
      }
      let bucket = 0;
      while (seconds > (histogram.bounds[bucket] ?? Infinity)) bucket++;
      histogram.counts[bucket] = (histogram.counts[bucket] ?? 0) + times;
      histogram.sum += seconds * times;
    },
    take() {
      const samples = peek();
      counters = new Map();
      histograms = new Map();
      return samples;
    },
    peek,
  };
}

/** Tells series apart within an isolate; cheaper than the series itself, which is only written once a flush. */
function keyOf(metric: string, labels: Labels): string {
  let key = metric;
  for (const name in labels) key += `\n${name}\n${labels[name]}`;
  return key;
}

/** Cumulative buckets, sum and count. */
function samplesOf({ name, labels, bounds, counts, sum }: Histogram): Sample[] {
  const samples: Sample[] = [];
  let below = 0;
  for (const [index, count] of counts.entries()) {
    below += count;
    const bound = bounds[index];
    const le = bound === undefined ? "+Inf" : String(bound);
    samples.push([seriesOf(`${name}_bucket`, { ...labels, le }), below]);
  }
  return [...samples, [seriesOf(`${name}_sum`, labels), sum], [seriesOf(`${name}_count`, labels), below]];
}
