/**
 * Wakes requests that wait for another request's work.
 *
 * workerd binds promises to the request that made them: awaiting a promise whose
 * work hangs on another request's I/O is judged a hang and cancelled (500) as
 * soon as the waiter has no I/O of its own under way. Measured on workerd 2026:
 * a promise made by the waiter, resolved by the other request, with a timer of
 * the waiter's pending beside it, is safe. That is all this class does.
 */
export class Signal {
  readonly #waiting = new Set<() => void>();

  /** Resolves to true at the next `wake`, to false after `ms`. Call it after checking the state, without an await between. */
  async change(ms: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const wake = (): void => resolve(true);
    const timer = setTimeout(resolve, ms, false);
    this.#waiting.add(wake);
    const woken = await promise;
    // Here, not in `wake`: a timer can only be cleared by the request that set it.
    clearTimeout(timer);
    this.#waiting.delete(wake);
    return woken;
  }

  wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}
