/**
 * How late polls come to an isolate: the way of an answer and of the next request,
 * and what both waited for the edge. Where that grows, the edge has more to do than
 * it can, and polls are to become rarer. Pages in the background poll late as they
 * like, so it is the median that counts.
 */

/** Later than this the edge is slow, not the network. */
const USUAL_MS = 700;
/** So late, or later, polls are twice as far apart. */
const WORST_MS = 2500;
const STEP_MS = 20;

export class Lateness {
  #medianMs = 0;

  /** A poll came `lateMs` after its time. */
  note(lateMs: number): void {
    const step = lateMs > this.#medianMs ? STEP_MS : -STEP_MS;
    this.#medianMs = Math.min(WORST_MS, Math.max(0, this.#medianMs + step));
  }

  /** How many times farther apart polls are to be, 1 to 2. */
  get stretch(): number {
    return 1 + Math.max(0, this.#medianMs - USUAL_MS) / (WORST_MS - USUAL_MS);
  }
}
