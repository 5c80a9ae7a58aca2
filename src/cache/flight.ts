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

const WAIT_MS = 10_000;
/** No origin request takes longer; what has, was cut off with the request that made it. */
const LOST_MS = 30_000;

/** One origin request that others may wait for (RFC 9111 section 4: collapsed requests). */
export class Flight {
  readonly #signal = new Signal();
  readonly #began: number;
  #state: FlightState = { phase: "waiting" };

  constructor(now: number) {
    this.#began = now;
  }

  /** Whether it will come to nothing, because the request that made it is no more. */
  isLost(now: number): boolean {
    if (this.#state.phase === "waiting") return now - this.#began > LOST_MS;
    return this.#state.phase === "streaming" && this.#state.body.isStuck();
  }

  land(state: FlightState): void {
    this.#state = state;
    this.#signal.wake();
  }

  /** What it comes to; `waiting` where that takes longer than a follower should wait. */
  async outcome(): Promise<FlightState> {
    while (this.#state.phase === "waiting") if (!(await this.#signal.change(WAIT_MS))) break;
    return this.#state;
  }
}
