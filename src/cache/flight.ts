import type { BodyLog } from "./body-log.ts";
import { Signal } from "./signal.ts";
import type { StoredHead, StoredResponse } from "./stored.ts";

/** What one origin request has come to, in plain memory, so that any request may read it. */
export type FlightState =
  | { readonly phase: "waiting" }
  /** A revalidated response. */
  | { readonly phase: "stored"; readonly entry: StoredResponse }
  /** A response that is being stored while it arrives. `length`: of the body, where known. */
  | {
      readonly phase: "streaming";
      readonly head: StoredHead;
      readonly body: BodyLog;
      readonly length: number | undefined;
    }
  /** Not for others: each asks the origin itself. */
  | { readonly phase: "unshared" }
  | { readonly phase: "failed"; readonly error: unknown };

/** What others may share. */
export type Shared = Extract<FlightState, { phase: "stored" | "streaming" }>;

/** Beside the origin's own time: for looking into the tier beneath, and for what an answer begins with, which inspection waits for. One that takes longer is asked for once more, which harms nobody. */
const AROUND_MS = 20_000;

/** One origin request that others may wait for (RFC 9111 section 4: collapsed requests). */
export class Flight {
  readonly #signal = new Signal();
  readonly #lostAt: number;
  #state: FlightState = { phase: "waiting" };

  /** @param originMs how long the origin may take to answer; what takes much longer was cut off with the request that made it */
  constructor(now: number, originMs: number) {
    this.#lostAt = now + originMs + AROUND_MS;
  }

  /** Whether it will come to nothing, because the request that made it is no more. */
  isLost(now: number): boolean {
    if (this.#state.phase === "waiting") return now >= this.#lostAt;
    return this.#state.phase === "streaming" && this.#state.body.isStuck();
  }

  land(state: FlightState): void {
    this.#state = state;
    this.#signal.wake();
  }

  /** What it comes to; `waiting` where it is lost. */
  async outcome(now: () => number): Promise<FlightState> {
    while (this.#state.phase === "waiting" && !this.isLost(now()))
      await this.#signal.change(this.#lostAt - now());
    return this.#state;
  }
}
