import { addBody, encodingsOf, inflate } from "./bodies/index.ts";
import type { Inflated } from "./bodies/inflate.ts";
import { Automaton } from "./engine/automaton.ts";
import { evaluate, type Finding } from "./engine/evaluate.ts";
import { compilePlan } from "./engine/plan.ts";
import { plainPath, pathPattern } from "./engine/paths.ts";
import { Exceeded, Transaction } from "./engine/transaction.ts";
import { type RequestScope, Scopes } from "./engine/scope.ts";
import type { SentinelPackage } from "./package.ts";
import { collectHead } from "./request.ts";
import { type RateKey, rateMatcher } from "./rates.ts";
import { score } from "./score.ts";
import {
  type BudgetReason,
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
  /** The rate rules about this request, with their keys; the edge asks the bindings. */
  rateKeys(request: Pick<InspectionRequest, "method" | "target" | "headers" | "clientIp">): RateKey[];
}

/** Hydrates a package, once an isolate. Throws on one that a newer engine compiled. */
export function createSentinel(pkg: SentinelPackage): Sentinel {
  const automaton = new Automaton(pkg.literals);
  const compiled = compilePlan(pkg);
  const scopes = new Scopes(pkg, compiled);

  const judge = (request: InspectionRequest, body: Inflated, at: Place): Verdict => {
    const tx = new Transaction(automaton, pkg.settings.limits, compiled.request.wanted);
    const findings: Finding[] = [];
    const budget = attempt(() => {
      collectHead(request, tx);
      if (body.fault !== null) tx.fault(body.fault);
      addBody({ headers: request.headers, bytes: body.bytes, complete: request.bodyComplete }, tx);
    });
    // What was collected is looked at even where a budget ended the collecting: the record should name the attack.
    const spent = attempt(() => evaluate(compiled, compiled.request, tx, at.scope, findings));
    const beyond = !request.bodyComplete && pkg.settings.beyond === "reject" ? "body" : null;
    return score({ pkg, findings, ...at, budget: budget ?? spent ?? beyond, work: tx.scanner.work });
  };

  const inspectRequest = (
    request: InspectionRequest,
    settings: SentinelSettings,
    now: number,
  ): Verdict | Promise<Verdict> => {
    const at = place(request.target, settings, now);
    if (at.mode === "off") return { ...PASS, mode: at.mode };
    const encodings = request.body.length === 0 ? [] : encodingsOf(request.headers);
    if (encodings.length === 0) return judge(request, { bytes: request.body, fault: null }, at);
    return inflate(request.body, encodings, pkg.settings.limits.inflated, request.bodyComplete).then(
      (body) => judge(request, body, at),
      (error: unknown) => score({ pkg, findings: [], ...at, budget: exceeded(error), work: 0 }),
    );
  };

  const place = (target: string, settings: SentinelSettings, now: number): Place => {
    const path = plainPath(target);
    const found =
      path === null ? undefined : settings.paths.find((entry) => pathPattern(entry.path).test(path));
    return { scope: scopes.of(settings, path, now), mode: found?.mode ?? null };
  };

  return {
    version: pkg.version,
    bodyBytes: () => pkg.settings.limits.body,
    inspectRequest,
    rateKeys: rateMatcher(pkg.rates),
  };
}

/** What holds for a request by its path. */
interface Place {
  readonly scope: RequestScope;
  readonly mode: Override | null;
}

/** The budget that ended `work`; null where none did. */
function attempt(work: () => void): BudgetReason | null {
  try {
    work();
    return null;
  } catch (error) {
    return exceeded(error);
  }
}

function exceeded(error: unknown): BudgetReason {
  if (error instanceof Exceeded) return error.reason;
  throw error;
}
