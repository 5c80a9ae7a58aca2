import type { Fault, Located } from "../../authoring/index.ts";
import type { PackageExpression, PackageTarget } from "../package.ts";
import { type VettedExpression, vetExpression } from "./expressions.ts";
import type { ProofCache } from "./proofs.ts";

/** Literals need not be longer to be rare; shorter ones keep the automaton small. */
const MAX_LITERAL = 10;

/** One expression of the set, for the report. */
export interface ExpressionReport extends VettedExpression {
  readonly rule: string;
  readonly at: Located;
}

/** What all rules share while a package is built: tables of expressions, lists and literals, and the faults found. */
export class PackageBuilder {
  readonly faults: Fault[] = [];
  readonly expressions: PackageExpression[] = [];
  readonly lists: (readonly string[])[] = [];
  readonly literals: string[] = [];
  readonly reports: ExpressionReport[] = [];
  readonly proofs: ProofCache;
  private readonly expressionIndex = new Map<string, number>();
  private readonly listIndex = new Map<string, number>();
  private readonly literalIndex = new Map<string, number>();

  constructor(proofs: ProofCache) {
    this.proofs = proofs;
  }

  fault(at: Located, message: string, remedy: string): void {
    this.faults.push({ ...at, message, remedy });
  }

  /** Vets an expression; undefined, with a fault, where it is refused. */
  expression(
    source: string,
    flags: string,
    rule: string,
    at: Located,
  ): { index: number; literals: readonly string[] | null } | undefined {
    const vetted = vetExpression(source, flags, this.proofs);
    if ("message" in vetted) {
      this.fault(at, `${rule}: ${vetted.message}`, vetted.remedy);
      return undefined;
    }
    this.reports.push({ ...vetted, rule, at });
    return {
      index: intern(this.expressionIndex, this.expressions, `${flags}/${source}`, vetted.expression),
      literals: vetted.literals,
    };
  }

  list(entries: readonly string[]): number {
    return intern(this.listIndex, this.lists, JSON.stringify(entries), entries);
  }

  /** Indexes of the literals, folded to lower case and cut; null where one is empty. */
  literalsOf(texts: readonly string[] | null): readonly number[] | null {
    if (texts === null || texts.length === 0 || texts.includes("")) return null;
    const folded = texts.map((text) =>
      text.slice(0, MAX_LITERAL).replace(/[A-Z]/g, (char) => char.toLowerCase()),
    );
    return [...new Set(folded)].map((text) => intern(this.literalIndex, this.literals, text, text));
  }

  /** A selector's expression runs on names, which are short: any vetted engine but the linear one is fine natively. */
  target(
    parsed: { readonly target: Omit<PackageTarget, "pattern">; readonly pattern: string | null },
    rule: string,
    at: Located,
  ): PackageTarget | undefined {
    if (parsed.pattern === null) return parsed.target;
    const found = this.expression(parsed.pattern, "is", rule, at);
    if (found === undefined) return undefined;
    if (this.expressions[found.index]?.engine !== "native") {
      this.fault(
        at,
        `${rule}: the selector /${parsed.pattern}/ is not proven linear`,
        "anchor it and bound its repetitions",
      );
      return undefined;
    }
    return { ...parsed.target, pattern: found.index };
  }
}

function intern<T>(index: Map<string, number>, table: T[], key: string, value: T): number {
  const known = index.get(key);
  if (known !== undefined) return known;
  index.set(key, table.length);
  table.push(value);
  return table.length - 1;
}
