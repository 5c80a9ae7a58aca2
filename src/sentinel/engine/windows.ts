import type { View } from "./view.ts";

/**
 * Pieces of a long text in which every match of an expression must lie: around
 * each place of its literals, as far as a match can reach. Null where they would
 * make up half of the text or more, or places are not known. A match in a piece
 * still has to be confirmed in the text, since `^`, `$` and `\b` may hold at the
 * edge of a piece only.
 */
export function windowsOf(view: View, literals: readonly number[], span: number): readonly string[] | null {
  const { text, scan } = view;
  if (scan.places === null) return null;
  const spots = literals.flatMap((literal) => view.places(literal)).toSorted((a, b) => a - b);
  const windows: string[] = [];
  let total = 0;
  for (let at = 0; at < spots.length;) {
    const from = Math.max(0, (spots[at] ?? 0) - span - 1);
    let to = (spots[at] ?? 0) + span + 2;
    for (at++; at < spots.length && (spots[at] ?? 0) - span - 1 <= to; at++) to = (spots[at] ?? 0) + span + 2;
    windows.push(text.slice(from, to));
    total += to - from;
    if (total * 2 > text.length) return null;
  }
  return windows;
}
