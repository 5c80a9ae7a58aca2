/**
 * Gateway: which part of the house a request is for, the way to an origin and
 * back, and the last touch on every answer. Fails closed: what an origin does not
 * answer properly becomes an EdgeError, never a guess.
 */
import type { CanonicalTarget } from "../http/canonical.ts";
import type { Answer } from "../http/answer.ts";
import { type Finished, finisher } from "./finish.ts";
import { type ForwardContext, type Forwarded, type Forwarder, forward } from "./forward.ts";
import type { CompiledRoutes } from "./compiled.ts";
import { type GatewayDeps, Pool, type Zone } from "./pool.ts";
import { type Route, createRouter } from "./routes.ts";

export { errorPage } from "./error-page.ts";
export { type Finished, identified } from "./finish.ts";
export type { GatewayEvent, GuardReason, TryFailure } from "./events.ts";
export type { ForwardContext, Forwarded, OriginReport } from "./forward.ts";
export { OriginError } from "./origin.ts";
export type { CompiledRoutes } from "./compiled.ts";
export type { GatewayDeps, Zone } from "./pool.ts";
export type { RelayEnd } from "./relay.ts";
export { endsAtEntrance } from "./request-headers.ts";
export { type Route, type RouteKind, matchesPath } from "./routes.ts";
export { type Trace, traceOf, traceparent } from "./trace.ts";

export interface Zones {
  readonly storefront: readonly Zone[];
  readonly archive: readonly Zone[];
}

export interface Gateway {
  route(target: CanonicalTarget): Route;
  /**
   * Sends a request (whose URL holds path and query exactly as the origin is to be
   * asked) to the route's origin.
   * @throws EdgeError: origin-timeout 504; origin-unreachable or origin-broken 502;
   * unavailable or breaker-open 503 with Retry-After; large-from-compute 502;
   * forbidden-method 405 and not-found 404 for media; bad-request 400 or
   * request-timeout 408 where the client broke off. Those of an origin are OriginErrors.
   */
  forward(route: Route, request: Request, ctx: ForwardContext): Promise<Forwarded>;
  /** Security headers where the origin set none, and the request's id; fields meant for the edge alone are dropped. */
  finish(answer: Answer, options: { readonly tls: boolean; readonly requestId: string }): Finished;
}

/** One gateway an isolate: it remembers how the zones are doing. */
export function createGateway(policy: CompiledRoutes, zones: Zones, deps: GatewayDeps): Gateway {
  const all = [...zones.storefront, ...zones.archive];
  const forwarder: Forwarder = {
    policy,
    storefront: new Pool("storefront", zones.storefront, policy.origin, deps),
    archive: new Pool("archive", zones.archive, policy.origin, deps),
    ownHosts: new Set(all.flatMap((zone) => [new URL(zone.origin).host, new URL(zone.base).host])),
  };
  const finish = finisher(policy.headers);
  return {
    route: createRouter(policy),
    forward: (route, request, ctx) => forward(forwarder, route, request, ctx),
    finish: (answer, { tls, requestId }) => finish(answer, tls, requestId),
  };
}
