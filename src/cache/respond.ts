import { notModified, rangeOf, type ByteRange } from "./conditions.ts";
import { type CacheStatus, cacheStatusField } from "./cache-status.ts";
import { currentAge } from "./freshness.ts";
import type { StoredHead } from "./stored.ts";

/** The stored body: bytes, or a stream while it still arrives. */
export interface BodySource {
  /** Undefined while unknown. */
  readonly length: number | undefined;
  whole(): Uint8Array | ReadableStream<Uint8Array>;
}

/** Stays in a 304 (RFC 9110 section 15.4.5), with the rest of what a client may freshen its copy by. */
const OMITTED_IN_304 = new Set(["content-length", "content-encoding", "content-range", "content-type"]);
const NULL_BODY = new Set([101, 204, 205, 304]);

/**
 * Answers a GET or HEAD with a stored response: Age, conditions and one byte
 * range (RFC 9111 section 4.3.2, RFC 9110 sections 13 and 14). A template with
 * fragments is always answered whole, as its validators are not the page's.
 */
export function respond(
  request: Request,
  head: StoredHead,
  body: BodySource,
  status: CacheStatus,
  now: number,
): Response {
  const headers = new Headers([...head.headers]);
  const age = Math.floor(currentAge(head, now));
  // RFC 9111 section 5.1: Age says that a cache answered, or how old what came through already was.
  if (status.hit || age > 0) headers.set("age", String(age));
  headers.append("cache-status", cacheStatusField(status));
  if (head.fragments) return entire(request, head, body, headers);
  if (notModified(head, request.headers, now)) {
    for (const name of OMITTED_IN_304) headers.delete(name);
    return new Response(null, { status: 304, headers });
  }
  const range =
    body.length === undefined || request.method === "HEAD"
      ? undefined
      : rangeOf(head, request.headers, body.length, now);
  if (range === undefined || body.length === undefined) return entire(request, head, body, headers);
  if (range === "unsatisfiable") {
    headers.set("content-range", `bytes */${body.length}`);
    headers.delete("content-length");
    return new Response(null, { status: 416, headers });
  }
  return partial(body, range, headers, body.length);
}

function entire(request: Request, head: StoredHead, body: BodySource, headers: Headers): Response {
  const { status } = head;
  if (NULL_BODY.has(status)) return new Response(null, { status, headers });
  if (body.length !== undefined && body.length > 0) headers.set("content-length", String(body.length));
  if (request.method === "HEAD") return new Response(null, { status, headers });
  const whole = body.whole();
  return new Response(whole instanceof ReadableStream ? sized(whole, body.length) : whole, {
    status,
    headers,
  });
}

function partial(body: BodySource, { first, last }: ByteRange, headers: Headers, length: number): Response {
  headers.set("content-range", `bytes ${first}-${last}/${length}`);
  headers.set("content-length", String(last - first + 1));
  const whole = body.whole();
  const part =
    whole instanceof ReadableStream
      ? sized(whole.pipeThrough(slice(first, last)), last - first + 1)
      : whole.subarray(first, last + 1);
  return new Response(part, { status: 206, headers });
}

/** Has the client told the length up front, so that it can tell a cut body from a whole one. */
function sized(stream: ReadableStream<Uint8Array>, length: number | undefined): ReadableStream<Uint8Array> {
  return length === undefined ? stream : stream.pipeThrough(new FixedLengthStream(length));
}

function slice(first: number, last: number): TransformStream<Uint8Array, Uint8Array> {
  let position = 0;
  return new TransformStream({
    transform(chunk, controller) {
      const part = chunk.subarray(Math.max(0, first - position), Math.max(0, last + 1 - position));
      position += chunk.byteLength;
      if (part.byteLength > 0) controller.enqueue(part);
      if (position > last) controller.terminate();
    },
  });
}
