import { encodingsOf, inflate } from "./bodies/index.ts";
import type { Inflated } from "./bodies/inflate.ts";
import { evaluate } from "./engine/evaluate.ts";
import { attempt, createEngine, exceededReason } from "./engine/index.ts";
import type { Finding } from "./engine/matching.ts";
import { plainPath } from "./engine/paths.ts";
import { type RequestScope, Scopes } from "./engine/scope.ts";
import { runSequence } from "./engine/sequence.ts";
import type { Transaction } from "./engine/transaction.ts";
import type { Phase, SentinelPackage } from "./package.ts";
import { type RateKey, rateMatcher } from "./rates.ts";
import { type ResponseHead, type ResponseInspection, responseInspector } from "./response.ts";
import { score } from "./score.ts";
import {
  type InspectionRequest,
  type Override,
  PASS,
  type SentinelSettings,
  type Verdict,
} from "./verdict.ts";

/** A package in force. Holds no state of any request. */
export interface Sentinel {
  readonly version: string;
  /** How many bytes of the body's beginning to hand over; 0: none. */
  bodyBytes(method: string, headers: readonly (readonly [string, string])[]): number;
  /** Synchronous unless the body is compressed. `now` in ms since the epoch. */
  inspectRequest(
    request: InspectionRequest,
    settings: SentinelSettings,
    now: number,
  ): Verdict | Promise<Verdict>;
  /** The mode an operator set for the target's path; null: the global one holds. */
  modeOf(target: string, settings: SentinelSettings): Override | null;
  /** The rate rules about this request that have one of `actions` under these settings, with their keys; the edge asks the bindings. */
  rateKeys(
    request: Pick<InspectionRequest, "method" | "target" | "headers" | "clientIp">,
    settings: SentinelSettings,
    actions?: readonly RateKey["action"][],
  ): RateKey[];
  /** Judges an answer by its head at once, and by its body as it streams; `asked` is the verdict on its request. */
  inspectResponse(
    response: ResponseHead,
    settings: SentinelSettings,
    now: number,
    asked?: Verdict,
  ): ResponseInspection;
}

/** What holds for a request by its path. */
interface Place {
  readonly scope: RequestScope;
  readonly mode: Override | null;
}

/** Hydrates a package, once an isolate. Throws on one that a newer engine compiled. */
export function createSentinel(pkg: SentinelPackage): Sentinel {
  const engine = createEngine(pkg);
  const scopes = new Scopes(pkg, engine.compiled);

  const place = (target: string, settings: SentinelSettings, now: number): Place => {
    const path = plainPath(target);
    return { scope: scopes.of(settings, path, now), mode: scopes.modeOf(settings, path) };
  };

  const judge = (request: InspectionRequest, body: Inflated, at: Place): Verdict => {
    const { compiled } = engine;
    const findings: Finding[] = [];
    const sequence = (tx: Transaction, phase: Phase): void =>
      runSequence(compiled, compiled.request, tx, at.scope, findings, phase);
    const { tx, budget } = engine.collect(request, body, (head) => sequence(head, 1));
    // What was collected is looked at even where a budget ended the collecting: the record should name the attack.
    const spent = attempt(() => {
      sequence(tx, 2);
      evaluate(compiled, compiled.request, tx, at.scope, findings);
    });
    const beyond = !request.bodyComplete && pkg.settings.beyond === "reject" ? "body" : null;
    const verdict = score({
      pkg,
      findings,
      ...at,
      budget: budget ?? (tx.settled ? null : spent) ?? beyond,
      tx,
    });
    return compiled.response.sequenced.length > 0 ? { ...verdict, carried: tx.memory } : verdict;
  };

  return {
    version: pkg.version,
    bodyBytes: (_method, headers) => (isEmpty(headers) ? 0 : pkg.settings.limits.body),
    inspectRequest: (request, settings, now) => {
      const at = place(request.target, settings, now);
      if (at.mode === "off") return { ...PASS, mode: at.mode };
      const encodings = request.body.length === 0 ? [] : encodingsOf(request.headers);
      if (encodings.length === 0) return judge(request, { bytes: request.body, fault: null }, at);
      return inflate(request.body, encodings, pkg.settings.limits.inflated, request.bodyComplete).then(
        (body) => judge(request, body, at),
        (error: unknown) => score({ pkg, findings: [], ...at, budget: exceededReason(error), tx: null }),
      );
    },
    modeOf: (target, settings) => scopes.modeOf(settings, plainPath(target)),
    rateKeys: rateMatcher(pkg.rates),
    inspectResponse: (response, settings, now, asked) =>
      responseInspector(engine, response, place(response.target, settings, now), asked?.carried ?? null),
  };
}

function isEmpty(headers: readonly (readonly [string, string])[]): boolean {
  return headers.some(([name, value]) => name.toLowerCase() === "content-length" && value.trim() === "0");
}
