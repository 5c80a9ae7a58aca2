/** The forms answers have: from the cache, from the origin, past the cache. */
import type { Answer } from "../http/answer.ts";
import { type CacheOutcome, type CacheStatus, type Forwarded, cacheStatusField } from "./cache-status.ts";
import type { Classified } from "./classify.ts";
import { asksForComposition } from "./directives.ts";
import { type Landing, headOf } from "./fetches.ts";
import { withoutEdgeFields } from "./fields.ts";
import { passingRequest } from "./origin-request.ts";
import {
  type BypassReason,
  type CacheInput,
  type FetchOrigin,
  type Passage,
  type Served,
  originUrl,
} from "./passage.ts";
import type { Shared } from "./flight.ts";
import { timeToLive } from "./freshness.ts";
import type { PurgeState } from "./purge.ts";
import { secondsLeft } from "./reuse.ts";
import { type BodySource, respond } from "./respond.ts";
import type { HeaderList, StoredResponse } from "./stored.ts";

/** Asks the origin with the client's method and range, and stores nothing. */
export async function direct(passage: Passage, reason: "range" | "head", why: Forwarded): Promise<Served> {
  const { request } = passage.input;
  const headers = new Headers(passage.headers());
  for (const name of ["range", "if-range"]) {
    const value = request.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  const response = await passage.fetchOrigin(
    new Request(originUrl(request, passage.key), { method: request.method, headers, redirect: "manual" }),
    passage.input.signal,
  );
  const status: CacheStatus = { hit: false, forwarded: why, forwardStatus: response.status, detail: reason };
  return passed(passage, response, status, "pass", reason);
}

/** The origin's answer as it is, past the cache. */
export async function bypass(
  input: CacheInput,
  fetchOrigin: FetchOrigin,
  classified: Classified,
  reason: BypassReason,
  forwarded: Forwarded = "bypass",
): Promise<Served> {
  const response = await fetchOrigin(passingRequest(input.request, classified.fragments), input.signal);
  const common = { outcome: "bypass", className: classified.name, reason } as const;
  // A WebSocket's answer stays as it is: its socket goes with it.
  if (response.status === 101) return { ...common, answer: response, fragments: false };
  const fragments = classified.fragments && asksForComposition(response.headers);
  const headers = withoutEdgeFields(response.headers);
  headers.append("cache-status", cacheStatusField({ hit: false, forwarded, detail: reason }));
  return { ...common, answer: withHeaders(response, headers), fragments };
}

/** The origin's answer to a request of a cacheable class that is not stored. */
export function passed(
  passage: Passage,
  response: Response,
  status: CacheStatus,
  outcome: CacheOutcome,
  reason: Served["reason"],
): Served {
  const { rules, input } = passage;
  const fragments = rules.fragments && asksForComposition(response.headers);
  const headers = withoutEdgeFields(response.headers);
  // The origin saw no cookie, so its new session must not replace the client's.
  if (input.headers.has("cookie")) headers.delete("set-cookie");
  headers.append("cache-status", cacheStatusField(status));
  return {
    // Asked for by GET, a HEAD's answer has a body that nobody reads.
    answer: { ...withHeaders(response, headers), ...(input.method === "HEAD" ? { body: null } : {}) },
    outcome,
    className: rules.name,
    reason,
    fragments,
  };
}

function withHeaders({ status, statusText, body }: Response, headers: Headers): Answer {
  return { status, statusText, headers, body };
}

export function served(passage: Passage, answer: Answer, outcome: CacheOutcome, fragments: boolean): Served {
  return { answer, outcome, className: passage.rules.name, reason: undefined, fragments };
}

export function onlyIfCached(passage: Passage): Served {
  const headers = {
    "cache-status": cacheStatusField({ hit: false, detail: "only-if-cached" }),
    "cache-control": "no-store",
  };
  return served(passage, new Response(null, { status: 504, headers }), "only-if-cached", false);
}

/** A stored response as the answer; `purged` as it was judged, `detail` where it is not fresh. */
export function fromEntry(
  passage: Passage,
  entry: StoredResponse,
  outcome: CacheOutcome,
  purged: PurgeState,
  now: number,
  detail?: string,
): Served {
  const { head } = entry;
  const ttl = secondsLeft(head, purged, now);
  const status: CacheStatus = detail === undefined ? { hit: true, ttl } : { hit: true, ttl, detail };
  return served(
    passage,
    respond(passage.input, head, bytesOf(entry), status, now, passage.note),
    outcome,
    head.fragments,
  );
}

/** Another request's answer. */
export function fromFlight(passage: Passage, state: Shared, why: Forwarded, now: number): Served {
  const head = headOf(state);
  const status: CacheStatus = { hit: false, forwarded: why, ttl: timeToLive(head, now), collapsed: true };
  return served(
    passage,
    respond(passage.input, head, sourceOf(state), status, now, passage.note),
    "collapsed",
    head.fragments,
  );
}

/** The answer for the request that asked the origin. */
export function fromLanding(passage: Passage, landing: Landing, why: Forwarded, now: number): Served {
  const { originStatus: forwardStatus } = landing;
  if (landing.phase === "alone") {
    const { response, reason } = landing;
    return passed(
      passage,
      response,
      { hit: false, forwarded: why, forwardStatus, detail: reason },
      "pass",
      reason,
    );
  }
  // Another isolate had it: the origin was not asked.
  if (landing.phase === "stored" && forwardStatus === undefined)
    return fromEntry(passage, landing.entry, "hit", passage.purgeState(landing.entry.head), now);
  const head = headOf(landing);
  const status: CacheStatus = {
    hit: false,
    forwarded: why,
    forwardStatus,
    ttl: timeToLive(head, now),
    stored: true,
  };
  const outcome = landing.phase === "stored" ? "revalidated" : "miss";
  const answer = respond(passage.input, head, sourceOf(landing), status, now, passage.note);
  return served(passage, withFields(answer, landing.own ?? []), outcome, head.fragments);
}

function withFields(answer: Answer, fields: HeaderList): Answer {
  if (fields.length === 0) return answer;
  const headers = new Headers(answer.headers);
  for (const [name, value] of fields) headers.set(name, value);
  return { ...answer, headers };
}

function sourceOf(state: Shared): BodySource {
  return state.phase === "stored"
    ? bytesOf(state.entry)
    : { length: state.length, whole: () => state.body.stream() };
}

function bytesOf({ body }: StoredResponse): BodySource {
  return { length: body.byteLength, whole: () => body };
}
