/**
 * The gateway's compiled policy: what `rules/routes.yaml` becomes. Plain JSON
 * data; times in milliseconds, sizes in bytes.
 */

/** `/a` is that path alone; `/a/*` is `/a` and everything below it. */
export type PathPattern = string;

/** Time to the first byte of an answer. */
export interface FirstByteLimits {
  /** Over all tries together. */
  readonly deadlineMs: number;
  /** Of one try, while another one may follow. */
  readonly tryMs: number;
}

/** A state that is entered after `after` failures in a row, for `forMs`, doubled each time up to `atMostMs`. */
export interface Backoff {
  readonly after: number;
  readonly forMs: number;
  readonly atMostMs: number;
}

/** How the zones of one origin are used. */
export interface OriginPolicy {
  /** Retries per hundred requests in the long run. */
  readonly retryPercent: number;
  /** Retries that may be spent ahead of the requests that earn them. */
  readonly retryReserve: number;
  readonly eject: Backoff;
  readonly breaker: Backoff;
  /** A body (either way) that stands still for so long is cut; event streams are not. */
  readonly stallMs: number;
}

/** What Compute must not serve: large bodies and media belong to Archive. */
export interface ComputePolicy {
  readonly largeBytes: number;
  /** Media types, lower-case: `video/*` or `application/pdf`. */
  readonly refusedTypes: readonly string[];
  /** Paths that Compute may serve all the same. */
  readonly except: readonly PathPattern[];
  /** Both patterns end in `/*`: where the refused thing is to be found in Archive. */
  readonly moved: readonly { readonly from: PathPattern; readonly to: PathPattern }[];
}

/** Security headers for answers whose origin set none. */
export interface HeaderPolicy {
  readonly hsts: string;
  readonly frameAncestors: string;
  readonly referrerPolicy: string;
}

export interface RouteClass extends FirstByteLimits {
  /** Also the route class of the SLOs. */
  readonly name: string;
  readonly paths: readonly PathPattern[];
}

export interface CompiledRoutes {
  /** Lower-case; matched against the folded path. */
  readonly private: readonly PathPattern[];
  readonly media: FirstByteLimits & { readonly paths: readonly PathPattern[] };
  /** The first that matches. */
  readonly classes: readonly RouteClass[];
  /** Storefront paths of no class: the route class `page`. */
  readonly page: FirstByteLimits;
  readonly origin: OriginPolicy;
  readonly compute: ComputePolicy;
  readonly headers: HeaderPolicy;
}
