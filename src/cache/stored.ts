/** A header list as stored: lower-cased names, in the origin's order. */
export type HeaderList = readonly [string, string][];

/** All that is known of a stored response but its body. Times in ms, durations in s. */
export interface StoredHead {
  readonly status: number;
  readonly headers: HeaderList;
  /** Fields that rule this cache alone and are not passed on (tags, surrogate control). */
  readonly edgeHeaders: HeaderList;
  /** When the request that brought it began: purges after this moment hit it. */
  readonly requestTime: number;
  readonly responseTime: number;
  /** RFC 9111 section 4.2.3 corrected_initial_age, counted from responseTime. */
  readonly initialAge: number;
  readonly lifetime: number;
  readonly staleWhileRevalidate: number;
  readonly staleIfError: number;
  /** Never served without asking the origin first. */
  readonly noCache: boolean;
  /** Never served stale. */
  readonly mustRevalidate: boolean;
  /** Vary's field names, sorted. */
  readonly vary: readonly string[];
  /** The request's normalised values of those fields. */
  readonly variant: string;
  /** Hashed tags; `anyTag` where there were more than are kept. */
  readonly tags: readonly number[];
  readonly anyTag: boolean;
  /** Path and query as keyed: what URL and prefix purges name. */
  readonly target: string;
  /** Whether the body holds ESI elements to be composed. */
  readonly fragments: boolean;
}

export interface StoredResponse {
  readonly kind: "response";
  readonly head: StoredHead;
  readonly body: Uint8Array;
}

/**
 * Stands at a primary key whose responses vary: which lists of field names to
 * try, newest first. `epoch` is part of the variants' keys, so that deleting the
 * index makes all of them unreachable at once.
 */
export interface VariantIndex {
  readonly kind: "index";
  readonly epoch: string;
  readonly names: readonly (readonly string[])[];
}

export type StoredObject = StoredResponse | VariantIndex;

/** A header's value in a stored list; null where absent. */
export function storedHeader(head: StoredHead, name: string): string | null {
  for (const [field, value] of head.headers) if (field === name) return value;
  return null;
}
