/**
 * The wide event: everything the edge knows of one request, as one JSON line.
 * What people typed never reaches it: paths lose what looks like a secret or a
 * card, queries keep only the names of their parameters.
 */
import type { Mode } from "../blueprint.ts";
import type { ErrorCode, ErrorSource } from "../http/errors.ts";
import { redactPath, redactQuery, redactText } from "./redact.ts";

export interface SentinelRecord {
  readonly outcome: "pass" | "block";
  /** The mode that was applied. */
  readonly mode: Mode | "off";
  readonly score: number;
  readonly matches: readonly {
    readonly rule: string;
    readonly class: string;
    /** Null where the match counted; else why it did not. */
    readonly uncounted: string | null;
    /** Where it matched, as rules write it: `args:q`. */
    readonly where: string;
    /** What matched, masked. */
    readonly excerpt?: string;
  }[];
  /** The budget that the request exceeded. */
  readonly budget: string | null;
  /** The rate rules whose limit was used up; one with `block` stopped the request in block mode (429). */
  readonly limited: readonly { readonly rule: string; readonly action: "block" | "monitor" }[];
  /** The body goes on beyond what was inspected of it. */
  readonly partial: boolean;
  /** The inspection itself failed. */
  readonly failed: boolean;
}

/** One request as every stage left it. Outcomes and reasons are members of their module's closed unions. */
export interface RequestEvent {
  /** The kind of log line. */
  readonly event: "request";
  /** Of the edge's own making: a UUID. */
  readonly requestId: string;
  /** Start, milliseconds since the epoch. */
  readonly time: number;
  /** A token (RFC 9110 section 9.1), as the platform takes no other. */
  readonly method: string;
  /** Canonical path, and the query without `?`; both are redacted here. */
  readonly path: string;
  readonly query: string;
  readonly route: { readonly kind: "fabric" | "media" | "storefront" | "none"; readonly class: string };
  readonly status: number;
  readonly durationMs: number;
  readonly sentinel: SentinelRecord | null;
  /** `outcome`: `hit`, `stale`, `miss`, `bypass`, ...; `reason` says why not a hit. */
  readonly cache: { readonly outcome: string; readonly reason: string | null } | null;
  readonly queue: {
    readonly room: string;
    readonly outcome: string;
    /** How long an admitted visitor waited, and what he was last told; ms. */
    readonly waitedMs: number | null;
    readonly estimateMs: number | null;
  } | null;
  readonly origin: {
    readonly target: string;
    /** The zone that answered, or was tried last. */
    readonly zone: string;
    readonly tries: number;
    readonly durationMs: number;
  } | null;
  readonly error: {
    readonly code: ErrorCode;
    readonly source: ErrorSource;
    readonly cause: string | null;
  } | null;
  readonly client: {
    readonly country: string | null;
    readonly asn: number | null;
    /** The request carries a session or a pass: a shopper, not a stranger. */
    readonly known: boolean;
  };
  /** Bytes of the answer where they are known beforehand. */
  readonly bytes: number | null;
}

/** The event as its log line: what is its own, then its outcome's text, which many events share. */
export function lineOf(event: RequestEvent, outcome: string): string {
  const path = JSON.stringify(redactPath(event.path));
  const query = event.query === "" ? '""' : JSON.stringify(redactQuery(event.query));
  const own = `"requestId":"${event.requestId}","time":${event.time},"method":"${event.method}"`;
  return `{"event":"request",${own},"path":${path},"query":${query},"client":${JSON.stringify(event.client)},${outcome}}`;
}

/** How a request went, as members of a JSON object. */
export function outcomeText({
  route,
  status,
  durationMs,
  bytes,
  cache,
  queue,
  origin,
  ...rest
}: RequestEvent): string {
  const error = redactedError(rest.error);
  const sentinel = redactedMatches(rest.sentinel);
  return JSON.stringify({ route, status, durationMs, bytes, cache, queue, origin, error, sentinel }).slice(
    1,
    -1,
  );
}

function redactedError(error: RequestEvent["error"]): RequestEvent["error"] {
  return error === null || error.cause === null ? error : { ...error, cause: redactText(error.cause) };
}

function redactedMatches(sentinel: SentinelRecord | null): SentinelRecord | null {
  if (sentinel === null || sentinel.matches.length === 0) return sentinel;
  const matches = sentinel.matches.map((match) => ({
    ...match,
    where: redactText(match.where),
    ...(match.excerpt === undefined ? {} : { excerpt: redactText(match.excerpt) }),
  }));
  return { ...sentinel, matches };
}
