/**
 * Compiles rules/routes.yaml. Build time and CLI only. Fails closed: a file with a
 * fault yields no policy; all faults are told at once.
 */
import { join } from "node:path";
import { type Fault, type PolicyFile, readPolicy } from "../../authoring/index.ts";
import type { Backoff, CompiledRoutes, FirstByteLimits } from "../compiled.ts";
import { matchesPath } from "../routes.ts";
import { type RoutesFile, routesSchema } from "./schema.ts";

export { refusals } from "./explain.ts";

/** @param rulesDir the folder that holds routes.yaml */
export function compileRoutes(rulesDir: string): {
  value: CompiledRoutes | undefined;
  faults: readonly Fault[];
} {
  const file = readPolicy(join(rulesDir, "routes.yaml"), routesSchema);
  if (file.value === undefined) return { value: undefined, faults: file.faults };
  const faults = contradictions(file, file.value);
  return { value: faults.length > 0 ? undefined : compile(file.value), faults };
}

type Path = readonly PropertyKey[];
type Complain = (path: Path, message: string, remedy: string) => void;

/** What the schema cannot see: values that contradict each other. */
function contradictions(file: PolicyFile<RoutesFile>, routes: RoutesFile): Fault[] {
  const faults: Fault[] = [];
  const complain: Complain = (path, message, remedy) => {
    faults.push({ ...file.locate(path), message: `${path.join(".")}: ${message}`, remedy });
  };
  if (!routes.private.some((pattern) => matchesPath(pattern, "/_edge/api"))) {
    complain(
      ["private"],
      "does not hold /_edge/*",
      "add /_edge/*: the edge's own API and console live there",
    );
  }
  checkLimits(["media"], routes.media, complain);
  checkLimits(["page"], routes.page, complain);
  routes.classes.forEach((entry, index) => checkLimits(["classes", index], entry, complain));
  checkNames(routes, complain);
  checkPaths(routes, complain);
  for (const name of ["eject", "breaker"] as const) {
    const { for: first, at_most: most } = routes.origin[name];
    if (first > most) {
      complain(["origin", name, "at_most"], "is shorter than `for`", "raise at_most, or lower for");
    }
  }
  routes.compute.moved.forEach(({ from, to }, index) => {
    if (routes.media.paths.some((pattern) => covers(pattern, from))) {
      complain(
        ["compute", "moved", index, "from"],
        `${from} is a media path already, which Compute never serves`,
        "begin with a folder of the storefront, or remove it",
      );
    }
    if (!routes.media.paths.some((pattern) => matchesPath(pattern, to.slice(0, -2)))) {
      complain(
        ["compute", "moved", index, "to"],
        `${to} is not a media path`,
        "lead to a folder under media.paths",
      );
    }
  });
  return faults;
}

function checkLimits(path: Path, limits: { deadline: number; try: number }, complain: Complain): void {
  if (limits.try <= limits.deadline) return;
  complain(
    [...path, "try"],
    "is longer than the deadline over all tries",
    "lower it to the deadline or below",
  );
}

function checkNames(routes: RoutesFile, complain: Complain): void {
  const seen = new Set(["private", "media", "page"]);
  routes.classes.forEach(({ name }, index) => {
    if (seen.has(name))
      complain(["classes", index, "name"], `${name} is taken`, "give every route class its own name");
    seen.add(name);
  });
}

/** Every pattern must be reachable: an earlier one that takes all its paths makes it dead. */
function checkPaths(routes: RoutesFile, complain: Complain): void {
  const earlier: { pattern: string; place: string }[] = [];
  const visit = (path: Path, patterns: readonly string[]): void => {
    patterns.forEach((pattern, index) => {
      const taken = earlier.find((other) => covers(other.pattern, pattern));
      if (taken !== undefined) {
        complain(
          [...path, index],
          `${pattern} is never reached: ${taken.pattern} in ${taken.place} comes first`,
          "remove it, or move it ahead",
        );
      }
      earlier.push({ pattern, place: path.join(".") });
    });
  };
  visit(["private"], routes.private);
  visit(["media", "paths"], routes.media.paths);
  routes.classes.forEach((entry, index) => visit(["classes", index, "paths"], entry.paths));
}

function covers(earlier: string, later: string): boolean {
  if (earlier === later) return true;
  if (!earlier.endsWith("/*")) return false;
  return matchesPath(earlier, later.endsWith("/*") ? later.slice(0, -2) : later);
}

function compile(routes: RoutesFile): CompiledRoutes {
  const { origin, compute, headers } = routes;
  return {
    private: routes.private.map((pattern) => pattern.toLowerCase()),
    media: { paths: routes.media.paths, ...limitsOf(routes.media) },
    classes: routes.classes.map((entry) => ({ name: entry.name, paths: entry.paths, ...limitsOf(entry) })),
    page: limitsOf(routes.page),
    origin: {
      retryPercent: origin.retry.percent,
      retryReserve: origin.retry.reserve,
      eject: backoffOf(origin.eject),
      breaker: backoffOf(origin.breaker),
      stallMs: origin.stall,
    },
    compute: {
      largeBytes: compute.large_body,
      refusedTypes: compute.refused_types,
      except: compute.except,
      moved: compute.moved,
    },
    headers: {
      hsts: headers.hsts,
      frameAncestors: headers.frame_ancestors,
      referrerPolicy: headers.referrer_policy,
    },
  };
}

function limitsOf(limits: { deadline: number; try: number }): FirstByteLimits {
  return { deadlineMs: limits.deadline, tryMs: limits.try };
}

function backoffOf(backoff: RoutesFile["origin"]["eject"]): Backoff {
  return { after: backoff.after, forMs: backoff.for, atMostMs: backoff.at_most };
}
