import { encodingsOf, inflate } from "./bodies/index.ts";
import type { Inflated } from "./bodies/inflate.ts";
import { evaluate, type Finding } from "./engine/evaluate.ts";
import { attempt, createEngine, exceededReason } from "./engine/index.ts";
import { plainPath } from "./engine/paths.ts";
import { type RequestScope, Scopes } from "./engine/scope.ts";
import type { SentinelPackage } from "./package.ts";
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
  /** The rate rules about this request that have one of `actions`, with their keys; the edge asks the bindings. */
  rateKeys(
    request: Pick<InspectionRequest, "method" | "target" | "headers" | "clientIp">,
    actions?: readonly RateKey["action"][],
  ): RateKey[];
  /** Judges an answer by its head at once, and by its body as it streams. */
  inspectResponse(response: ResponseHead, settings: SentinelSettings, now: number): ResponseInspection;
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
    const { tx, budget } = engine.collect(request, body);
    const findings: Finding[] = [];
    // What was collected is looked at even where a budget ended the collecting: the record should name the attack.
    const spent = attempt(() => evaluate(engine.compiled, engine.compiled.request, tx, at.scope, findings));
    const beyond = !request.bodyComplete && pkg.settings.beyond === "reject" ? "body" : null;
    return score({ pkg, findings, ...at, budget: budget ?? spent ?? beyond, work: tx.scanner.work });
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
        (error: unknown) => score({ pkg, findings: [], ...at, budget: exceededReason(error), work: 0 }),
      );
    },
    rateKeys: rateMatcher(pkg.rates),
    inspectResponse: (response, settings, now) =>
      responseInspector(engine, response, place(response.target, settings, now)),
  };
}

function isEmpty(headers: readonly (readonly [string, string])[]): boolean {
  return headers.some(([name, value]) => name.toLowerCase() === "content-length" && value.trim() === "0");
}
