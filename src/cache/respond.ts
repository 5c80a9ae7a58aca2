import { notModified, rangeOf, type ByteRange } from "./conditions.ts";
import { type CacheStatus, cacheStatusField } from "./cache-status.ts";
import { currentAge } from "./freshness.ts";
import type { CacheInput } from "./passage.ts";
import type { StoredHead } from "./stored.ts";

/** What of a request decides how a stored response answers it. */
export type Asked = Pick<CacheInput, "method" | "headers">;

/** The stored body: bytes, or a stream while it still arrives. */
export interface BodySource {
  /** Undefined while unknown. */
  readonly length: number | undefined;
  whole(): Uint8Array | ReadableStream<Uint8Array>;
}

/** Not in a 304 (RFC 9110 section 15.4.5): they describe a body. */
const OF_BODY = ["content-length", "content-encoding", "content-range", "content-type"];
const NULL_BODY = new Set([101, 204, 205, 304]);

/**
 * Answers a GET or HEAD with a stored response: Age, conditions and one byte
 * range (RFC 9111 section 4.3.2, RFC 9110 sections 13 and 14). A template with
 * fragments is always answered whole, as its validators are not the page's.
 */
export function respond(
  request: Asked,
  head: StoredHead,
  body: BodySource,
  status: CacheStatus,
  now: number,
): Response {
  const response = selected(request, head, body, now);
  const { headers } = response;
  const age = Math.floor(currentAge(head, now));
  // RFC 9111 section 5.1: Age says that a cache answered, or how old what came through already was.
  if (status.hit || age > 0) headers.set("age", String(age));
  headers.append("cache-status", cacheStatusField(status));
  return response;
}

function selected(request: Asked, head: StoredHead, body: BodySource, now: number): Response {
  if (head.fragments) return entire(request, head, body);
  if (notModified(head, request.headers, now)) {
    const unchanged = new Response(null, {
      status: 304,
      headers: fieldsOf(head, body.length),
      encodeBody: "manual",
    });
    for (const name of OF_BODY) unchanged.headers.delete(name);
    return unchanged;
  }
  if (body.length === undefined || request.method === "HEAD") return entire(request, head, body);
  const range = rangeOf(head, request.headers, body.length, now);
  return range === undefined ? entire(request, head, body) : partial(head, body, range, body.length);
}

function entire(request: Asked, head: StoredHead, body: BodySource): Response {
  const { status } = head;
  const headers = fieldsOf(head, body.length);
  if (NULL_BODY.has(status)) return new Response(null, { status, headers, encodeBody: "manual" });
  if (request.method === "HEAD") return new Response(null, { status, headers, encodeBody: "manual" });
  const whole = body.whole();
  return new Response(whole instanceof ReadableStream ? sized(whole, body.length) : whole, {
    status,
    headers,
    encodeBody: "manual",
  });
}

function partial(
  head: StoredHead,
  body: BodySource,
  range: ByteRange | "unsatisfiable",
  length: number,
): Response {
  const headers = fieldsOf(head, body.length);
  if (range === "unsatisfiable") {
    const refusal = new Response(null, { status: 416, headers, encodeBody: "manual" });
    refusal.headers.set("content-range", `bytes */${length}`);
    refusal.headers.delete("content-length");
    return refusal;
  }
  const { first, last } = range;
  const whole = body.whole();
  const part =
    whole instanceof ReadableStream
      ? sized(whole.pipeThrough(slice(first, last)), last - first + 1)
      : whole.subarray(first, last + 1);
  const response = new Response(part, { status: 206, headers, encodeBody: "manual" });
  response.headers.set("content-range", `bytes ${first}-${last}/${length}`);
  response.headers.set("content-length", String(last - first + 1));
  return response;
}

/** Stored fields as Headers, made once: to fill them is a good part of what a hit costs. Never changed; responses copy them. */
const filled = new WeakMap<StoredHead, { readonly headers: Headers; readonly length: number | undefined }>();

/** The fields of an answer with the whole body of this length. */
function fieldsOf(head: StoredHead, length: number | undefined): Headers {
  const known = filled.get(head);
  if (known !== undefined && known.length === length) return known.headers;
  const headers = new Headers([...head.headers]);
  // Of the bytes there are, not of those the origin declared.
  headers.delete("content-length");
  if (length !== undefined && !NULL_BODY.has(head.status)) headers.set("content-length", String(length));
  filled.set(head, { headers, length });
  return headers;
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
