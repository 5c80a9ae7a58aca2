import { type Directives, deltaSeconds } from "./directives.ts";
import { currentAge, timeToLive } from "./freshness.ts";
import type { PurgeState } from "./purge.ts";
import type { StoredHead } from "./stored.ts";

/** What may be done with a stored response for a request. */
export type Reuse =
  /** Answer with it. */
  | "fresh"
  /** Answer with it and fetch it anew behind the answer. */
  | "stale-while-revalidate"
  /** Ask the origin first; keep it for a condition and for errors. */
  | "revalidate"
  /** Purged: as if it were not there. */
  | "gone";

/** RFC 9111 section 4 with 5861's windows. `asked` holds the client's directives where its class follows them. */
export function reuseOf(head: StoredHead, asked: Directives, purged: PurgeState, now: number): Reuse {
  if (purged === "hard") return "gone";
  if (head.noCache || asked.has("no-cache")) return "revalidate";
  const age = currentAge(head, now);
  const maxAge = deltaSeconds(asked, "max-age");
  if (maxAge !== undefined && !(age <= maxAge)) return "revalidate";
  const left = secondsLeft(head, purged, now);
  const minFresh = deltaSeconds(asked, "min-fresh");
  if (minFresh !== undefined && !(left >= minFresh)) return "revalidate";
  if (left > 0) return "fresh";
  if (head.mustRevalidate) return "revalidate";
  if (-left < head.staleWhileRevalidate) return "stale-while-revalidate";
  if (!asked.has("max-stale")) return "revalidate";
  const maxStale =
    asked.get("max-stale") === true ? Number.POSITIVE_INFINITY : deltaSeconds(asked, "max-stale");
  return -left <= (maxStale ?? 0) ? "fresh" : "revalidate";
}

/** Seconds of freshness left: none after a soft purge; negative once stale. */
export function secondsLeft(head: StoredHead, purged: PurgeState, now: number): number {
  const left = timeToLive(head, now);
  return purged === "soft" ? Math.min(0, left) : left;
}

/**
 * Whether a response that has just come is for all who waited for it, too: fresh
 * but for the time that the origin took, which counts to its age (RFC 9111 section
 * 4.2.3), or in its while-revalidate window, as fetching it was that. Were each of
 * them to ask anew, an origin that slows down would be asked by all at once.
 */
export function isForWaiting(head: StoredHead, now: number): boolean {
  if (head.noCache) return false;
  const left = timeToLive(head, now);
  const took = (head.responseTime - head.requestTime) / 1000;
  return left + took > 0 || (!head.mustRevalidate && -left < head.staleWhileRevalidate);
}

/** RFC 5861 section 4: whether the stored response may stand in for an origin that fails. */
export function standsInForError(head: StoredHead, purged: PurgeState, now: number): boolean {
  if (purged === "hard" || head.noCache || head.mustRevalidate || head.status >= 500) return false;
  return currentAge(head, now) - head.lifetime < head.staleIfError;
}
