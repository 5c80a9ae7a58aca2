import { Exceeded } from "../engine/transaction.ts";

export interface Inflated {
  readonly bytes: Uint8Array;
  /** Null: sound, or cut off because only a prefix was given. */
  readonly fault: "bad-compression" | "unknown-encoding" | null;
}

/** Encodings applied to a body, outermost last; empty where it is not compressed. */
export function encodingsOf(headers: readonly (readonly [string, string])[]): string[] {
  return headers
    .filter(([name]) => name.toLowerCase() === "content-encoding")
    .flatMap(([, value]) => value.toLowerCase().split(","))
    .map((encoding) => encoding.trim())
    .filter((encoding) => encoding !== "" && encoding !== "identity");
}

/**
 * Undoes content encodings, at most two deep, up to `limit` bytes. Throws
 * `Exceeded("inflated")` beyond that: what a bomb expands to is never held.
 */
export async function inflate(
  body: Uint8Array,
  encodings: readonly string[],
  limit: number,
  complete: boolean,
): Promise<Inflated> {
  let bytes = body;
  if (encodings.length > 2) throw new Exceeded("inflated");
  for (const encoding of encodings.toReversed()) {
    const format = formatOf(encoding);
    if (format === null) return { bytes, fault: "unknown-encoding" };
    const { output, sound } = await decompress(bytes, format, limit);
    bytes = output;
    if (!sound && complete) return { bytes, fault: "bad-compression" };
  }
  return { bytes, fault: null };
}

function formatOf(encoding: string): "gzip" | "deflate" | null {
  if (encoding === "gzip" || encoding === "x-gzip") return "gzip";
  return encoding === "deflate" ? "deflate" : null;
}

async function decompress(
  bytes: Uint8Array,
  format: "gzip" | "deflate",
  limit: number,
): Promise<{ output: Uint8Array; sound: boolean }> {
  const stream = new DecompressionStream(format);
  const writer = stream.writable.getWriter();
  // A prefix ends early: what came out until then is what there is, so errors of writing say nothing more than those of reading.
  const written = writer.write(new Uint8Array(bytes)).then(() => writer.close());
  written.catch(() => undefined);
  const chunks: Uint8Array[] = [];
  let size = 0;
  let sound = true;
  const reader = stream.readable.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const chunk: Uint8Array = value;
      size += chunk.length;
      if (size > limit) throw new Exceeded("inflated");
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof Exceeded) {
      await reader.cancel().catch(() => undefined);
      throw error;
    }
    sound = false;
  }
  return { output: join(chunks, size), sound };
}

function join(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const all = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
