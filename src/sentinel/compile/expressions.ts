import { RegExpParser } from "@eslint-community/regexpp";
import type { AST } from "@eslint-community/regexpp";
import { RE2JS } from "re2js";
import { checkSync } from "recheck";
import { re2Flags } from "../operators/expression.ts";
import type { PackageExpression } from "../package.ts";
import { stepsPerStart } from "./bound.ts";
import { requiredLiterals } from "./literals.ts";
import type { ProofCache, Proof } from "./proofs.ts";

/** An expression after vetting: what the package holds, and what `rules check` says about it. */
export interface VettedExpression {
  readonly expression: PackageExpression;
  readonly literals: readonly string[] | null;
  readonly proof: Proof;
}

export interface Refusal {
  readonly message: string;
  readonly remedy: string;
}

/** Up to this many steps a start an expression is linear by structure, and cheap enough to run natively. */
const BOUNDED = 2_000;
/** Steps that one run of an expression of proven degree may take. */
const STEPS = 2_000_000;

/** Classifies an expression and chooses its engine; refuses what no engine can run in bounded time. */
export function vetExpression(source: string, flags: string, cache: ProofCache): VettedExpression | Refusal {
  if (/[^\x00-\x7f]/.test(source)) {
    return {
      message: "the expression has chars beyond ASCII, but values are bytes",
      remedy: "write the bytes of their UTF-8 as \\xHH\\xHH",
    };
  }
  const pattern = parse(source);
  if (typeof pattern === "string")
    return { message: pattern, remedy: "correct the expression (JavaScript's syntax, without flags)" };
  const literals = requiredLiterals(pattern, flags.includes("i"));
  const proof = cache.get(source, flags) ?? cache.put(source, flags, prove(pattern, source, flags));
  const chosen = choose(proof, source, flags);
  return "message" in chosen ? chosen : { expression: { source, flags, ...chosen }, literals, proof };
}

function parse(source: string): AST.Pattern | string {
  try {
    const compiled = new RegExp(source);
    return new RegExpParser({ ecmaVersion: 2024 }).parsePattern(compiled.source);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function prove(pattern: AST.Pattern, source: string, flags: string): Proof {
  const steps = stepsPerStart(pattern, flags.includes("i"));
  if (steps <= BOUNDED) return { complexity: "bounded", steps };
  const found = checkSync(source, flags, { timeout: 10_000 });
  if (found.status === "safe") return { complexity: found.checker === "automaton" ? "linear" : "undecided" };
  if (found.status === "unknown") return { complexity: "undecided" };
  const attack = found.attack.pattern;
  return found.complexity.type === "exponential"
    ? { complexity: "exponential", attack }
    : { complexity: "polynomial", degree: found.complexity.degree, attack };
}

type Choice = Pick<PackageExpression, "engine" | "limit" | "weight">;

function choose(proof: Proof, source: string, flags: string): Choice | Refusal {
  if (proof.complexity === "bounded")
    return { engine: "native", limit: 0, weight: boundedWeight(proof.steps) };
  if (proof.complexity === "linear") return { engine: "native", limit: 0, weight: 4 };
  if (runsOnRe2(source, flags)) return { engine: "re2", limit: 0, weight: 40 };
  if (proof.complexity === "polynomial") {
    const limit = Math.floor(STEPS ** (1 / proof.degree));
    return { engine: "short", limit, weight: Math.ceil(STEPS / limit / 4) };
  }
  return {
    message: `the expression is ${proof.complexity === "exponential" ? `exponential (attack: ${proof.attack})` : "not proven linear"} and uses lookaround or back-references, which the linear engine lacks`,
    remedy: "bound its repetitions, or do without lookaround",
  };
}

/** Steps from a start are rarely all taken; what is typical is some tenth. */
function boundedWeight(steps: number): number {
  return Math.max(2, Math.min(64, Math.ceil(steps / 32)));
}

function runsOnRe2(source: string, flags: string): boolean {
  try {
    RE2JS.compile(source, re2Flags(flags));
    return true;
  } catch {
    return false;
  }
}
