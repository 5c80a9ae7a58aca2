/**
 * Series as Prometheus writes them: `name{label="value"}` is both the key under
 * which numbers are added up and the start of the line that shows them. Every
 * series is a counter; a histogram is its cumulative buckets, sum and count, which
 * add up over isolates and time like any other counter.
 */

/** A series and what is added to it. */
export type Sample = readonly [series: string, delta: number];

/** Bucket bounds in seconds that OpenTelemetry gives for http.server.request.duration. */
export const DURATION_BOUNDS_S: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];
/** Waiting takes minutes, not milliseconds. */
export const WAIT_BOUNDS_S: readonly number[] = [5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600];

/** What a metric is called and says. Names follow OpenTelemetry's HTTP conventions where they have one. */
export const METRICS = {
  http_server_request_duration_seconds: {
    type: "histogram",
    help: "Duration of requests, by route class and status class.",
  },
  http_client_request_duration_seconds: { type: "histogram", help: "Duration of origin fetches, by zone." },
  http_server_response_body_size_bytes_total: {
    type: "counter",
    help: "Bytes of answers whose length was known.",
  },
  edge_errors_total: { type: "counter", help: "Answers that are errors, by code and who is at fault." },
  edge_cache_requests_total: { type: "counter", help: "Requests by what the cache did." },
  edge_origin_requests_total: { type: "counter", help: "Requests sent to an origin." },
  edge_origin_tries_total: { type: "counter", help: "Tries that requests took, by zone." },
  edge_queue_requests_total: { type: "counter", help: "Requests by what the waiting room did." },
  edge_queue_wait_seconds: { type: "histogram", help: "How long admitted visitors waited." },
  edge_events_total: {
    type: "counter",
    help: "Events of the edge that are not requests: retries, ejections, guards.",
  },
  edge_insight_dropped_total: {
    type: "counter",
    help: "Numbers that were dropped because there were too many series.",
  },
  edge_slo_events_total: { type: "counter", help: "Events that count for an objective, good and bad." },
  sentinel_requests_total: { type: "counter", help: "Inspected requests by verdict and mode." },
  sentinel_matches_total: {
    type: "counter",
    help: "Matches by rule; counted=false where the match did not score.",
  },
  sentinel_budget_exceeded_total: { type: "counter", help: "Requests that exceeded an inspection budget." },
  sentinel_failures_total: { type: "counter", help: "Inspections that failed." },
} as const satisfies Readonly<
  Record<string, { readonly type: "counter" | "histogram"; readonly help: string }>
>;

export type Metric = keyof typeof METRICS;
export type Labels = Readonly<Record<string, string>>;

/** The series of a metric with labels, in the order given. */
export function seriesOf(metric: string, labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? metric : `${metric}{${pairs.join(",")}}`;
}

/** Metric and labels of a series; labels are as they were given, shortened. */
export function parseSeries(series: string): { readonly name: string; readonly labels: Labels } {
  const brace = series.indexOf("{");
  if (brace < 0) return { name: series, labels: {} };
  const labels: Record<string, string> = {};
  for (const [, name = "", value = ""] of series.slice(brace).matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
    labels[name] = value.replace(/\\(.)/g, (_, char: string) => (char === "n" ? "\n" : char));
  }
  return { name: series.slice(0, brace), labels };
}

/** Prometheus text exposition (version 0.0.4) of all series. */
export function exposition(samples: Iterable<Sample>): string {
  const byMetric = new Map<string, Sample[]>();
  for (const sample of samples) {
    const metric = metricOf(sample[0]);
    const list = byMetric.get(metric);
    if (list === undefined) byMetric.set(metric, [sample]);
    else list.push(sample);
  }
  const lines: string[] = [];
  for (const [metric, { type, help }] of Object.entries(METRICS)) {
    const list = byMetric.get(metric);
    if (list === undefined) continue;
    lines.push(`# HELP ${metric} ${help}`, `# TYPE ${metric} ${type}`);
    const sorted = list.toSorted(([a], [b]) => (seriesOrder(a) < seriesOrder(b) ? -1 : 1));
    for (const [series, value] of sorted) lines.push(`${series} ${value}`);
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

/** The metric a series belongs to: a histogram's buckets, sum and count are the histogram's. */
function metricOf(series: string): string {
  const brace = series.indexOf("{");
  const name = brace < 0 ? series : series.slice(0, brace);
  const base = name.replace(/_(?:bucket|sum|count)$/, "");
  return base in METRICS ? base : name;
}

/** Sorts a histogram's buckets by bound, behind the labels they share. */
function seriesOrder(series: string): string {
  return series.replace(/le="([^"]*)"/, (_, bound: string) =>
    bound === "+Inf" ? "~" : (Number(bound) * 1000).toFixed(0).padStart(12, "0"),
  );
}

/** Backslash, quote and newline as the format wants them; values are kept short. */
function escapeLabel(value: string): string {
  return value.slice(0, 100).replace(/[\\"\n]/g, (char) => (char === "\n" ? "\\n" : `\\${char}`));
}
