/** What the line remembers of one request, and what the record says of it in the end. */
import type { Mode } from "./blueprint.ts";
import type { Served } from "./cache/index.ts";
import type { Access } from "./fabric/index.ts";
import type { Finished, OriginReport, Route, Trace } from "./gateway/index.ts";
import type { CanonicalTarget } from "./http/canonical.ts";
import type { EdgeError } from "./http/errors.ts";
import { Fields } from "./http/fields.ts";
import { cookieValue } from "./http/headers.ts";
import type { RequestEvent } from "./insight/index.ts";
import type { GateOutcome } from "./queue/index.ts";
import type { RateKey, RuleMatch, Verdict } from "./sentinel/index.ts";

export interface Life {
  readonly requestId: string;
  readonly method: string;
  /** As the client sent them. */
  readonly headers: Fields;
  readonly cf: Request["cf"];
  /** Milliseconds since the epoch. */
  readonly start: number;
  readonly clientIp: string;
  /** The platform's site that serves, `local` on one machine. */
  readonly site: string;
  readonly protocol: string;
  /** A crawler that the platform has verified. */
  readonly verifiedBot: boolean;
  /** Begun, or continued, when an origin is asked. */
  trace: Trace | null;
  /** Who the Fabric says is calling, where it was asked. */
  access: Access | null;
  target: CanonicalTarget;
  route: Route;
  sentinel: {
    readonly verdict: Verdict;
    readonly mode: Mode | "off";
    /** The body goes on beyond what was inspected of it. */
    readonly partial: boolean;
    readonly failed: boolean;
  } | null;
  /** Verdicts over the answer, as far as it was judged before it was recorded. */
  readonly answer: Verdict[];
  answerFailed: boolean;
  /** Rate rules whose limit was used up. */
  readonly limited: Pick<RateKey, "rule" | "action">[];
  queue: GateOutcome | null;
  cache: Served | null;
  origin: (Pick<OriginReport, "zone" | "tries" | "ms"> & { readonly target: string }) | null;
  error: EdgeError | null;
}

const NO_ROUTE: Route = { kind: "storefront", class: "none", deadlineMs: 0, tryMs: 0 };

export function beginLife(request: Request, target: CanonicalTarget, now: number): Life {
  const { cf } = request;
  const headers = Fields.of(request.headers);
  return {
    requestId: crypto.randomUUID(),
    method: request.method,
    headers,
    cf,
    start: now,
    // The platform sets this header over whatever the client sent; on one machine nobody does.
    clientIp: headers.get("cf-connecting-ip") ?? "127.0.0.1",
    site: textOf(cf?.["colo"]) ?? "local",
    protocol: textOf(cf?.["httpProtocol"]) ?? "HTTP/1.1",
    verifiedBot: isVerifiedBot(cf?.["botManagement"]),
    trace: null,
    access: null,
    target,
    route: NO_ROUTE,
    sentinel: null,
    answer: [],
    answerFailed: false,
    limited: [],
    queue: null,
    cache: null,
    origin: null,
    error: null,
  };
}

function isVerifiedBot(management: unknown): boolean {
  return (
    typeof management === "object" &&
    management !== null &&
    "verifiedBot" in management &&
    management.verifiedBot === true
  );
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

/**
 * `X-Sentinel`: verdict, score, mode and the rules that counted, by id, of the
 * request; then, where there is something to say, the budget that it exceeded,
 * that its body was inspected in part, the rules that counted in its answer, and
 the rules that matched and only watch (shadow, paranoia, overrides) in either.
 */
export function sentinelField({ sentinel, answer }: Life): string {
  if (sentinel === null) return "verdict=none; score=0; mode=none; matched=";
  const { verdict, mode, partial } = sentinel;
  const answered = countedIn(answer);
  const watched = idsOf([verdict, ...answer], ({ uncounted }) => uncounted !== null);
  return [
    `verdict=${verdict.outcome}; score=${verdict.score}; mode=${mode}; matched=${countedIn([verdict])}`,
    ...(verdict.budget === null ? [] : [`budget=${verdict.budget}`]),
    ...(partial ? ["partial=1"] : []),
    ...(answered === "" ? [] : [`answer=${answered}`]),
    ...(watched === "" ? [] : [`watched=${watched}`]),
  ].join("; ");
}

function countedIn(verdicts: readonly Verdict[]): string {
  return idsOf(verdicts, ({ uncounted }) => uncounted === null);
}

function idsOf(verdicts: readonly Verdict[], which: (match: RuleMatch) => boolean): string {
  const found = verdicts.flatMap(({ matches }) => matches).filter(which);
  return found.map(({ rule }) => rule).join(",");
}

/** `Server-Timing`; workerd's clock only moves at I/O, so that CPU time is not in it. */
export function timingField(life: Life, now: number): string {
  const origin = life.origin === null ? "" : `, origin;dur=${life.origin.ms};desc="${life.origin.zone}"`;
  return `edge;dur=${now - life.start}${origin}`;
}

/** The wide event of a request that has its answer. */
export function eventOf(life: Life, { status, bytes }: Finished, now: number): RequestEvent {
  const { cache, queue, origin, error, route, target, cf } = life;
  return {
    event: "request",
    requestId: life.requestId,
    time: life.start,
    method: life.method,
    path: target.path,
    query: target.query,
    route: { kind: route === NO_ROUTE ? "none" : route.kind, class: route.class },
    status,
    durationMs: now - life.start,
    sentinel: sentinelRecord(life),
    cache: cache === null ? null : { outcome: cache.outcome, reason: cache.reason ?? null },
    queue: queueRecord(queue),
    origin:
      origin === null
        ? null
        : { target: origin.target, zone: origin.zone, tries: origin.tries, durationMs: origin.ms },
    error:
      error === null
        ? null
        : {
            code: error.code,
            source: error.source,
            cause: causeOf(error),
          },
    client: {
      country: textOf(cf?.["country"]),
      asn: typeof cf?.["asn"] === "number" ? cf["asn"] : null,
      known: cookieValue(life.headers, "sid") !== null,
    },
    bytes,
  };
}

/** What lies behind an error, for the log alone. */
function causeOf({ cause }: EdgeError): string | null {
  if (cause === undefined) return null;
  return cause instanceof Error ? (cause.stack ?? cause.message) : JSON.stringify(cause);
}

function sentinelRecord({ sentinel, answer, answerFailed, limited }: Life): RequestEvent["sentinel"] {
  if (sentinel === null) return null;
  const { mode, verdict, partial } = sentinel;
  const failed = sentinel.failed || answerFailed;
  if (answer.length === 0 && verdict.matches.length === 0) {
    const { outcome, score, budget } = verdict;
    return { outcome, mode, score, matches: [], budget, limited, partial, failed };
  }
  const verdicts = [verdict, ...answer];
  return {
    outcome: verdicts.some(({ outcome }) => outcome === "block") ? "block" : "pass",
    mode,
    score: verdicts.reduce((sum, { score }) => sum + score, 0),
    matches: verdicts.flatMap(({ matches }) =>
      matches.map(({ rule, class: className, uncounted, where, excerpt }) => ({
        rule,
        class: className,
        uncounted,
        where,
        excerpt,
      })),
    ),
    budget: verdict.budget,
    limited,
    partial,
    failed,
  };
}

function queueRecord(queue: GateOutcome | null): RequestEvent["queue"] {
  if (queue === null || queue.room === null) return null;
  return {
    room: queue.room,
    outcome: queue.kind,
    waitedMs: queue.kind === "admitted" ? queue.waitedMs : null,
    estimateMs: queue.kind === "queued" ? queue.expectedWaitMs : null,
  };
}
