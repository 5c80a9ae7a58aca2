/**
 * What the storefront tells caches. Pages and fragments for everybody carry a
 * lifetime for the edge (RFC 9213), which can be purged by tag, and none for
 * browsers, which cannot; everything personal is `no-store`.
 */
import type { Context } from "hono";

export interface SharedLifetime {
  /** Seconds the edge may serve it as fresh. */
  readonly fresh: number;
  /** Seconds after that in which it may be served while a new one is fetched. */
  readonly stale: number;
}

export const PAGE: SharedLifetime = { fresh: 300, stale: 600 };
export const DESCRIPTION: SharedLifetime = { fresh: 4 * 3600, stale: 24 * 3600 };
export const PRICE: SharedLifetime = { fresh: 5, stale: 10 };
const STALE_IF_ERROR = 24 * 3600;

/** Marks the answer as the same for everybody, under these tags. */
export function shared(context: Context, lifetime: SharedLifetime, tags: readonly string[]): void {
  const stale = `stale-while-revalidate=${lifetime.stale}, stale-if-error=${STALE_IF_ERROR}`;
  context.header("CDN-Cache-Control", `max-age=${lifetime.fresh}, ${stale}`);
  context.header("Cache-Control", `public, max-age=0, ${stale}`);
  context.header("Cache-Tag", tags.join(","));
}

/** Marks the answer as one visitor's, whatever was said before. */
export function personal(context: Context): void {
  context.header("CDN-Cache-Control", undefined);
  context.header("Cache-Tag", undefined);
  context.header("Cache-Control", "private, no-store");
}
