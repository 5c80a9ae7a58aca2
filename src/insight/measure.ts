/** What events add to which series. */
import { outcomeText, type RequestEvent, type SentinelRecord } from "./event.ts";
import type { Tally } from "./tally.ts";

/** Objectives on what a request shows by itself. */
export interface LatencyTargets {
  /** Slower than this is bad for the latency objective, by route class, ms. */
  readonly byClass: Readonly<Record<string, number>>;
  readonly otherwise: number;
}

/** Counts requests, for whoever reads the tally after `settle`. */
export interface Measure {
  count(event: RequestEvent): Counted;
  /** Adds up what was counted since the last call. */
  settle(): void;
}

export interface Counted {
  /** How the request went, as its log line tells it. */
  readonly outcome: string;
  /** Whether it is one that somebody may be looking for. */
  readonly eventful: boolean;
}

/** Requests that went the same way, and one of them. */
interface Alike extends Counted {
  readonly event: RequestEvent;
  times: number;
}

/** On a busy edge most requests of a second go the same way: they are told as one, and added up as one. */
export function createMeasure(tally: Tally, latency: LatencyTargets): Measure {
  let alike = new Map<string, Alike>();
  return {
    count(event) {
      const key = likeness(event);
      if (key === null) {
        measure(tally, event, latency, 1);
        return { outcome: outcomeText(event), eventful: true };
      }
      let known = alike.get(key);
      if (known === undefined)
        alike.set(key, (known = { event, outcome: outcomeText(event), eventful: false, times: 0 }));
      known.times++;
      return known;
    },
    settle() {
      const counted = alike;
      alike = new Map();
      for (const { event, times } of counted.values()) measure(tally, event, latency, times);
    },
  };
}

/** How an uneventful request went, in all that is counted or told of it; null for the others. */
function likeness(event: RequestEvent): string | null {
  const { route, status, durationMs, bytes, client, sentinel, cache } = event;
  if (event.error !== null || event.queue !== null || event.origin !== null || !isClean(sentinel))
    return null;
  return `${route.kind} ${route.class} ${status} ${durationMs} ${bytes} ${cache?.outcome} ${cache?.reason} ${sentinel.mode} ${client.known}`;
}

function isClean(sentinel: SentinelRecord | null): sentinel is SentinelRecord {
  if (sentinel === null || sentinel.outcome === "block" || sentinel.failed || sentinel.partial) return false;
  return sentinel.matches.length === 0 && sentinel.budget === null && sentinel.limited.length === 0;
}

function measure(tally: Tally, event: RequestEvent, latency: LatencyTargets, times: number): void {
  const route = event.route.class;
  const status = statusClass(event.status);
  const labels = { http_route: route, http_response_status_class: status };
  tally.observe("http_server_request_duration_seconds", labels, event.durationMs / 1000, times);
  if (event.bytes !== null) {
    tally.add("http_server_response_body_size_bytes_total", { http_route: route }, event.bytes * times);
  }
  if (event.error !== null) {
    tally.add("edge_errors_total", { error_type: event.error.code, source: event.error.source });
  }
  if (event.cache !== null) {
    tally.add("edge_cache_requests_total", { http_route: route, outcome: event.cache.outcome }, times);
  }
  if (event.sentinel !== null) measureSentinel(tally, event.sentinel, times);
  measureQueue(tally, event);
  measureObjectives(tally, event, latency, times);
}

/** One answer of an origin, whoever asked: a page, each of its fragments, a refresh behind the scenes. */
export interface OriginFetch {
  /** Name of the Compute, or `archive`. */
  readonly target: string;
  readonly zone: string;
  readonly tries: number;
  /** To the first byte. */
  readonly durationMs: number;
}

export function measureFetch(tally: Tally, { target, zone, tries, durationMs }: OriginFetch): void {
  tally.add("edge_origin_requests_total", { target });
  tally.add("edge_origin_tries_total", { zone }, tries);
  tally.observe("http_client_request_duration_seconds", { zone }, durationMs / 1000);
}

function measureSentinel(tally: Tally, sentinel: SentinelRecord, times: number): void {
  tally.add("sentinel_requests_total", { outcome: sentinel.outcome, mode: sentinel.mode }, times);
  for (const { rule, uncounted } of sentinel.matches) {
    tally.add("sentinel_matches_total", { rule, counted: String(uncounted === null) });
  }
  if (sentinel.budget !== null) tally.add("sentinel_budget_exceeded_total", { budget: sentinel.budget });
  if (sentinel.failed) tally.add("sentinel_failures_total", {});
}

function measureQueue(tally: Tally, { queue }: RequestEvent): void {
  if (queue === null) return;
  tally.add("edge_queue_requests_total", { room: queue.room, outcome: queue.outcome });
  if (queue.waitedMs === null) return;
  tally.observe("edge_queue_wait_seconds", { room: queue.room }, queue.waitedMs / 1000);
}

/** An hour in a room is bad whatever was announced; and so is half as long again as was announced. */
const LONGEST_WAIT_MS = 3_600_000;
const ESTIMATE_SLACK = 1.5;
const ESTIMATE_GRACE_MS = 30_000;

/**
 * Counts the event for the objectives. The private paths and waiting pages are no
 * shopper traffic; a blocked request is an answer that was meant.
 */
function measureObjectives(tally: Tally, event: RequestEvent, latency: LatencyTargets, times: number): void {
  const { route, queue, sentinel } = event;
  const count = (slo: string, group: string, good: boolean): void =>
    tally.add("edge_slo_events_total", { slo, group, good: String(good) }, times);
  if (queue !== null && queue.waitedMs !== null) {
    const promised = (queue.estimateMs ?? LONGEST_WAIT_MS) * ESTIMATE_SLACK + ESTIMATE_GRACE_MS;
    count("queue-wait", queue.room, queue.waitedMs <= Math.min(promised, LONGEST_WAIT_MS));
  }
  if (sentinel !== null && event.client.known) {
    count("false-positives", "known-shoppers", sentinel.outcome === "pass");
  }
  const waiting = queue?.outcome === "queued";
  const blocked = event.error?.code === "blocked" || event.error?.code === "rate-limited";
  if (route.kind === "fabric" || route.kind === "none" || waiting || blocked) return;
  const failed = event.status >= 500;
  count("availability", route.class, !failed);
  if (!failed)
    count("latency", route.class, event.durationMs <= (latency.byClass[route.class] ?? latency.otherwise));
}

function statusClass(status: number): string {
  return status >= 100 && status < 600 ? `${Math.floor(status / 100)}xx` : "other";
}
