/** What visitors are told about their turn, and when they should ask again. */

/** Cumulative people by place: `[place, people before it]`, rising. */
export type PlaceTable = readonly (readonly [place: number, ahead: number])[];

/** People ahead of `key`, interpolated; beyond the table everybody known is ahead. */
export function peopleAhead(table: PlaceTable, key: number): number {
  let low = 0;
  let high = table.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((table[middle]?.[0] ?? 0) <= key) low = middle + 1;
    else high = middle;
  }
  const [place, ahead] = table[low - 1] ?? [key, 0];
  const [nextPlace, nextAhead] = table[low] ?? [place, ahead];
  const share = nextPlace > place ? (key - place) / (nextPlace - place) : 0;
  return ahead + (nextAhead - ahead) * share;
}

/** What an isolate reported may be on its way to the room for two of its intervals, and a gate's for so long. */
const ON_THE_WAY_MS = 1000;

/** What the room knew of its line at `at`, and how often isolates report to it. */
interface KnownLine {
  readonly table: PlaceTable;
  readonly at: number;
  readonly arriving: number;
  readonly reportEveryMs: number;
}

/**
 * People before a place as the room knows them; behind the last it knows, those
 * count too who must have come since.
 * @param issued when the caller itself issued tickets of the room lately, earliest first
 */
export function peopleBefore(line: KnownLine, place: number, issued: readonly number[]): number {
  const [end = 0, known = 0] = line.table.at(-1) ?? [];
  if (place <= end) return peopleAhead(line.table, place);
  const elsewhere = (Math.max(0, place - Math.max(end, line.at)) / 1000) * line.arriving;
  // Whoever came earlier and is not in the table is in line no longer.
  const unheardFrom = Math.max(end, line.at - 2 * line.reportEveryMs - ON_THE_WAY_MS);
  const here = countBefore(issued, place) - countBefore(issued, unheardFrom);
  return known + Math.max(elsewhere, here);
}

/** How many of `times`, earliest first, are before `time`. */
function countBefore(times: readonly number[], time: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? Infinity) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * ms until the turn of somebody with `ahead` people before him. People ahead also
 * leave: with each of them leaving at `leaving` a second, the line in front shrinks
 * by perSecond + leaving * ahead, which integrates to a logarithm.
 */
export function waitMs(ahead: number, perSecond: number, leaving: number): number {
  if (perSecond <= 0) return Infinity;
  const seconds = leaving > 1e-6 ? Math.log1p((leaving * ahead) / perSecond) / leaving : ahead / perSecond;
  return seconds * 1000;
}

/** How many of `ahead` are still before somebody `ms` later, as `waitMs` counts: what he then waits is shorter by `ms`. */
export function aheadAfter(ahead: number, perSecond: number, leaving: number, ms: number): number {
  const seconds = ms / 1000;
  const called = leaving > 1e-6 ? (perSecond * Math.expm1(leaving * seconds)) / leaving : perSecond * seconds;
  return Math.max(0, (ahead - called) * Math.exp(-leaving * seconds));
}

/** A promise may be missed by this much, and this share, before a later one is made. */
const SLACK_MS = 4000;
const SLACK_SHARE = 0.2;

/**
 * The turn to tell: earlier news is passed on, later news only where the old
 * promise has become clearly wrong. Estimates do not creep up.
 * @param promisedAt what the visitor was told, ms; 0: nothing
 * @param turnAt what is now expected, ms
 */
export function promise(promisedAt: number, turnAt: number, now: number): number {
  if (promisedAt === 0 || turnAt <= promisedAt) return turnAt;
  const slack = Math.max(SLACK_MS, SLACK_SHARE * (promisedAt - now));
  return turnAt - promisedAt > slack ? turnAt : promisedAt;
}

/** A poll this much before its time is still the poll that was asked for. */
export const EARLY_MS = 700;
const MIN_POLL_MS = 3000;
/** With the grace and the way of the news, somebody who left is counted for 30 s at most. */
const MAX_POLL_MS = 22_000;

/**
 * ms until the next poll: half of the wait, 3 to 22 s, a tenth of jitter; in the
 * last seconds just before the turn, so that a small room's tokens are taken when
 * they come.
 * @param random 0 to 1
 * @param stretch how many times farther apart polls are to be; never beyond the turn
 */
export function pollAfterMs(wait: number, random: number, stretch = 1): number {
  const beforeTurn = Math.max(1000, wait - 500);
  if (wait < MIN_POLL_MS + 1000) return Math.min(MIN_POLL_MS, beforeTurn);
  const half = Math.max(MIN_POLL_MS, wait / 2) * stretch;
  const after = Math.min(MAX_POLL_MS, half, beforeTurn);
  return Math.round(after * (after > MIN_POLL_MS ? 0.9 + 0.1 * random : 1));
}
