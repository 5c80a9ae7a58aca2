/**
 * A gate's share of the rate. With N admissions a minute and K gates, a gate
 * refills N/61/K a second and holds one second of it (one token at least), so
 * that all gates together never exceed N in any sliding 60 s: 60 s of refill and
 * one full bucket are 61 parts of N/61. Nothing else has to work for that.
 */
export interface Bucket {
  readonly tokens: number;
  /** ms; when `tokens` was right. */
  readonly at: number;
}

export interface Share {
  /** Tokens a second. */
  readonly perSecond: number;
  /** Most tokens the bucket holds. */
  readonly burst: number;
}

/** The share of one of `gates` gates of `perMinute` admissions. One gate alone may have less than a token a second. */
export function shareOf(perMinute: number, gates: number): Share {
  const perSecond = perMinute / 61 / gates;
  return { perSecond, burst: Math.max(1, perSecond) };
}

/**
 * The bucket of a gate that starts. Empty, so that it owes nothing to a clock or a
 * state it no longer has; full where it has provably not admitted for over a minute.
 */
export function startBucket(share: Share, lastAdmittedAt: number | null, now: number): Bucket {
  const rested = lastAdmittedAt === null || now - lastAdmittedAt > 66_000;
  return { tokens: rested ? share.burst : 0, at: now };
}

/** Refilled to `now`; a clock that goes backward refills nothing until it has caught up. */
export function refill(bucket: Bucket, share: Share, now: number): Bucket {
  const seconds = Math.max(0, now - bucket.at) / 1000;
  return {
    tokens: Math.min(share.burst, bucket.tokens + seconds * share.perSecond),
    at: Math.max(now, bucket.at),
  };
}

/** ms until the bucket holds `tokens`; Infinity where it never will. */
export function msUntil(bucket: Bucket, share: Share, tokens: number): number {
  const missing = tokens - bucket.tokens;
  return missing <= 0 ? 0 : Math.ceil((missing / share.perSecond) * 1000);
}
