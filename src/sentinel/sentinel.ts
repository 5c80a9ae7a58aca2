import { Automaton } from "./engine/automaton.ts";
import { evaluate, type Finding } from "./engine/evaluate.ts";
import { compilePlan } from "./engine/plan.ts";
import { plainPath, pathPattern } from "./engine/paths.ts";
import { Exceeded, latin1, Transaction } from "./engine/transaction.ts";
import { Scopes } from "./engine/scope.ts";
import type { SentinelPackage } from "./package.ts";
import { collectBody, collectHead } from "./request.ts";
import { type RateKey, rateMatcher } from "./rates.ts";
import { score } from "./score.ts";
import {
  type BudgetReason,
  type InspectionRequest,
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

  const inspectRequest = (request: InspectionRequest, settings: SentinelSettings, now: number): Verdict => {
    const path = plainPath(request.target);
    const mode =
      path === null
        ? null
        : (settings.paths.find((entry) => pathPattern(entry.path).test(path))?.mode ?? null);
    if (mode === "off") return { ...PASS, mode };
    const scope = scopes.of(settings, path, now);
    const tx = new Transaction(automaton, pkg.settings.limits, compiled.request.wanted);
    const findings: Finding[] = [];
    let budget: BudgetReason | null = null;
    try {
      collectHead(request, tx);
      collectBody(request, latin1(request.body), tx);
    } catch (error) {
      budget = exceeded(error);
    }
    // What was collected is looked at even where a budget ended the collecting: the record should name the attack.
    try {
      evaluate(compiled, compiled.request, tx, scope, findings);
    } catch (error) {
      budget ??= exceeded(error);
    }
    return score({ pkg, findings, scope, budget, mode, work: tx.scanner.work });
  };

  return {
    version: pkg.version,
    bodyBytes: () => pkg.settings.limits.body,
    inspectRequest,
    rateKeys: rateMatcher(pkg.rates),
  };
}

function exceeded(error: unknown): BudgetReason {
  if (error instanceof Exceeded) return error.reason;
  throw error;
}
