/**
 * Which part of the house a canonical path belongs to. Private paths are decided
 * on the folded path, so that any spelling of one is the same path; everything
 * else on the canonical path, which is what the origin will be asked for. Pure.
 */
import type { CanonicalTarget } from "../http/canonical.ts";
import type { CompiledRoutes, FirstByteLimits, PathPattern } from "./compiled.ts";

export type RouteKind = "fabric" | "media" | "storefront";

/** One of a fixed set of objects made at start-up: comparing by identity is safe. */
export interface Route extends FirstByteLimits {
  readonly kind: RouteKind;
  /** `private`, `media`, `page`, or a name of `classes` in rules/routes.yaml: the route class of the SLOs. */
  readonly class: string;
}

/** Whether a path is one of a pattern's. */
export function matchesPath(pattern: PathPattern, path: string): boolean {
  if (!pattern.endsWith("/*")) return path === pattern;
  const base = pattern.length - 2;
  return path.startsWith(pattern.slice(0, base)) && (path.length === base || path[base] === "/");
}

/** Compiles the table of routes into one function of a canonical target. */
export function createRouter(policy: CompiledRoutes): (target: CanonicalTarget) => Route {
  const fabric: Route = { kind: "fabric", class: "private", ...limitsOf(policy.page) };
  const media: Route = { kind: "media", class: "media", ...limitsOf(policy.media) };
  const page: Route = { kind: "storefront", class: "page", ...limitsOf(policy.page) };
  const classes = policy.classes.map((entry) => ({
    paths: entry.paths,
    route: { kind: "storefront", class: entry.name, ...limitsOf(entry) } satisfies Route,
  }));
  return (target) => {
    if (policy.private.some((pattern) => matchesPath(pattern, target.foldedPath))) return fabric;
    if (policy.media.paths.some((pattern) => matchesPath(pattern, target.path))) return media;
    const match = classes.find((entry) => entry.paths.some((pattern) => matchesPath(pattern, target.path)));
    return match?.route ?? page;
  };
}

function limitsOf(limits: FirstByteLimits): FirstByteLimits {
  return { deadlineMs: limits.deadlineMs, tryMs: limits.tryMs };
}
