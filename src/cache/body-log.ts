import { Signal } from "./signal.ts";

/** Bytes that a body which is not stored may be ahead of its slowest reader. */
const WINDOW = 1_048_576;
/** A reader that takes nothing for so long is cut off rather than hold up the others. */
const STALL_MS = 15_000;
/** A body that gets nothing for so long, and is not held up by its readers, is joined by nobody any more: it may have lost the request that fetched it. */
const STUCK_MS = 30_000;
/** So long a body that is not stored waits for its first reader. */
const ATTACH_MS = 2_000;
/** Beyond what an origin may take: for the gateway's own cut to arrive. */
const CUT_MS = 5_000;

/** What a chunk takes at the least: a body that drips in byte by byte is no smaller than this a byte. */
const LEAST_WEIGHT = 256;

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

/** A budget of so many bytes. */
export function byteBudget(limit: number): ByteBudget {
  let held = 0;
  return {
    take(bytes) {
      if (held + bytes > limit) return false;
      held += bytes;
      return true;
    },
    give(bytes) {
      held -= bytes;
    },
  };
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
  readonly #now: () => number;
  /** After so long without a byte the request that fetched it is gone for certain: alive, it would have been told that the origin is cut off. */
  readonly #lostMs: number;
  readonly #signal = new Signal();
  readonly #readers = new Set<Reader>();
  #hadReaders = false;
  #chunks: Uint8Array[] = [];
  #dropped = 0;
  #held = 0;
  /** As counted against the budget. */
  #weight = 0;
  #whole = true;
  #state: "open" | "done" | "broken" = "open";
  #progressAt: number;
  #budget: ByteBudget | undefined;

  /** @param stallMs how long the origin may stand still; noticed within twice that */
  constructor(now: () => number, stallMs: number) {
    this.#now = now;
    this.#lostMs = 2 * stallMs + CUT_MS;
    this.#progressAt = now();
  }

  /** Whether a late reader still finds the first byte. */
  get whole(): boolean {
    return this.#whole;
  }

  /** Whether nothing has come for so long that nothing may come any more: workerd ends a request, and with it what it reads, some time after its client has left. */
  isStuck(): boolean {
    return this.#silentFor(Math.min(STUCK_MS, this.#lostMs));
  }

  /** Whether nothing will come any more. */
  isLost(): boolean {
    return this.#silentFor(this.#lostMs);
  }

  #silentFor(ms: number): boolean {
    return this.#whole && this.#state === "open" && this.#now() - this.#progressAt > ms;
  }

  /** Ends what is lost: its readers are told, and its bytes are given back. */
  abandon(): void {
    this.#state = "broken";
    this.#chunks = [];
    this.#budget?.give(this.#weight);
    this.#budget = undefined;
    this.#held = 0;
    this.#signal.wake();
  }

  /** Pumps the origin's body to its end. Runs in the request that owns `source`. Resolves to the whole body, or undefined where it is too large, broken, or wanted by nobody. */
  async fill(
    source: ReadableStream<Uint8Array>,
    limit: number,
    budget: ByteBudget,
    onOverflow: () => void,
  ): Promise<Uint8Array | undefined> {
    const reader = source.getReader();
    this.#budget = budget;
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (this.#state === "broken") await reader.cancel("abandoned");
        if (done || this.#state === "broken") break;
        if (value.byteLength > 0 && !(await this.#take(value, limit, onOverflow))) {
          await reader.cancel("nobody reads this any more");
          break;
        }
      }
      if (this.#state === "open") this.#state = "done";
      return this.#whole && this.#state === "done" ? joined(this.#chunks, this.#held) : undefined;
    } catch {
      this.#state = "broken";
      return undefined;
    } finally {
      this.#budget?.give(this.#weight);
      this.#budget = undefined;
      this.#signal.wake();
    }
  }

  /** False where there is nobody left to take it for. */
  async #take(chunk: Uint8Array, limit: number, onOverflow: () => void): Promise<boolean> {
    this.#progressAt = this.#now();
    const weight = Math.max(chunk.byteLength, LEAST_WEIGHT);
    const fits = this.#held + chunk.byteLength <= limit && this.#budget?.take(weight) === true;
    if (fits) this.#weight += weight;
    if (this.#whole && !fits) {
      this.#budget?.give(this.#weight);
      this.#budget = undefined;
      this.#whole = false;
      onOverflow();
    }
    this.#chunks.push(compact(chunk));
    this.#held += chunk.byteLength;
    this.#signal.wake();
    return this.#whole || this.#roomForMore();
  }

  /** False once there is no reader left, or where none has come. */
  async #roomForMore(): Promise<boolean> {
    for (;;) {
      this.#dropTaken();
      if (this.#readers.size === 0 && this.#hadReaders) return false;
      if (this.#held <= WINDOW) return true;
      const patience = this.#hadReaders ? STALL_MS : ATTACH_MS;
      if (await this.#signal.change(patience)) continue;
      if (!this.#hadReaders) return false;
      this.#cutSlowest();
    }
  }

  #dropTaken(): void {
    // The request that asked may come for its stream after the first bytes.
    if (!this.#hadReaders) return;
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
    const reader: Reader = { next: 0, cut: this.#dropped > 0 };
    this.#readers.add(reader);
    this.#hadReaders = true;
    this.#signal.wake();
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
      if (reader.cut || this.#state === "broken" || !(await this.#signal.change(this.#lostMs))) {
        this.#readers.delete(reader);
        throw new Error("the origin's response broke off");
      }
    }
  }
}

/** A few bytes read into a large buffer without the buffer, which they would keep alive. */
export function compact(chunk: Uint8Array): Uint8Array {
  return chunk.byteLength * 2 < chunk.buffer.byteLength ? chunk.slice() : chunk;
}

/** Always a copy: a chunk may be a small view of a large read buffer, which it would keep alive. */
export function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}
