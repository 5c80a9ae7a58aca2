/**
 * Looking at the beginning of a body without keeping the rest from streaming.
 * A body that breaks off or stalls while its prefix is read is the client's
 * error (400, 408), not ours.
 */
import { EdgeError } from "./errors.ts";

export interface PeekedBody {
  /** The first bytes, at most `limit`. */
  readonly prefix: Uint8Array;
  /** Whether `prefix` is the whole body. */
  readonly complete: boolean;
  /** The whole body for whoever is next: the bytes themselves where complete, a stream that repeats the prefix otherwise. */
  readonly body: Uint8Array | ReadableStream<Uint8Array>;
}

/**
 * Reads at most `limit` bytes of `stream`.
 * @param contentLength declared length in bytes, or null: kept for the stream that is passed on
 * @param deadlineMs time for the prefix to arrive
 */
export async function peekBody(
  stream: ReadableStream<Uint8Array>,
  limit: number,
  contentLength: number | null,
  deadlineMs: number,
): Promise<PeekedBody> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  const late = deadline(deadlineMs);
  try {
    // Only the end of the stream, or its declared length, tells that a body of just so many bytes is whole.
    const enough = contentLength === null ? limit + 1 : limit;
    while (size < enough) {
      const { done, value } = await Promise.race([reader.read(), late.expired]);
      if (done) {
        const prefix = concat(chunks, size);
        return { prefix, complete: true, body: prefix };
      }
      chunks.push(value);
      size += value.byteLength;
    }
  } catch (cause) {
    reader.cancel(cause).catch(() => undefined);
    if (cause instanceof EdgeError) throw cause;
    throw new EdgeError({
      code: "bad-request",
      source: "client",
      status: 400,
      detail: "The request body broke off.",
      cause,
    });
  } finally {
    late.clear();
  }
  reader.releaseLock();
  const head = concat(chunks, size);
  if (contentLength === size && size === limit) return { prefix: head, complete: true, body: head };
  return { prefix: head.subarray(0, limit), complete: false, body: rejoin(head, stream, contentLength) };
}

/** A native stream of `head` followed by what is left of `rest`; FixedLength keeps the origin's Content-Length. */
function rejoin(
  head: Uint8Array,
  rest: ReadableStream<Uint8Array>,
  contentLength: number | null,
): ReadableStream<Uint8Array> {
  const { readable, writable } =
    contentLength === null ? new IdentityTransformStream() : new FixedLengthStream(contentLength);
  const pump = async (): Promise<void> => {
    const writer = writable.getWriter();
    await writer.write(head);
    writer.releaseLock();
    await rest.pipeTo(writable);
  };
  // A failure reaches the reader of `readable` as an aborted stream; nobody else waits for the pump.
  pump().catch((reason) => writable.abort(reason).catch(() => undefined));
  return readable;
}

function concat(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1) return only;
  const out = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    out.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return out;
}

function deadline(ms: number): { expired: Promise<never>; clear: () => void } {
  let timer: ReturnType<typeof setTimeout>;
  const expired = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(
        new EdgeError({
          code: "request-timeout",
          source: "client",
          status: 408,
          detail: "The request body arrived too slowly.",
        }),
      );
    }, ms);
  });
  expired.catch(() => undefined);
  return { expired, clear: () => clearTimeout(timer) };
}
