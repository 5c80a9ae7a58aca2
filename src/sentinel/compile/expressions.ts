import { RegExpParser, visitRegExpAST } from "@eslint-community/regexpp";
import type { AST } from "@eslint-community/regexpp";
import { RE2JS } from "re2js";
import { checkSync } from "recheck";
import { re2Flags } from "../operators/expression.ts";
import type { PackageExpression } from "../package.ts";
import { requiredLiterals } from "./literals.ts";
import type { ProofCache, Proof } from "./proofs.ts";
import { matchSpan } from "./span.ts";
import { measureSteps } from "./steps.ts";

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

/** Steps a char, at worst, up to which an expression of bounded repetitions runs natively. */
const FEW_STEPS = 120;
/** Steps that one run of an expression of proven degree may take. */
const STEPS = 2_000_000;
/** A shorter limit would make the expression miss what it is for. */
const LEAST_LIMIT = 512;
/** What proving one expression may take, in ms; the build waits for it once. */
const PATIENCE = 4_000;

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
  if ("message" in chosen) return chosen;
  const span = chosen.engine === "short" ? 0 : matchSpan(pattern);
  return { expression: { source, flags, ...chosen, span }, literals, proof };
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
  if (isBounded(pattern)) return { complexity: "bounded", ...measureSteps(pattern, flags.includes("i")) };
  const found = checkSync(source, flags, { timeout: PATIENCE });
  switch (found.status) {
    case "safe":
      return { complexity: found.checker === "automaton" ? "linear" : "undecided" };
    case "vulnerable": {
      const attack = found.attack.pattern;
      return found.complexity.type === "exponential"
        ? { complexity: "exponential", attack }
        : { complexity: "polynomial", degree: found.complexity.degree, attack };
    }
    default:
      return { complexity: "undecided" };
  }
}

type Choice = Pick<PackageExpression, "engine" | "limit" | "weight" | "worst" | "burst">;

/** Work units, some two nanoseconds each, that one step takes. */
const STEP = 2;

function choose(proof: Proof, source: string, flags: string): Choice | Refusal {
  if (proof.complexity === "bounded" && proof.stepsPerChar <= FEW_STEPS) {
    const { stepsPerChar, attack } = proof;
    const worst = stepsPerChar * STEP;
    return {
      engine: "native",
      limit: 0,
      weight: typicalWeight(stepsPerChar),
      worst,
      burst: worst * attack.length,
    };
  }
  if (proof.complexity === "linear") return { engine: "native", limit: 0, weight: 2, worst: 20, burst: 200 };
  const refusal = re2Refusal(source, flags);
  if (refusal === null) return { engine: "re2", limit: 0, weight: 30, worst: 60, burst: 600 };
  if (proof.complexity === "polynomial") {
    const limit = Math.floor(STEPS ** (1 / proof.degree));
    if (limit >= LEAST_LIMIT) {
      const worst = Math.ceil((STEPS * STEP) / limit);
      return { engine: "short", limit, weight: Math.ceil(worst / 16), worst, burst: worst * 10 };
    }
  }
  return {
    message: `the expression is ${describe(proof)}, and the linear engine cannot run it (${refusal})`,
    remedy: "bound its repetitions so that fewer ways lead through it, and do without lookaround",
  };
}

/** A text is at its worst for one expression or a few, and far from it for the others that run on it. */
function typicalWeight(stepsPerChar: number): number {
  return 1 + Math.ceil(stepsPerChar / 8);
}

/** What was proven, as `rules check` prints it. */
export function describe(proof: Proof): string {
  switch (proof.complexity) {
    case "bounded":
      return `bounded, at worst ${proof.stepsPerChar} steps a char (attack: ${JSON.stringify(proof.attack.slice(0, 80))} repeated)`;
    case "polynomial":
      return `polynomial of degree ${proof.degree} (attack: ${proof.attack})`;
    case "exponential":
      return `exponential (attack: ${proof.attack})`;
    case "linear":
      return "linear";
    default:
      return "not proven linear, with repetitions that have no end";
  }
}

/** Why the linear engine cannot run an expression; null where it can. */
function re2Refusal(source: string, flags: string): string | null {
  try {
    RE2JS.compile(source, re2Flags(flags));
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Whether every repetition has an end: then the steps from each start are at most a constant. */
function isBounded(pattern: AST.Pattern): boolean {
  let bounded = true;
  visitRegExpAST(pattern, {
    onQuantifierEnter: ({ max }) => {
      if (max === Infinity) bounded = false;
    },
    onBackreferenceEnter: () => {
      bounded = false;
    },
  });
  return bounded;
}
