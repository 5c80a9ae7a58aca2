/**
 * An origin's answer on its way to the client: headers made the edge's own, media
 * neutralised, large things from Compute refused, the body relayed. Fails closed.
 */
import { hasNullBody } from "../http/answer.ts";
import { EdgeError, type EdgeErrorOptions } from "../http/errors.ts";
import { judgeCompute, streamLimit } from "./compute-guard.ts";
import type { CompiledRoutes } from "./compiled.ts";
import { mediaHeaders } from "./media.ts";
import type { Answer } from "./origin.ts";
import {
  codingOf,
  contentLength,
  headerBytes,
  keepFromCaches,
  mediaType,
  responseHeaders,
} from "./origin-response.ts";
import type { Pool } from "./pool.ts";
import { type RelayEnd, relay } from "./relay.ts";

export interface Receiving {
  readonly policy: CompiledRoutes;
  readonly pool: Pool;
  readonly isMedia: boolean;
  /** Canonical. */
  readonly path: string;
  /** Whether the body is handed on decoded. */
  readonly decode: boolean;
  readonly ownHosts: ReadonlySet<string>;
  readonly now: () => number;
  readonly waitUntil: (promise: Promise<unknown>) => void;
}

/**
 * The answer as it is passed on.
 * @throws EdgeError large-from-compute or origin-broken, 502
 */
export async function receive(answer: Answer, how: Receiving): Promise<Received> {
  const received = await passedOn(answer, how);
  how.waitUntil(received.ended.then((end) => conclude(answer, end, how)));
  return received;
}

export interface Received {
  readonly response: Response;
  /** Never rejects. */
  readonly ended: Promise<RelayEnd>;
}

/** @throws EdgeError large-from-compute or origin-broken, 502 */
async function passedOn({ response, zone }: Answer, how: Receiving): Promise<Received> {
  const { policy, pool, isMedia, path, decode, ownHosts } = how;
  const headers = responseHeaders(response.headers, ownHosts, decode);
  const { status, statusText } = response;
  if (status === 101) {
    return { response: new Response(null, { status, headers, webSocket: response.webSocket }), ended: WHOLE };
  }
  if (headerBytes(headers) > MAX_HEADER_BYTES) {
    await response.body?.cancel();
    pool.deps.observe({ kind: "large-header", zone: zone.name });
    throw new EdgeError(LARGE_HEADER);
  }
  if (isMedia) mediaHeaders(path, status, headers);
  else {
    const moved = await guardCompute(response, how);
    if (moved !== undefined) return { response: moved, ended: WHOLE };
  }
  if (response.body === null || hasNullBody(status)) {
    return { response: new Response(null, { status, statusText, headers }), ended: WHOLE };
  }
  const coding = codingOf(response.headers);
  if (!isMedia && (decode ? coding === "unread" : coding !== "none")) {
    pool.deps.observe({ kind: "unread-coding", zone: zone.name });
    keepFromCaches(headers);
  }
  const body =
    decode && coding === "gzip" ? response.body.pipeThrough(new DecompressionStream("gzip")) : response.body;
  const streams = mediaType(headers) === "text/event-stream";
  const passed = relay(body, contentLength(headers), {
    bytes: isMedia ? undefined : streamLimit(policy.compute, path, headers),
    readMs: streams ? undefined : policy.origin.stallMs,
  });
  return {
    response: new Response(passed.body, { status, statusText, headers, encodeBody: "manual" }),
    ended: passed.ended,
  };
}

/** Far above what stores send and below what clients refuse: a stored answer beyond that would fail for everybody. */
const MAX_HEADER_BYTES = 65_536;

const LARGE_HEADER = {
  code: "origin-broken",
  source: "origin",
  status: 502,
  detail: "The store gave an answer whose header is too large.",
} as const satisfies EdgeErrorOptions;

const WHOLE = Promise.resolve<RelayEnd>("complete");

/**
 * A zone is sound when it has sent its answer whole; one that broke off is a
 * failure. Standing still is neither: a client that has gone without a word looks
 * like that, and may not cost a zone its place.
 */
function conclude({ zone, sound }: Answer, end: RelayEnd, { pool, now }: Receiving): void {
  if (sound && end !== "source-stalled") pool.judgeZone(zone, end !== "source-broken", now());
  if (end === "complete") return;
  pool.deps.observe({ kind: "body-cut", zone: zone.name, end });
  if (end === "too-large") {
    pool.deps.observe({ kind: "large-from-compute", reason: "large-body", answer: "cut" });
  }
}

/** @throws EdgeError large-from-compute, 502 */
async function guardCompute(
  response: Response,
  { policy, path, pool }: Receiving,
): Promise<Response | undefined> {
  const verdict = judgeCompute(policy.compute, path, response.status, response.headers);
  if (verdict.kind === "pass") return undefined;
  await response.body?.cancel();
  const answer = verdict.kind === "moved" ? "moved" : "refused";
  pool.deps.observe({ kind: "large-from-compute", reason: verdict.reason, answer });
  if (verdict.kind === "moved") {
    const headers = { location: verdict.location, "cache-control": "no-store" };
    return new Response(null, { status: 307, headers });
  }
  throw new EdgeError({
    code: "large-from-compute",
    source: "origin",
    status: 502,
    detail: "Large files and media are served from Archive, not from Compute.",
    extensions: { reason: verdict.reason },
  });
}
