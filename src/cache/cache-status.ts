/** How a request was answered: a closed union for logs and metrics. */
export type CacheOutcome =
  /** From the cache, fresh. */
  | "hit"
  /** From the cache, stale, while it is fetched anew. */
  | "stale"
  /** From the cache, stale, because the origin failed. */
  | "stale-error"
  /** From the cache, after the origin confirmed it. */
  | "revalidated"
  /** From another request's answer that was under way. */
  | "collapsed"
  /** From the origin, and stored. */
  | "miss"
  /** From the origin; cacheable by its class, but not stored. */
  | "pass"
  /** From the origin, by class, method or request. */
  | "bypass"
  /** 504: the client wanted nothing but the cache. */
  | "only-if-cached";

/** Why a request went to the origin (RFC 9211 section 2.2). */
export type Forwarded = "bypass" | "method" | "uri-miss" | "vary-miss" | "request" | "stale";

export interface CacheStatus {
  readonly hit: boolean;
  readonly forwarded?: Forwarded;
  readonly forwardStatus?: number | undefined;
  /** Seconds of freshness left. */
  readonly ttl?: number;
  readonly stored?: boolean;
  readonly collapsed?: boolean;
  readonly detail?: string;
}

/** This cache's member of the `Cache-Status` field (RFC 9211). */
export function cacheStatusField(status: CacheStatus): string {
  const parts = ["edge"];
  if (status.hit) parts.push("hit");
  if (status.forwarded !== undefined) parts.push(`fwd=${status.forwarded}`);
  if (status.forwardStatus !== undefined) parts.push(`fwd-status=${status.forwardStatus}`);
  if (status.ttl !== undefined) parts.push(`ttl=${Math.floor(status.ttl)}`);
  if (status.stored === true) parts.push("stored");
  if (status.collapsed === true) parts.push("collapsed");
  if (status.detail !== undefined) parts.push(`detail=${status.detail}`);
  return parts.join("; ");
}

/** Whether two are the same member. */
export function saysTheSame(one: CacheStatus, other: CacheStatus): boolean {
  return (
    one.hit === other.hit &&
    wholeSeconds(one.ttl) === wholeSeconds(other.ttl) &&
    one.detail === other.detail &&
    one.forwarded === other.forwarded &&
    one.forwardStatus === other.forwardStatus &&
    one.stored === other.stored &&
    one.collapsed === other.collapsed
  );
}

function wholeSeconds(ttl: number | undefined): number | undefined {
  return ttl === undefined ? undefined : Math.floor(ttl);
}
