/**
 * How far the line may move to the gates. The watermark lets a few seconds'
 * worth of people come ahead of their tokens, because visitors ask only every few
 * seconds; the gates alone hold the cap, so a wrong watermark costs order or
 * use, never the cap.
 */
import type { Span } from "./histogram.ts";

export interface Watermark {
  /** Tickets placed before it may go to a gate; null: all may, nobody has to wait. */
  readonly key: number | null;
  /** ms of places a ms of time, to go on with between two answers. */
  readonly slope: number;
  /** ms; when `key` was right. */
  readonly at: number;
}

/** Seconds of the rate, and people at least, that are called ahead of their turn... */
const LEAD_SECONDS = 2.5;
const LEAST_CALLED = 3;
/** ...and where gates hold visitors until their turn: everybody has polled once, so that his gate knows of him before it. */
const LEAD_TO_HOLD_SECONDS = 7;
const LEAST_CALLED_TO_HOLD = 8;
const MAX_BOOST = 1e6;
/**
 * Without news a reader goes on at the last slope for so long, then holds. The cap
 * is the gates', and their refusals keep back whom a slope too steep would send.
 */
export const EXTRAPOLATE_MS = 300_000;
/** News of this age is as good as new. */
const NEWS_MS = 5000;
const MAX_SLOPE = 1000;

/**
 * People to call at `perSecond`.
 * @param hold whether gates hold visitors until their turn
 */
export function calledAhead(perSecond: number, boost: number, hold: boolean): number {
  const people = hold
    ? Math.max(LEAST_CALLED_TO_HOLD, perSecond * LEAD_TO_HOLD_SECONDS)
    : Math.max(LEAST_CALLED, perSecond * LEAD_SECONDS);
  return people * boost;
}

/**
 * The boost for the next second: raised while gates have tokens that nobody of
 * those called takes (ghosts, inflated counts, a crowd within one place), the
 * faster the fewer are taken, and lowered once they are all used.
 * @param used share of the tokens taken while people waited, 0 to 1
 */
export function nextBoost(boost: number, used: number): number {
  return used < 0.96 ? Math.min(MAX_BOOST, boost * (2 - 0.9 * used)) : Math.max(1, boost * 0.9);
}

/** The place before which `people` of the line stand; null where the line is not longer than that. */
export function placeAt(spans: readonly Span[], people: number): number | null {
  // Spans may overlap (people whose lot is not known yet): sweep over their edges.
  const edges = spans.flatMap(({ from, to, count }) => {
    const density = count / (to - from);
    return [
      { at: from, density },
      { at: to, density: -density },
    ];
  });
  edges.sort((a, b) => a.at - b.at);
  let density = 0;
  let sum = 0;
  let last = edges[0]?.at ?? 0;
  for (const edge of edges) {
    const here = density * (edge.at - last);
    if (density > 0 && sum + here > people) {
      // Within a millisecond there is no order to keep: all of it comes.
      return edge.at - last <= 1 ? edge.at : last + (people - sum) / density;
    }
    sum += here;
    density += edge.density;
    last = edge.at;
  }
  return null;
}

/** The next watermark: it never goes back while anybody waits, and its slope follows its steps. */
export function nextWatermark(previous: Watermark, place: number | null, now: number): Watermark {
  if (place === null) return { key: null, slope: 1, at: now };
  if (previous.key === null) return { key: place, slope: 0, at: now };
  const elapsed = now - previous.at;
  if (elapsed <= 0) return previous;
  const key = Math.max(place, previous.key);
  const slope = Math.min(MAX_SLOPE, (key - previous.key) / elapsed);
  return { key, slope: previous.slope * 0.6 + slope * 0.4, at: now };
}

/** How long the line went on since a reader had news of it, ms; 0 while they are fresh. */
export function blindMs(newsAt: number, now: number): number {
  const age = Math.min(now - newsAt, EXTRAPOLATE_MS);
  return age > NEWS_MS ? age : 0;
}

/** The watermark at `now` as a reader without newer news sees it. */
export function extrapolated(watermark: Watermark, now: number): number {
  if (watermark.key === null) return now <= watermark.at + EXTRAPOLATE_MS ? Infinity : watermark.at;
  return watermark.key + watermark.slope * Math.min(Math.max(0, now - watermark.at), EXTRAPOLATE_MS);
}
