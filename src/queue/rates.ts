/** How fast things go in a room, learned once a second from the gates' reports and the line. */
import type { AliveHistogram } from "./histogram.ts";
import type { GateReport } from "./messages.ts";

/** A rate is an average of about so many seconds... */
const SMOOTH_S = 6;
/** ...and of about so many admissions, where they are rare. */
const SMOOTH_ADMISSIONS = 20;
/** Somebody who left is found gone after about so long: half of a long poll and the grace. */
const NOTICED_AFTER_S = 16;
/** Fewer people in line say nothing about how many leave. */
const ENOUGH_WAITING = 20;

export class Rates {
  /** Newcomers a second, of those who will come back. */
  arriving = 0;
  /** Share of the people waiting who leave, a second. */
  leaving = 0;
  admitting = 0;
  /** Admissions a second that gates had tokens for. */
  possible = 0;
  /** Calls of gates a second: batches of isolates, and visitors who ask. */
  batches = 0;
  asks = 0;
  /** Admissions a second while people wait; null: nobody waited yet. */
  pace: number | null = null;
  #settledAt: number;
  #fresh = true;
  #sum = { admitted: 0, possible: 0, batches: 0, asks: 0 };
  #came = 0;
  #gone = 0;
  /** Settled people in line when those left who are found gone now. */
  #settledThen = 0;
  #before = { left: 0, neverBack: 0, everybody: 0 };

  constructor(now: number) {
    this.#settledAt = now;
  }

  /** ms since the rates were last settled. */
  age(now: number): number {
    return now - this.#settledAt;
  }

  hear({ admitted, possible, batches, asks }: GateReport): void {
    this.#sum.admitted += admitted;
    this.#sum.possible += possible;
    this.#sum.batches += batches;
    this.#sum.asks += asks;
  }

  /**
   * Takes what was heard since the last time into the rates.
   * @param share admissions a second that N allows
   * @param waited whether people wait, so that every token should be taken
   */
  settle(line: AliveHistogram, share: number, waited: boolean, now: number): void {
    const seconds = Math.max(0.001, this.age(now) / 1000);
    const smooth = (old: number, value: number, over = SMOOTH_S): number =>
      this.#fresh ? value : old + (value - old) * Math.min(1, seconds / over);
    const { admitted, possible, batches, asks } = this.#sum;
    const { left, neverBack } = line;
    const { settled, newcomers } = line.people;
    const gone = left - this.#before.left;
    const came =
      settled + newcomers - this.#before.everybody + admitted + gone + neverBack - this.#before.neverBack;
    this.#came = smooth(this.#came, came / seconds);
    this.#gone = smooth(this.#gone, gone / seconds);
    this.#settledThen += (settled - this.#settledThen) * Math.min(1, seconds / NOTICED_AFTER_S);
    this.arriving = Math.max(0, this.#came * line.returning);
    this.leaving = this.#settledThen > ENOUGH_WAITING ? Math.max(0, this.#gone / this.#settledThen) : 0;
    this.admitting = smooth(this.admitting, admitted / seconds);
    this.possible = smooth(this.possible, possible / seconds);
    this.batches = smooth(this.batches, batches / seconds);
    this.asks = smooth(this.asks, asks / seconds);
    if (waited) {
      const over = Math.max(SMOOTH_S, SMOOTH_ADMISSIONS / share);
      this.pace = smooth(this.pace ?? share, admitted / seconds, over);
    }
    this.#settledAt = now;
    this.#fresh = false;
    this.#sum = { admitted: 0, possible: 0, batches: 0, asks: 0 };
    this.#before = { left, neverBack, everybody: settled + newcomers };
  }
}
