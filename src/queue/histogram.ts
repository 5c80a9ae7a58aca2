/**
 * Who is alive in the line, by place: counts of polls that are due. A poll moves
 * its ticket from the old due time to the new one; who stops polling expires by
 * himself, and a lost report heals when what it spoke of expires.
 */

/** One change: `count` tickets of place `bin` that are due at `due` (both in their own units) came or went. */
export type Delta = readonly [bin: number, due: number, count: number];

/** The place of tickets whose lot is not drawn yet. */
export const UNDRAWN = -1;

/** How long after it was due a poll is still waited for, ms. */
export const GRACE_MS = 4000;
const DUE_MS = 1000;

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
  #expiredBefore = 0;
  /** Visitors who stopped polling, ever. */
  #left = 0;

  constructor(binMs: number) {
    this.#binMs = binMs;
  }

  get binMs(): number {
    return this.#binMs;
  }

  get left(): number {
    return this.#left;
  }

  add(deltas: readonly Delta[], now: number): void {
    this.#expire(now);
    for (const [bin, due, count] of deltas) {
      if (due < this.#expiredBefore) continue;
      let bins = this.#byDue.get(due);
      if (bins === undefined) this.#byDue.set(due, (bins = new Map()));
      bins.set(bin, (bins.get(bin) ?? 0) + count);
      this.#shift(bin, count);
    }
  }

  /** People by place, earliest first; `undrawn` is where those without a lot will come to stand. */
  spans(now: number, undrawn: { readonly from: number; readonly to: number } | null): Span[] {
    this.#expire(now);
    const spans: Span[] = [];
    for (const [bin, count] of this.#byBin) {
      if (count <= 0) continue;
      if (bin !== UNDRAWN) spans.push({ from: bin * this.#binMs, to: (bin + 1) * this.#binMs, count });
      else if (undrawn !== null) spans.push({ ...undrawn, count });
    }
    return spans.toSorted((a, b) => a.from - b.from || a.to - b.to);
  }

  #shift(bin: number, count: number): void {
    const sum = (this.#byBin.get(bin) ?? 0) + count;
    if (sum === 0) this.#byBin.delete(bin);
    else this.#byBin.set(bin, sum);
  }

  #expire(now: number): void {
    const before = Math.floor((now - GRACE_MS) / DUE_MS);
    if (before <= this.#expiredBefore) return;
    this.#expiredBefore = before;
    for (const [due, bins] of this.#byDue) {
      if (due >= before) continue;
      for (const [bin, count] of bins) {
        this.#shift(bin, -count);
        this.#left += count;
      }
      this.#byDue.delete(due);
    }
  }
}

/** The unit of due times in deltas. */
export function dueUnit(dueAt: number): number {
  return Math.ceil(dueAt / DUE_MS);
}
