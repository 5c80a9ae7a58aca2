/**
 * One request to an origin and its answer back, headers cleaned on both ways and
 * bodies relayed: never a whole body in memory. Answers from Compute are handed on
 * decoded, so that Sentinel, fragments and cache read text; answers from Archive
 * keep their bytes and encoding.
 */
import type { TryFailure } from "./events.ts";
import { refuseMediaRequest, stripCredentials } from "./media-request.ts";
import { askOrigin } from "./origin.ts";
import { contentLength } from "./origin-response.ts";
import type { CompiledRoutes } from "./compiled.ts";
import type { Pool } from "./pool.ts";
import { receive } from "./receive.ts";
import { type Relay, type RelayEnd, relay } from "./relay.ts";
import { type Claims, originHeaders } from "./request-headers.ts";
import { type BodyKind, isRepeatable } from "./retry.ts";
import type { Route } from "./routes.ts";

export interface ForwardContext extends Claims {
  /** The request's body where the caller has read or wrapped it already; bytes can be sent twice, a stream cannot. */
  readonly body?: Uint8Array | ReadableStream<Uint8Array> | null;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly waitUntil: (promise: Promise<unknown>) => void;
  /** Aborted when the client is gone. */
  readonly signal?: AbortSignal;
}

/** What the wide event says about the origin. */
export interface OriginReport {
  readonly zone: string;
  readonly tries: number;
  /** To the first byte, in ms. */
  readonly ms: number;
  readonly failures: readonly TryFailure[];
  /** How the body reached the next one; never rejects. */
  readonly ended: Promise<RelayEnd>;
}

export interface Forwarded {
  readonly response: Response;
  readonly origin: OriginReport;
}

export interface Forwarder {
  readonly policy: CompiledRoutes;
  readonly storefront: Pool;
  readonly archive: Pool;
  /** Hosts that mean the store itself. */
  readonly ownHosts: ReadonlySet<string>;
}

/** @throws EdgeError */
export async function forward(
  forwarder: Forwarder,
  route: Route,
  request: Request,
  ctx: ForwardContext,
): Promise<Forwarded> {
  const target = targetOf(request.url);
  const path = target.split("?", 1)[0] ?? target;
  const isMedia = route.kind === "media";
  if (isMedia) refuseMediaRequest(request.method, path, request.headers, forwarder.policy.media.paths);
  const pool = isMedia ? forwarder.archive : forwarder.storefront;
  const headers = headersFor(isMedia, request.headers, ctx);
  const body = bodyOf(request, ctx, forwarder.policy.origin.stallMs);
  // Ranges are of the encoded bytes (RFC 9110 section 14): these stay as they are.
  const decode = !isMedia && !headers.has("range");
  const start = ctx.now();
  const answer = await askOrigin(pool, {
    limits: route,
    repeatable: isRepeatable(request.method, headers, body.kind),
    now: ctx.now,
    signal: ctx.signal,
    upload: body.upload,
    send: (zone, signal) =>
      zone.fetch(zone.base + target, {
        method: request.method,
        headers,
        redirect: "manual",
        signal,
        encodeResponseBody: decode ? "automatic" : "manual",
        ...(body.init === null ? {} : { body: body.init }),
      }),
  });
  const ms = ctx.now() - start;
  const { response, ended } = await receive(answer, {
    policy: forwarder.policy,
    pool,
    isMedia,
    path,
    decode,
    ownHosts: forwarder.ownHosts,
    now: ctx.now,
    waitUntil: ctx.waitUntil,
  });
  const tries = answer.failures.length + 1;
  return { response, origin: { zone: answer.zone.name, tries, ms, failures: answer.failures, ended } };
}

/** Path and query of an absolute URL, untouched: the caller asks exactly what it means. */
function targetOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  return start < 0 ? "/" : (url.slice(start).split("#", 1)[0] ?? "/");
}

function headersFor(isMedia: boolean, client: Headers, ctx: ForwardContext): Headers {
  const headers = originHeaders(client, ctx);
  if (isMedia) stripCredentials(headers);
  else {
    // Several parts in one answer hide what they are parts of; a server may send the whole instead (RFC 9110 section 14.2).
    if (headers.get("range")?.includes(",") === true) headers.delete("range");
    headers.set("accept-encoding", wantsPlain(headers) ? "identity" : "gzip");
  }
  if (client.get("upgrade")?.toLowerCase() === "websocket") headers.set("upgrade", "websocket");
  return headers;
}

/** A compressed event stream arrives late, a range of compressed bytes cannot be read. */
function wantsPlain(asked: Headers): boolean {
  return asked.has("range") || (asked.get("accept") ?? "").includes("text/event-stream");
}

interface OutgoingBody {
  readonly kind: BodyKind;
  readonly init: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null;
  readonly upload: Relay | undefined;
}

/** Bytes that no other thread can change while they are sent: all there are in a Worker, though their type allows for others. */
function isUnshared(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer;
}

/** A streaming body goes through a relay, so that a client that breaks off is known as such. */
function bodyOf(request: Request, ctx: ForwardContext, stallMs: number): OutgoingBody {
  const body = ctx.body === undefined ? request.body : ctx.body;
  const bodiless = request.method === "GET" || request.method === "HEAD";
  if (body === null || bodiless) return { kind: "none", init: null, upload: undefined };
  if (body instanceof Uint8Array) {
    return { kind: "bytes", init: isUnshared(body) ? body : body.slice(), upload: undefined };
  }
  const upload = relay(body, contentLength(request.headers), { readMs: stallMs, writeMs: stallMs });
  return { kind: "stream", init: upload.body, upload };
}
