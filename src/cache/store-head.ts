import { PER_REQUEST } from "../http/headers.ts";
import { type Directives, asksForComposition, deltaSeconds, responseDirectives } from "./directives.ts";
import { HEURISTIC_STATUSES, type Lifetime, freshnessLifetime, initialAge } from "./freshness.ts";
import { storedFields } from "./fields.ts";
import type { CacheClass } from "./compiled.ts";
import type { StoredHead } from "./stored.ts";
import { responseTags } from "./tags.ts";
import { variantOf, varyNames } from "./vary.ts";

/** Why a response is not stored: Cache-Status' detail and the wide event name it. */
export type NotStoredReason =
  | "authorization"
  | "class-status"
  | "class-type"
  | "no-freshness"
  | "no-store"
  | "origin-error"
  | "partial"
  | "private"
  | "request-no-store"
  | "set-cookie"
  | "too-large"
  | "vary";

/** What of a response decides how it is stored. */
export interface Origin {
  readonly status: number;
  readonly headers: Headers;
}

export interface Exchange {
  /** As sent to the origin. */
  readonly requestHeaders: Headers;
  readonly authorized: boolean;
  readonly requestNoStore: boolean;
  readonly requestTime: number;
  readonly responseTime: number;
  /** Path and query as keyed. */
  readonly target: string;
  /** 0 to 1, drawn for this response. */
  readonly random: number;
}

/** What lasts longer lasts no longer: how long purges must be remembered follows from it. */
const YEAR = 365 * 86_400;

const UNDERSTOOD = new Set([200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501]);
/** Answers to a range or a condition that this cache did not send: stored as the whole, they poison it. */
const STRAY = new Set([206, 304, 412, 416]);

/** RFC 9111 section 3: the head to store a response under, or why it may not be stored. */
export function headToStore(
  response: Origin,
  exchange: Exchange,
  rules: CacheClass,
): StoredHead | NotStoredReason {
  const said = responseDirectives(response.headers);
  const vary = varyNames(response.headers.get("vary"));
  const refusal = refusalOf(response, said.directives, exchange, rules);
  if (refusal !== undefined) return refusal;
  if (vary === undefined || vary.some((name) => PER_REQUEST.has(name))) return "vary";
  const lifetime = freshnessLifetime(response.status, response.headers, said, rules, exchange.responseTime);
  const head = headOf(response, exchange, rules, said.directives, lifetime, vary);
  return isOfUse(head, lifetime) ? head : "no-freshness";
}

function refusalOf(
  response: Origin,
  directives: Directives,
  exchange: Exchange,
  rules: CacheClass,
): NotStoredReason | undefined {
  const { status, headers } = response;
  if (STRAY.has(status)) return "partial";
  if (rules.statuses !== "all" && !rules.statuses.includes(status)) return "class-status";
  if (!typeAllowed(headers.get("content-type"), status, rules)) return "class-type";
  if (exchange.requestNoStore) return "request-no-store";
  // Section 5.2.2.3: must-understand overrides no-store where the status is understood.
  const understood = directives.has("must-understand") && UNDERSTOOD.has(status);
  if (directives.has("must-understand") && !UNDERSTOOD.has(status)) return "no-store";
  if ((directives.has("no-store") || directives.has("no-store-remote")) && !understood) return "no-store";
  // Qualified or not: a field list in `private` is more likely a mistake than a wish to share the rest.
  if (directives.has("private")) return "private";
  if (headers.has("set-cookie")) return "set-cookie";
  // Section 3.5.
  const shareable = ["public", "must-revalidate", "s-maxage"].some((name) => directives.has(name));
  return exchange.authorized && !shareable ? "authorization" : undefined;
}

function typeAllowed(field: string | null, status: number, rules: CacheClass): boolean {
  if (rules.types === "all" || status >= 300 || status === 204) return true;
  const type = (field ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  return rules.types.some((allowed) =>
    allowed.endsWith("/*") ? type.startsWith(allowed.slice(0, -1)) : type === allowed,
  );
}

function headOf(
  response: Origin,
  exchange: Exchange,
  rules: CacheClass,
  directives: Directives,
  lifetime: Lifetime,
  vary: readonly string[],
): StoredHead {
  const { headers, status } = response;
  const mustRevalidate = directives.has("must-revalidate") || directives.has("proxy-revalidate");
  // Section 5.2.2.10: s-maxage implies proxy-revalidate; a window the origin itself gives still counts.
  // What is not there is not served past its time: it may be there by now.
  const closed = status >= 400 || mustRevalidate || directives.has("s-maxage") || directives.has("no-cache");
  return {
    status,
    ...storedFields(headers, directives, exchange.responseTime),
    requestTime: exchange.requestTime,
    responseTime: exchange.responseTime,
    initialAge: initialAge(headers, exchange.requestTime, exchange.responseTime),
    lifetime: Math.min(lifetime.seconds, YEAR) * (1 - rules.jitter * exchange.random),
    staleWhileRevalidate: window(
      directives,
      "stale-while-revalidate",
      mustRevalidate,
      closed ? 0 : rules.stale.whileRevalidate,
    ),
    staleIfError: window(directives, "stale-if-error", mustRevalidate, closed ? 0 : rules.stale.ifError),
    // A field list limits no-cache to those fields, which are not stored.
    noCache: directives.get("no-cache") === true,
    mustRevalidate,
    vary,
    variant: variantOf(vary, exchange.requestHeaders),
    ...responseTags(headers),
    target: exchange.target,
    fragments: rules.fragments && asksForComposition(headers),
  };
}

/** A stale window (RFC 5861); a malformed one is none. */
function window(directives: Directives, name: string, closed: boolean, fallback: number): number {
  if (closed) return 0;
  const seconds = deltaSeconds(directives, name) ?? fallback;
  return Number.isNaN(seconds) ? 0 : Math.min(seconds, YEAR);
}

/** How long anything that these classes store may be served, ms. */
export function longestLifeMs(classes: readonly CacheClass[]): number {
  const lifetimes = classes.map(({ lifetime }) => Math.min(lifetime.max ?? YEAR, YEAR));
  return (Math.max(0, ...lifetimes) + YEAR) * 1000;
}

/** RFC 9111 section 3, last condition; and what could neither be served nor confirmed is not worth its place. */
function isOfUse(head: StoredHead, lifetime: Lifetime): boolean {
  if (lifetime.source === "none" && !HEURISTIC_STATUSES.has(head.status)) return false;
  const validated = head.headers.some(([name]) => name === "etag" || name === "last-modified");
  return validated || (head.lifetime > 0 && !head.noCache);
}
