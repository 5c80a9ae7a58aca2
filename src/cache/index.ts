/**
 * The HTTP cache of the edge: classes and keys from `rules/cache.yaml`, policy
 * after RFC 9111, 9213, 5861 and 9875, two tiers, collapsing, purges, fragments.
 *
 * Fails open: what it cannot read or write is a miss, what it cannot read in a
 * response is not stored, and only the origin's own failures reach the client.
 */
export { type CacheOutcome } from "./cache-status.ts";
export {
  type BypassReason,
  type CacheDependencies,
  type CacheInput,
  type FetchOrigin,
  type Invalidated,
  type Served,
  inputOf,
} from "./passage.ts";
export { type CacheClass, type CompiledCachePolicy, type Dimension, type FragmentRules } from "./compiled.ts";
export type { CacheEvent, FragmentFailure, MalformedPart } from "./events.ts";
export { type Purge, type PurgeKind, PurgeView, purgesUnknown } from "./purge.ts";
export { EdgeCache } from "./serve.ts";
export { type NotStoredReason, longestLifeMs } from "./store-head.ts";

import type { CacheDependencies } from "./passage.ts";
import type { CompiledCachePolicy } from "./compiled.ts";
import { EdgeCache } from "./serve.ts";

/** The cache of this isolate; made once. */
export function createCache(policy: CompiledCachePolicy, dependencies: CacheDependencies): EdgeCache {
  return new EdgeCache(policy, dependencies);
}
