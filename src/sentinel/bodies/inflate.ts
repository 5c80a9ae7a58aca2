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
    .filter((encoding) => encoding !== "" && !NO_ENCODINGS.has(encoding));
}

/** What says that nothing was done to the body; sloppy clients put its charset here. */
const NO_ENCODINGS: ReadonlySet<string> = new Set(
  "identity none utf-8 utf8 us-ascii ascii iso-8859-1 7bit 8bit binary".split(" "),
);

/**
 * Undoes content encodings, at most two deep, up to `limit` bytes. Throws
 * `Exceeded("inflated")` beyond that: what a bomb expands to is never held.
 * A body that is not compressed as it says is left as it came, since an origin
 * may take it so. The platform knows no `br` and no `zstd`: `unknown-encoding`.
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
    const formats = FORMATS.get(encoding);
    if (formats === undefined) return { bytes, fault: "unknown-encoding" };
    const { output, sound } = await firstSound(bytes, formats, limit);
    if (output.length > 0) bytes = output;
    if (!sound && complete) return { bytes, fault: "bad-compression" };
  }
  return { bytes, fault: null };
}

type Format = "gzip" | "deflate" | "deflate-raw";

/** RFC 9110, 8.4.1; by `deflate` some clients mean the bare algorithm without its zlib frame. */
const FORMATS: ReadonlyMap<string, readonly Format[]> = new Map<string, readonly Format[]>([
  ["gzip", ["gzip"]],
  ["x-gzip", ["gzip"]],
  ["deflate", ["deflate", "deflate-raw"]],
]);

interface Output {
  readonly output: Uint8Array;
  readonly sound: boolean;
}

/** What the first format yields that yields anything. */
async function firstSound(bytes: Uint8Array, formats: readonly Format[], limit: number): Promise<Output> {
  let result: Output = { output: new Uint8Array(), sound: false };
  for (const format of formats) {
    result = await decompress(bytes, format, limit);
    if (result.sound || result.output.length > 0) break;
  }
  return result;
}

async function decompress(bytes: Uint8Array, format: Format, limit: number): Promise<Output> {
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
