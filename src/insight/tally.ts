/** Numbers added up in one isolate between two flushes. Bounded: a flood of new series is dropped and counted. */
import { DURATION_BOUNDS_S, seriesOf, WAIT_BOUNDS_S, type Labels, type Sample } from "./series.ts";

const MAX_SERIES = 1000;

type HistogramName =
  "http_server_request_duration_seconds" | "http_client_request_duration_seconds" | "edge_queue_wait_seconds";

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
  /** One observation, in seconds. */
  observe(name: HistogramName, labels: Labels, seconds: number): void;
  /** What was added since the last call. */
  take(): Sample[];
  /** The same without forgetting it. */
  peek(): Sample[];
}

export function createTally(): Tally {
  let counters = new Map<string, number>();
  let histograms = new Map<string, Histogram>();

  function peek(): Sample[] {
    return [...counters, ...[...histograms.values()].flatMap(samplesOf)];
  }
  function add(metric: string, labels: Labels, delta = 1): void {
    const series = seriesOf(metric, labels);
    const before = counters.get(series);
    if (before === undefined && counters.size >= MAX_SERIES) {
      counters.set("edge_insight_dropped_total", (counters.get("edge_insight_dropped_total") ?? 0) + 1);
    } else counters.set(series, (before ?? 0) + delta);
  }

  return {
    add,
    observe(name, labels, seconds) {
      const key = seriesOf(name, labels);
      let histogram = histograms.get(key);
      if (histogram === undefined) {
        if (histograms.size >= MAX_SERIES) return add("edge_insight_dropped_total", {});
        const bounds = name === "edge_queue_wait_seconds" ? WAIT_BOUNDS_S : DURATION_BOUNDS_S;
        histogram = { name, labels, bounds, counts: Array<number>(bounds.length + 1).fill(0), sum: 0 };
        histograms.set(key, histogram);
      }
      const found = histogram.bounds.findIndex((bound) => seconds <= bound);
      const bucket = found < 0 ? histogram.bounds.length : found;
      histogram.counts[bucket] = (histogram.counts[bucket] ?? 0) + 1;
      histogram.sum += seconds;
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
