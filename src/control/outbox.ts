/**
 * Invalidations on their way from an isolate to the control object. Hard about it:
 * every shopper can cause one, so neither their number nor their rate may reach the
 * object. Repeats are one; they are gathered for a moment and then sent together, so
 * many at a time and so often at most; what finds no room is dropped and counted,
 * and then holds in the isolate that saw it alone. Times in ms.
 */
import type { Invalidation, InvalidationAnswer } from "./purge-log.ts";

/** What waits at most; with EVERY_MS the most that an isolate can send. */
export const MAX_WAITING = 32;
/** Characters of a value; the object's list is read by every isolate. */
export const MAX_VALUE = 1024;
/** So long the first waits for others. */
export const GATHER_MS = 250;
/** Between two sendings. */
export const EVERY_MS = 5000;
/** A sending that was promised by a request that was cut off is promised anew after this. */
const LOST_MS = 20_000;

/** What waits to be sent, and when it may be. Plain data: any request may add, and any may send. */
export class Outbox {
  readonly #waiting = new Map<string, Invalidation>();
  #sentAt = Number.NEGATIVE_INFINITY;
  #promisedAt = Number.NEGATIVE_INFINITY;
  #restsUntil = Number.NEGATIVE_INFINITY;

  /** How many of these found no room. */
  add(invalidations: readonly Invalidation[], now: number): number {
    let dropped = 0;
    for (const invalidation of invalidations) {
      const { kind, value } = invalidation;
      const key = `${kind}:${value}`;
      if (this.#waiting.has(key)) continue;
      const fits = value.length <= MAX_VALUE && this.#waiting.size < MAX_WAITING && now >= this.#restsUntil;
      if (fits) this.#waiting.set(key, invalidation);
      else dropped++;
    }
    return dropped;
  }

  /** In how many ms the caller is to `take` and send; null where there is nothing to send or another is to. */
  promise(now: number): number | null {
    if (this.#waiting.size === 0 || now - this.#promisedAt < LOST_MS) return null;
    this.#promisedAt = now;
    return Math.max(GATHER_MS, this.#sentAt + EVERY_MS - now);
  }

  /** All that waits; nothing waits then. */
  take(now: number): readonly Invalidation[] {
    const taken = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#sentAt = now;
    this.#promisedAt = Number.NEGATIVE_INFINITY;
    return taken;
  }

  /** Takes in nothing until then: the object has more than it allows. */
  rest(until: number): void {
    this.#restsUntil = until;
  }
}

export interface InvalidationEvent {
  readonly kind: "invalidations";
  /** `dropped`: more than an isolate sends; `refused`: more than the object takes; `lost`: it could not be reached. */
  readonly end: "published" | "dropped" | "refused" | "lost";
  readonly count: number;
}

export interface InvalidatorOptions {
  /** Asks the control object, for the request that calls. */
  readonly send: (invalidations: readonly Invalidation[]) => Promise<InvalidationAnswer>;
  readonly clock: () => number;
  readonly sleep: (ms: number) => Promise<unknown>;
  /** Told what became of them; must not throw. */
  readonly observe: (event: InvalidationEvent) => void;
}

const ATTEMPTS = 3;

/** Sends what an isolate's requests make invalid to the control object. */
export function createInvalidator({
  send,
  clock,
  sleep,
  observe,
}: InvalidatorOptions): (invalidations: readonly Invalidation[], waitUntil: WaitUntil) => void {
  const outbox = new Outbox();
  const tell = (end: InvalidationEvent["end"], count: number): void => {
    if (count > 0) observe({ kind: "invalidations", end, count });
  };

  async function sendAll(): Promise<void> {
    const taken = outbox.take(clock());
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      try {
        const { refused, restMs } = await send(taken);
        if (restMs > 0) outbox.rest(clock() + restMs);
        tell("published", taken.length - refused);
        tell("refused", refused);
        return;
      } catch {
        if (attempt < ATTEMPTS) await sleep(EVERY_MS);
      }
    }
    tell("lost", taken.length);
  }

  return (invalidations, waitUntil) => {
    const now = clock();
    tell("dropped", outbox.add(invalidations, now));
    const ms = outbox.promise(now);
    if (ms !== null) waitUntil(sleep(ms).then(sendAll));
  };
}

type WaitUntil = (work: Promise<unknown>) => void;
