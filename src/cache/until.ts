/** Remembers moments by key for a bounded number of keys, the oldest forgotten first. */
export class Until {
  readonly #moments = new Map<string, number>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  set(key: string, until: number): void {
    this.#moments.delete(key);
    this.#moments.set(key, until);
    const [oldest] = this.#moments.keys();
    if (this.#moments.size > this.#limit && oldest !== undefined) this.#moments.delete(oldest);
  }

  delete(key: string): void {
    this.#moments.delete(key);
  }

  /** Whether the moment of this key lies ahead. */
  holds(key: string, now: number): boolean {
    const until = this.#moments.get(key);
    return until !== undefined && now < until;
  }
}
