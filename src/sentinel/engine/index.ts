import { VOCABULARY } from "../detect/index.ts";
import { addBody } from "../bodies/index.ts";
import type { Inflated } from "../bodies/inflate.ts";
import type { SentinelPackage } from "../package.ts";
import { collectHead } from "../request.ts";
import type { BudgetReason, InspectionRequest } from "../verdict.ts";
import { Automaton } from "./automaton.ts";
import type { Memory } from "./memory.ts";
import { compilePlan } from "./compile-plan.ts";
import type { Compiled } from "./plan.ts";
import { SeenValues } from "./seen.ts";
import { Exceeded, Transaction } from "./transaction.ts";

/** A hydrated package: what runs, and how a request becomes values. */
export interface Engine {
  readonly pkg: SentinelPackage;
  readonly compiled: Compiled;
  /** The values of a request, and the budget that ended the collecting of them; `atHead` is called between head and body. */
  collect(request: InspectionRequest, body: Inflated, atHead?: (tx: Transaction) => void): Collected;
  /** An empty transaction for an answer; `memory`: what its request left behind. */
  answer(bytes: number, memory: Memory | null): Transaction;
}

export interface Collected {
  readonly tx: Transaction;
  readonly budget: BudgetReason | null;
}

/** Throws on a package of a newer engine. */
export function createEngine(pkg: SentinelPackage): Engine {
  const automaton = new Automaton(pkg.literals, VOCABULARY);
  const compiled = compilePlan(pkg);
  const seen = new SeenValues();
  const { limits } = pkg.settings;
  return {
    pkg,
    compiled,
    collect: (request, body, atHead) => {
      const bytes = sizeOf(request, body.bytes);
      const tx = new Transaction(automaton, limits, compiled.request.wanted, bytes, null, seen);
      const budget = attempt(() => {
        collectHead(request, tx);
        atHead?.(tx);
        if (body.fault !== null) tx.fault(body.fault);
        addBody({ headers: request.headers, bytes: body.bytes, complete: request.bodyComplete }, tx);
      });
      return { tx, budget };
    },
    answer: (bytes, memory) => new Transaction(automaton, limits, compiled.response.wanted, bytes, memory),
  };
}

function sizeOf({ target, headers }: InspectionRequest, body: Uint8Array): number {
  return headers.reduce(
    (sum, [name, value]) => sum + name.length + value.length,
    target.length + body.length,
  );
}

/** The budget that ended `work`; null where none did. */
export function attempt(work: () => void): BudgetReason | null {
  try {
    work();
    return null;
  } catch (error) {
    return exceededReason(error);
  }
}

/** Throws what is not about a budget. */
export function exceededReason(error: unknown): BudgetReason {
  if (error instanceof Exceeded) return error.reason;
  throw error;
}
