import { parseHttpDate } from "./dates.ts";
import { type Directives, MAX_DELTA, deltaSeconds } from "./directives.ts";
import type { CacheClass } from "./compiled.ts";
import type { StoredHead } from "./stored.ts";

/** RFC 9110 section 15.1: statuses that may be stored without explicit freshness. 206 needs range storage, which there is none. */
export const HEURISTIC_STATUSES = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]);
const NEGATIVE_STATUSES = new Set([404, 410]);
const HEURISTIC_SHARE = 0.1;
const HEURISTIC_MAX = 86_400;
const SECOND = 1000;

/** Where a lifetime comes from; `edge cache explain` and Cache-Status name it. */
export type LifetimeSource =
  | "targeted"
  | "s-maxage"
  | "max-age"
  | "expires"
  | "heuristic"
  | "class-default"
  | "class-negative"
  | "none"
  | "invalid";

export interface Lifetime {
  /** Seconds; 0 where none is known. */
  readonly seconds: number;
  readonly source: LifetimeSource;
}

/** RFC 9111 section 4.2.1 for a shared cache, then what the class says where the origin says nothing. */
export function freshnessLifetime(
  status: number,
  headers: Headers,
  said: { readonly directives: Directives; readonly targeted: boolean },
  rules: CacheClass,
  now: number,
): Lifetime {
  const explicit =
    explicitLifetime(headers, said, now) ?? implicitLifetime(status, headers, said.directives, rules, now);
  return rules.lifetime.max === null
    ? explicit
    : { ...explicit, seconds: Math.min(explicit.seconds, rules.lifetime.max) };
}

function explicitLifetime(
  headers: Headers,
  { directives, targeted }: { readonly directives: Directives; readonly targeted: boolean },
  now: number,
): Lifetime | undefined {
  for (const name of ["s-maxage", "max-age"] as const) {
    const seconds = deltaSeconds(directives, name);
    if (seconds === undefined) continue;
    // Section 4.2.1: freshness information that is invalid means stale.
    if (Number.isNaN(seconds)) return { seconds: 0, source: "invalid" };
    return { seconds, source: targeted ? "targeted" : name };
  }
  const expires = headers.get("expires");
  if (targeted || expires === null) return undefined;
  const at = parseHttpDate(expires, now);
  if (at === undefined) return { seconds: 0, source: "invalid" };
  const date = parseHttpDate(headers.get("date"), now) ?? now;
  return { seconds: Math.max(0, (at - date) / SECOND), source: "expires" };
}

function implicitLifetime(
  status: number,
  headers: Headers,
  directives: Directives,
  rules: CacheClass,
  now: number,
): Lifetime {
  const { negative, fallback, heuristic } = rules.lifetime;
  if (negative !== null && NEGATIVE_STATUSES.has(status))
    return { seconds: negative, source: "class-negative" };
  if (!HEURISTIC_STATUSES.has(status) && !directives.has("public")) return { seconds: 0, source: "none" };
  if (heuristic) {
    const modified = parseHttpDate(headers.get("last-modified"), now);
    const date = parseHttpDate(headers.get("date"), now) ?? now;
    if (modified !== undefined && modified < date) {
      return {
        seconds: Math.min(((date - modified) / SECOND) * HEURISTIC_SHARE, HEURISTIC_MAX),
        source: "heuristic",
      };
    }
  }
  if (fallback !== null && status < 400) return { seconds: fallback, source: "class-default" };
  return { seconds: 0, source: "none" };
}

/**
 * RFC 9111 section 4.2.3, corrected_initial_age in s. Of an Age list the first
 * value counts; parameters, which it cannot have, do not make it younger; any
 * other bad one is ignored (section 5.1).
 */
export function initialAge(headers: Headers, requestTime: number, responseTime: number): number {
  const date = parseHttpDate(headers.get("date"), responseTime) ?? responseTime;
  const apparent = Math.max(0, (responseTime - date) / SECOND);
  const first = (headers.get("age") ?? "").split(",", 1)[0]?.trim() ?? "";
  const age = Math.min(MAX_DELTA, Number(/^\d+(?=\s*(?:;|$))/.exec(first)?.[0] ?? 0));
  return Math.max(apparent, age + (responseTime - requestTime) / SECOND);
}

/** RFC 9111 section 4.2.3, current_age in s. */
export function currentAge(head: StoredHead, now: number): number {
  return head.initialAge + Math.max(0, now - head.responseTime) / SECOND;
}

/** Seconds of freshness left; negative once stale. */
export function timeToLive(head: StoredHead, now: number): number {
  return head.lifetime - currentAge(head, now);
}
