import { type Answer, hasNullBody } from "../http/answer.ts";
import { type ByteRange, type Note, notModified, rangeOf } from "./conditions.ts";
import { type CacheStatus, cacheStatusField, saysTheSame } from "./cache-status.ts";
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

/**
 * Answers a GET or HEAD with a stored response: Age, conditions and one byte
 * range (RFC 9111 section 4.3.2, RFC 9110 sections 13 and 14). A template with
 * fragments is always answered whole, as its validators are not the page's.
 */
export function respond(
  asked: Asked,
  head: StoredHead,
  body: BodySource,
  status: CacheStatus,
  now: number,
  note: Note,
): Answer {
  const age = Math.floor(currentAge(head, now));
  // RFC 9111 section 5.1: Age says that a cache answered, or how old what came through already was.
  const aged = status.hit || age > 0 ? age : null;
  const headers = fieldsOf(head, body.length, aged, status);
  if (head.fragments) return entire(asked, head, body, headers);
  if (notModified(head, asked.headers, now, note)) {
    const unchanged = new Headers(headers);
    for (const name of OF_BODY) unchanged.delete(name);
    return { status: 304, headers: unchanged, body: null };
  }
  if (body.length === undefined || asked.method === "HEAD") return entire(asked, head, body, headers);
  const range = rangeOf(head, asked.headers, body.length, now, note);
  return range === undefined
    ? entire(asked, head, body, headers)
    : partial(headers, body, range, body.length);
}

function entire({ method }: Asked, { status }: StoredHead, body: BodySource, headers: Headers): Answer {
  if (hasNullBody(status) || method === "HEAD") return { status, headers, body: null };
  const whole = body.whole();
  return {
    status,
    headers,
    body: whole instanceof ReadableStream ? sized(whole, body.length) : whole,
  };
}

function partial(
  whole: Headers,
  body: BodySource,
  range: ByteRange | "unsatisfiable",
  length: number,
): Answer {
  const headers = new Headers(whole);
  if (range === "unsatisfiable") {
    headers.set("content-range", `bytes */${length}`);
    headers.delete("content-length");
    return { status: 416, headers, body: null };
  }
  const { first, last } = range;
  headers.set("content-range", `bytes ${first}-${last}/${length}`);
  headers.set("content-length", String(last - first + 1));
  const bytes = body.whole();
  const part =
    bytes instanceof ReadableStream
      ? sized(bytes.pipeThrough(slice(first, last)), last - first + 1)
      : bytes.subarray(first, last + 1);
  return { status: 206, headers, body: part };
}

/** The fields of answers with the whole of a stored response. */
interface Filled {
  readonly length: number | undefined;
  /** What does not change. */
  readonly lasting: Headers;
  age: number | null;
  status: CacheStatus | null;
  /** With the latest age and status. */
  latest: Headers;
}

/** To fill Headers is most of what a hit costs, and for a second they are the same: so they are kept, and shared. */
const filled = new WeakMap<StoredHead, Filled>();

/** Not to be changed. `age` in whole seconds; null where the answer says none. */
function fieldsOf(
  head: StoredHead,
  length: number | undefined,
  age: number | null,
  status: CacheStatus,
): Headers {
  let known = filled.get(head);
  if (known === undefined || known.length !== length) {
    const lasting = lastingFields(head, length);
    known = { length, lasting, age: null, status: null, latest: lasting };
    filled.set(head, known);
  }
  if (known.age !== age || known.status === null || !saysTheSame(known.status, status)) {
    const latest = new Headers(known.lasting);
    if (age !== null) latest.set("age", String(age));
    latest.append("cache-status", cacheStatusField(status));
    Object.assign(known, { age, status, latest });
  }
  return known.latest;
}

function lastingFields(head: StoredHead, length: number | undefined): Headers {
  const headers = new Headers([...head.headers]);
  // Of the bytes there are, not of those the origin declared.
  headers.delete("content-length");
  if (length !== undefined && !hasNullBody(head.status)) headers.set("content-length", String(length));
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
