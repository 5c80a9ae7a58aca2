import { Signal } from "./signal.ts";

/** Bytes that a body which is not stored may be ahead of its slowest reader. */
const WINDOW = 1_048_576;
/** A reader that takes nothing for so long is cut off rather than hold up the others. */
const STALL_MS = 15_000;
/** A reader that gets nothing for so long gives up on the origin. */
const SILENCE_MS = 60_000;

interface Reader {
  /** Index of the next chunk, counted from the body's first. */
  next: number;
  cut: boolean;
}

/** Who counts the bytes that all bodies under way hold together. */
export interface ByteBudget {
  /** Whether so many more bytes may be held. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

/**
 * A response body that is read once, by the request that fetched it, and
 * replayed to any number of requests from plain memory while it arrives.
 *
 * What is hard here: a stream or promise of one workerd request cannot be read
 * by another. So the bytes are kept as plain chunks, and each reader has a stream
 * and promises of its own which the writer only wakes (see `Signal`).
 *
 * Up to `limit` bytes everything is kept, to be stored. Beyond it the log becomes
 * a window: chunks all readers have taken are dropped, and the writer waits for
 * the slowest.
 */
export class BodyLog {
  readonly #signal = new Signal();
  readonly #readers = new Set<Reader>();
  #chunks: Uint8Array[] = [];
  #dropped = 0;
  #held = 0;
  #whole = true;
  #state: "open" | "done" | "broken" = "open";

  /** Whether a late reader still finds the first byte. */
  get whole(): boolean {
    return this.#whole;
  }

  /** Pumps the origin's body to its end. Runs in the request that owns `source`. Resolves to the whole body, or undefined where it is too large, broken, or wanted by nobody. */
  async fill(
    source: ReadableStream<Uint8Array>,
    limit: number,
    budget: ByteBudget,
    onOverflow: () => void,
  ): Promise<Uint8Array | undefined> {
    const reader = source.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        if (value.byteLength === 0) continue;
        if (this.#whole && !(this.#held + value.byteLength <= limit && budget.take(value.byteLength))) {
          budget.give(this.#held);
          this.#whole = false;
          onOverflow();
        }
        this.#chunks.push(value);
        this.#held += value.byteLength;
        this.#signal.wake();
        if (!this.#whole && !(await this.#roomForMore())) {
          await reader.cancel("nobody reads this any more");
          break;
        }
      }
      this.#state = "done";
      return this.#whole ? joined(this.#chunks, this.#held) : undefined;
    } catch {
      this.#state = "broken";
      return undefined;
    } finally {
      if (this.#whole) budget.give(this.#held);
      this.#signal.wake();
    }
  }

  /** False once there is no reader left. */
  async #roomForMore(): Promise<boolean> {
    for (;;) {
      this.#dropTaken();
      if (this.#readers.size === 0) return false;
      if (this.#held <= WINDOW) return true;
      if (!(await this.#signal.change(STALL_MS))) this.#cutSlowest();
    }
  }

  #dropTaken(): void {
    const slowest = Math.min(...[...this.#readers].map((reader) => reader.next));
    for (; this.#dropped < slowest && this.#chunks.length > 0; this.#dropped++)
      this.#held -= this.#chunks.shift()?.byteLength ?? 0;
  }

  #cutSlowest(): void {
    for (const reader of this.#readers) {
      if (reader.next > this.#dropped) continue;
      reader.cut = true;
      this.#readers.delete(reader);
    }
    this.#signal.wake();
  }

  /** A stream of the whole body, of the request that calls this. Errors where the origin broke off, so that the client can tell. */
  stream(): ReadableStream<Uint8Array> {
    const reader: Reader = { next: 0, cut: !this.#whole };
    this.#readers.add(reader);
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => this.#pull(reader, controller),
        cancel: () => {
          this.#readers.delete(reader);
          this.#signal.wake();
        },
      },
      { highWaterMark: 0 },
    );
  }

  async #pull(reader: Reader, controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    for (;;) {
      const chunk = reader.cut ? undefined : this.#chunks[reader.next - this.#dropped];
      if (chunk !== undefined) {
        reader.next++;
        controller.enqueue(chunk);
        if (!this.#whole) this.#signal.wake();
        return;
      }
      if (this.#state === "done" && !reader.cut) {
        this.#readers.delete(reader);
        controller.close();
        return;
      }
      if (reader.cut || this.#state === "broken" || !(await this.#signal.change(SILENCE_MS))) {
        this.#readers.delete(reader);
        throw new Error("the origin's response broke off");
      }
    }
  }
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  // Always a copy: a chunk may be a small view of a large read buffer, which it would keep alive.
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}
