/**
 * Asking an origin: at most two tries under one deadline to the first byte. Fails
 * closed: without an answer there is an error, never a made-up page. Hard: telling
 * a zone's failure from a client's, so that nobody can eject a zone or open the
 * breaker by breaking off uploads.
 */
import { EdgeError, type EdgeErrorOptions } from "../http/errors.ts";
import type { TryFailure } from "./events.ts";
import { isValidStatus } from "./origin-response.ts";
import type { FirstByteLimits } from "./compiled.ts";
import type { Pool, Zone } from "./pool.ts";
import type { Relay } from "./relay.ts";

/** One request as a pool is asked. */
export interface Ask {
  readonly limits: FirstByteLimits;
  readonly repeatable: boolean;
  readonly now: () => number;
  /** Aborted when the client is gone. */
  readonly signal?: AbortSignal | undefined;
  /** The request's body where it streams: the clock of the try starts when it has been sent. */
  readonly upload?: Relay | undefined;
  send(zone: Zone, signal: AbortSignal): Promise<Response>;
}

export interface Answer {
  readonly response: Response;
  readonly zone: Zone;
  /** False for a gateway status that no other try was left for: the zone has been judged by it. */
  readonly sound: boolean;
  /** Of the tries before this one. */
  readonly failures: readonly TryFailure[];
}

/** An EdgeError that knows which tries led to it. */
export class OriginError extends EdgeError {
  readonly zone: string | null;
  readonly failures: readonly TryFailure[];

  constructor(options: EdgeErrorOptions, zone: string | null, failures: readonly TryFailure[]) {
    super(options);
    this.zone = zone;
    this.failures = failures;
  }
}

/** @throws OriginError */
export async function askOrigin(pool: Pool, ask: Ask): Promise<Answer> {
  const start = ask.now();
  const admission = pool.admit(start, ask.limits.deadlineMs);
  if (admission.verdict === "refuse") throw breakerOpen(admission.retryAfterMs);
  try {
    return await askZones(pool, ask, start);
  } catch (error) {
    pool.abandon(admission, ask.now());
    throw error;
  }
}

async function askZones(pool: Pool, ask: Ask, start: number): Promise<Answer> {
  const zone = pool.first(ask.repeatable, start, ask.limits.tryMs);
  if (zone === undefined)
    throw new OriginError({ ...UNREACHABLE, detail: "The store has no server." }, null, []);

  const hurried = ask.repeatable && pool.hasAlternative();
  const first = await judgedTry(pool, zone, ask, hurried ? ask.limits.tryMs : ask.limits.deadlineMs);
  if (first.failure === undefined) return conclude(pool, ask, first, []);

  const left = ask.limits.deadlineMs - (ask.now() - start);
  const other =
    ask.repeatable && left > 0 ? pool.second(zone, first.failure, ask.now(), ask.limits.tryMs) : undefined;
  if (other === undefined) return conclude(pool, ask, first, []);
  await first.response?.body?.cancel();
  const second = await judgedTry(pool, other, ask, left);
  return conclude(pool, ask, second, [first.failure]);
}

/** A try's end; `response` with a failure is a gateway status that can still be passed on. */
interface Try {
  readonly zone: Zone;
  readonly response: Response | undefined;
  readonly failure: TryFailure | undefined;
  readonly cause: unknown;
}

async function judgedTry(pool: Pool, zone: Zone, ask: Ask, ms: number): Promise<Try> {
  const result = await attempt(zone, ask, ms);
  // A zone that answered is judged when its body has come whole.
  if (result.failure !== undefined) pool.judgeZone(zone, false, ask.now());
  return result;
}

function conclude(pool: Pool, ask: Ask, last: Try, before: readonly TryFailure[]): Answer {
  pool.judgeOrigin(last.response !== undefined, ask.now());
  if (last.response !== undefined) {
    const { response, zone, failure } = last;
    return { response, zone, sound: failure === undefined, failures: before };
  }
  const failures = last.failure === undefined ? before : [...before, last.failure];
  throw new OriginError(
    { ...errorOf(last.failure, pool.zones.length > 1 && failures.length > 1), cause: last.cause },
    last.zone.name,
    failures,
  );
}

const LATE = new Error("the deadline to the first byte passed");
const GONE = new Error("the client is gone");

const GATEWAY_STATUS: ReadonlySet<number> = new Set([502, 503, 504]);

/** @throws EdgeError of source `client` where it is the client that broke off */
async function attempt(zone: Zone, ask: Ask, ms: number): Promise<Try> {
  const controller = new AbortController();
  const giveUp = (): void => controller.abort(GONE);
  ask.signal?.addEventListener("abort", giveUp, { once: true });
  const clock = firstByteClock(ask.upload, ms, controller);
  try {
    const response = await ask.send(zone, controller.signal);
    if (!isValidStatus(response)) {
      await response.body?.cancel();
      return { zone, response: undefined, failure: "broken-answer", cause: undefined };
    }
    const failure = GATEWAY_STATUS.has(response.status) ? "gateway-status" : undefined;
    return { zone, response, failure, cause: undefined };
  } catch (cause) {
    const reason: unknown = controller.signal.reason;
    if (reason === GONE || isClientsFault(ask.upload)) throw brokenUpload(ask.upload, cause);
    return { zone, response: undefined, failure: reason === LATE ? "timeout" : "no-answer", cause };
  } finally {
    clock.stop();
    ask.signal?.removeEventListener("abort", giveUp);
  }
}

/** Aborts with LATE `ms` after the request has been sent whole, and at once where the origin does not take its body. */
function firstByteClock(
  upload: Relay | undefined,
  ms: number,
  controller: AbortController,
): { stop(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;
  const start = (): void => {
    if (!stopped) timer = setTimeout(() => controller.abort(LATE), ms);
  };
  if (upload === undefined) start();
  else {
    void upload.ended.then((end) => {
      if (end === "source-broken" || end === "source-stalled") controller.abort(GONE);
      else if (end === "sink-stalled") controller.abort(LATE);
      else start();
    });
  }
  const stop = (): void => {
    stopped = true;
    if (timer !== undefined) clearTimeout(timer);
  };
  return { stop };
}

function isClientsFault(upload: Relay | undefined): boolean {
  const end = upload?.end();
  return end === "source-broken" || end === "source-stalled";
}

function brokenUpload(upload: Relay | undefined, cause: unknown): EdgeError {
  const stalled = upload?.end() === "source-stalled";
  return new EdgeError({
    code: stalled ? "request-timeout" : "bad-request",
    source: "client",
    status: stalled ? 408 : 400,
    detail: stalled ? "The request body arrived too slowly." : "The request broke off.",
    cause,
  });
}

const UNREACHABLE = {
  code: "origin-unreachable",
  source: "origin",
  status: 502,
  detail: "The store could not be reached.",
  retryable: true,
} as const satisfies EdgeErrorOptions;

function errorOf(failure: TryFailure | undefined, severalTried: boolean): EdgeErrorOptions {
  switch (failure) {
    case "timeout":
      return {
        code: "origin-timeout",
        source: "origin",
        status: 504,
        detail: "The store did not answer in time.",
        retryable: true,
      };
    case "broken-answer":
      return { ...UNREACHABLE, code: "origin-broken", detail: "The store gave an answer that is not HTTP." };
    case "no-answer":
    case "gateway-status":
    case undefined:
      // With every server tried in vain the store is down, and the client should come again.
      return severalTried ? { ...UNREACHABLE, code: "unavailable", status: 503, retryAfter: 2 } : UNREACHABLE;
    default:
      return failure satisfies never;
  }
}

function breakerOpen(waitMs: number): OriginError {
  return new OriginError(
    {
      code: "breaker-open",
      source: "origin",
      status: 503,
      detail: "The store is not answering at the moment.",
      retryable: true,
      retryAfter: Math.max(1, Math.ceil(waitMs / 1000)),
    },
    null,
    [],
  );
}
