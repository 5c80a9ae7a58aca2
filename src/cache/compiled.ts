/**
 * The cache policy as `rules/cache.yaml` compiles to: plain data, so that it
 * travels in the Worker's policy module. Durations are in seconds, sizes in
 * bytes, header and cookie names in lower case.
 */
export interface CompiledCachePolicy {
  /** Bound of the isolate's memory tier. */
  readonly memoryBytes: number;
  /** Largest body that is stored; larger ones are streamed. */
  readonly objectBytes: number;
  readonly dimensions: readonly Dimension[];
  readonly fragments: FragmentRules;
  /** In the file's order: the first that matches a path names its class. */
  readonly classes: readonly CacheClass[];
}

/** What `<esi:include>` may do. */
export interface FragmentRules {
  /** Path prefixes that may be included. */
  readonly prefixes: readonly string[];
  /** How deep fragments may hold fragments. */
  readonly depth: number;
  /** Includes a page may have in all. */
  readonly count: number;
  /** Milliseconds a fragment may take before its fallback is used. */
  readonly deadline: number;
}

/** One declared variance: a request property folded to a small closed set of values. */
export interface Dimension {
  readonly name: string;
  readonly source: "header" | "cookie";
  readonly field: string;
  /** Values, in lower case, that stand for themselves. */
  readonly values: readonly string[];
  /** Value -> substrings of the lower-cased field that mean it. */
  readonly contains: Readonly<Record<string, readonly string[]>>;
  readonly fallback: string;
}

export interface CacheClass {
  readonly name: string;
  /** Path patterns as written. */
  readonly match: readonly string[];
  /** The patterns as anchored regular expressions over the canonical path. */
  readonly patterns: readonly string[];
  /** `never`: requests pass, nothing is read or stored. */
  readonly mode: "cache" | "never";
  /** Query parameters in the key; all others are neither keyed nor sent. */
  readonly query: "all" | readonly string[];
  /** Request headers the origin gets to see, and may vary by. */
  readonly headers: "all" | readonly string[];
  readonly dimensions: readonly string[];
  /** Response statuses that may be stored. */
  readonly statuses: "all" | readonly number[];
  /** Media types (`image/*`, `text/css`) that may be stored. */
  readonly types: "all" | readonly string[];
  /** Whether a client's `Cache-Control` is followed; a store does not let strangers force origin requests. */
  readonly clientDirectives: boolean;
  readonly lifetime: {
    /** Where the origin says nothing. */
    readonly fallback: number | null;
    /** Upper bound over whatever the origin says. */
    readonly max: number | null;
    /** RFC 9111 section 4.2.2: a tenth of the time since Last-Modified. */
    readonly heuristic: boolean;
    /** For 404 and 410 where the origin says nothing. */
    readonly negative: number | null;
  };
  /** Windows where the origin says nothing; its must-revalidate always wins. */
  readonly stale: { readonly whileRevalidate: number; readonly ifError: number };
  /** Share (0 to 0.5) by which lifetimes are shortened at random, so that what was stored together does not expire together. */
  readonly jitter: number;
  /** Whether stored pages may hold `<esi:...>` elements to be composed. */
  readonly fragments: boolean;
}
