import { hashText } from "./tags.ts";

/**
 * Remembers moments by key for a bounded number of keys, the oldest forgotten
 * first. Keys are kept as hashes, as strangers choose them and they may be long;
 * where two collide, one origin request is or is not shared.
 */
export class Until {
  readonly #moments = new Map<number, number>();
  readonly #limit: number;
  /** So that no stranger can choose a key that collides with another. */
  readonly #salt = crypto.randomUUID();

  constructor(limit: number) {
    this.#limit = limit;
  }

  set(key: string, until: number): void {
    const hash = this.#hash(key);
    this.#moments.delete(hash);
    this.#moments.set(hash, until);
    const [oldest] = this.#moments.keys();
    if (this.#moments.size > this.#limit && oldest !== undefined) this.#moments.delete(oldest);
  }

  delete(key: string): void {
    this.#moments.delete(this.#hash(key));
  }

  #hash(key: string): number {
    return hashText(this.#salt + key);
  }

  /** Whether the moment of this key lies ahead. */
  holds(key: string, now: number): boolean {
    if (this.#moments.size === 0) return false;
    const until = this.#moments.get(this.#hash(key));
    return until !== undefined && now < until;
  }
}
