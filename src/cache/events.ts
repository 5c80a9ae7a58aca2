/** What the cache tells the one who counts: closed unions, for metrics. */

/** What could not be read, and so got its safest reading. Header fields by name; `tags` for any of the tag fields; `esi` for elements of a page. */
export type MalformedPart =
  | "age"
  | "cache-control"
  | "cdn-cache-control"
  | "date"
  | "esi"
  | "etag"
  | "expires"
  | "if-modified-since"
  | "if-none-match"
  | "if-range"
  | "last-modified"
  | "range"
  | "surrogate-control"
  | "tags"
  | "vary";

/** Why an include left its `alt` or nothing. */
export type FragmentFailure =
  /** Another host, or a path that no rule lets be included. */
  | "elsewhere"
  | "too-deep"
  | "too-many"
  | "too-large"
  /** Its deadline passed. */
  | "late"
  /** Another status than 200. */
  | "status"
  /** No answer, or one that broke off. */
  | "broken";

export type CacheEvent =
  | { readonly kind: "malformed"; readonly part: MalformedPart; readonly from: "client" | "origin" }
  | { readonly kind: "fragment-failed"; readonly reason: FragmentFailure };

export type Observe = (event: CacheEvent) => void;
