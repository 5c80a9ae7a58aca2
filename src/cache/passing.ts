/** Answers that are not from the cache, and the form all answers have. */
import { type CacheOutcome, type CacheStatus, type Forwarded, cacheStatusField } from "./cache-status.ts";
import type { Classified } from "./classify.ts";
import { asksForComposition } from "./directives.ts";
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
  const response = await fetchOrigin(passingRequest(input.request, classified.fragments));
  const common = { outcome: "bypass", className: classified.name, reason, invalidated: [] } as const;
  // A WebSocket's answer is not rebuilt: its socket would be lost.
  if (response.status === 101) return { ...common, response, fragments: false };
  const fragments = classified.fragments && asksForComposition(response.headers);
  const headers = withoutEdgeFields(response.headers);
  headers.append("cache-status", cacheStatusField({ hit: false, forwarded, detail: reason }));
  return { ...common, response: rebuilt(response, headers), fragments };
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
  if (input.request.headers.has("cookie")) headers.delete("set-cookie");
  headers.append("cache-status", cacheStatusField(status));
  return {
    response: rebuilt(response, headers),
    outcome,
    className: rules.name,
    reason,
    fragments,
    invalidated: [],
  };
}

function rebuilt(response: Response, headers: Headers): Response {
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

export function served(
  passage: Passage,
  response: Response,
  outcome: CacheOutcome,
  fragments: boolean,
): Served {
  return { response, outcome, className: passage.rules.name, reason: undefined, fragments, invalidated: [] };
}

export function onlyIfCached(passage: Passage): Served {
  const headers = {
    "cache-status": cacheStatusField({ hit: false, detail: "only-if-cached" }),
    "cache-control": "no-store",
  };
  return served(passage, new Response(null, { status: 504, headers }), "only-if-cached", false);
}
