/**
 * Who is alive in the line, by place: counts of polls that are due. A poll moves
 * its ticket from the old due time to the new one; who stops polling expires by
 * himself, a late report takes that back, and a lost one heals when what it spoke
 * of expires.
 */

/** One change: `count` tickets of place `bin` that are due at `due` (both in their own units) came or went. */
export type Delta = readonly [bin: number, due: number, count: number];

/** The place of tickets whose lot is not drawn yet. */
export const UNDRAWN = -1;

/**
 * Where a newcomer is counted until he comes back for the first time: apart from
 * his place `bin`, so that the room learns how many never do.
 */
export function newcomerBin(bin: number): number {
  return UNDRAWN - 1 - bin;
}

/** How long after it was due a poll is still waited for, ms. */
export const GRACE_MS = 4000;
const DUE_MS = 1000;
/** Newcomers whose coming back is known before their share counts, and how many are remembered. */
const ENOUGH = 50;
const FORGET = 20_000;

/** A range of places with the number of people in it, spread evenly. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

export class AliveHistogram {
  readonly #binMs: number;
  readonly #byBin = new Map<number, number>();
  readonly #byDue = new Map<number, Map<number, number>>();
  #expiredTo = 0;
  /** Visitors who stopped polling, ever; newcomers who never came back apart. */
  #left = 0;
  #neverBack = 0;
  /** Newcomers who came back, by when they were due. */
  readonly #backByDue = new Map<number, number>();
  /** Of those whose time to come back is over: how many did, and did not; older ones count less. */
  #newcomers = { back: 0, gone: 0 };

  constructor(binMs: number) {
    this.#binMs = binMs;
  }

  get binMs(): number {
    return this.#binMs;
  }

  get left(): number {
    return this.#left;
  }

  get neverBack(): number {
    return this.#neverBack;
  }

  /** Share of the newcomers who come back; 1 until enough is known. */
  get returning(): number {
    const { back, gone } = this.#newcomers;
    return back + gone < ENOUGH ? 1 : back / (back + gone);
  }

  /** People in line who came back at least once, and newcomers. */
  get people(): { readonly settled: number; readonly newcomers: number } {
    let [settled, newcomers] = [0, 0];
    for (const [bin, count] of this.#byBin) {
      if (bin < UNDRAWN) newcomers += count;
      else settled += count;
    }
    return { settled, newcomers };
  }

  add(deltas: readonly Delta[], now: number): void {
    this.#expire(now);
    for (const [bin, due, count] of deltas) {
      if (due <= this.#expiredTo) {
        if (count < 0) this.#takeBack(bin, -count);
        continue;
      }
      let bins = this.#byDue.get(due);
      if (bins === undefined) this.#byDue.set(due, (bins = new Map()));
      bins.set(bin, (bins.get(bin) ?? 0) + count);
      if (bin < UNDRAWN && count < 0) this.#backByDue.set(due, (this.#backByDue.get(due) ?? 0) - count);
      this.#shift(bin, count);
    }
  }

  /**
   * People by place, earliest first; of newcomers those who will come back.
   * `undrawn` is where those without a lot will come to stand.
   */
  spans(now: number, undrawn: { readonly from: number; readonly to: number } | null): Span[] {
    this.#expire(now);
    const spans: Span[] = [];
    for (const [bin, count] of this.#byBin) {
      if (count <= 0) continue;
      if (bin === UNDRAWN) {
        if (undrawn !== null) spans.push({ ...undrawn, count });
        continue;
      }
      const place = bin < UNDRAWN ? newcomerBin(bin) : bin;
      const staying = bin < UNDRAWN ? count * this.returning : count;
      spans.push({ from: place * this.#binMs, to: (place + 1) * this.#binMs, count: staying });
    }
    return spans.toSorted((a, b) => a.from - b.from || a.to - b.to);
  }

  #shift(bin: number, count: number): void {
    const sum = (this.#byBin.get(bin) ?? 0) + count;
    if (sum === 0) this.#byBin.delete(bin);
    else this.#byBin.set(bin, sum);
  }

  #expire(now: number): void {
    const upTo = Math.floor((now - GRACE_MS) / DUE_MS);
    if (upTo <= this.#expiredTo) return;
    this.#expiredTo = upTo;
    for (const [due, bins] of this.#byDue) {
      if (due > upTo) continue;
      let neverBack = 0;
      for (const [bin, count] of bins) {
        this.#shift(bin, -count);
        if (bin >= UNDRAWN) this.#left += count;
        else neverBack += count;
      }
      this.#learn(this.#backByDue.get(due) ?? 0, neverBack);
      this.#backByDue.delete(due);
      this.#byDue.delete(due);
    }
  }

  /** Reports of large rooms may be later than a poll is waited for: their visitors had not left. */
  #takeBack(bin: number, count: number): void {
    if (bin >= UNDRAWN) {
      this.#left -= count;
      return;
    }
    this.#neverBack -= count;
    const { back, gone } = this.#newcomers;
    this.#newcomers = { back: back + count, gone: Math.max(0, gone - count) };
  }

  #learn(back: number, gone: number): void {
    this.#neverBack += gone;
    const kept = this.#newcomers.back + this.#newcomers.gone > FORGET ? 0.5 : 1;
    this.#newcomers = {
      back: this.#newcomers.back * kept + back,
      gone: this.#newcomers.gone * kept + Math.max(0, gone),
    };
  }
}

/** The unit of due times in deltas. */
export function dueUnit(dueAt: number): number {
  return Math.ceil(dueAt / DUE_MS);
}
