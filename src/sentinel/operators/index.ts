import { detectCommand, detectSqli, detectXss } from "../detect/index.ts";
import * as bit from "../engine/signature.ts";
import type { PackageOperator, SentinelPackage } from "../package.ts";
import { addresses } from "./addresses.ts";
import { badPercent, badUtf8, bytesOutside } from "./bytes.ts";
import { expressionMatcher } from "./expression.ts";
import { anyOf, phrases, within, words } from "./lists.ts";
import type { Matcher } from "./matcher.ts";
import { cardNumber, comparison } from "./numbers.ts";

export interface Operator extends Matcher {
  /** Bits of the signature without any of which nothing can match; 0: anything may. */
  readonly needs: number;
  /** How many chars of the text a match can take; 0: not known. */
  readonly span: number;
}

export type ArgumentKind = "none" | "expression" | "list" | "number";

interface OperatorKind {
  readonly argument: ArgumentKind;
  readonly needs: number;
  readonly create: (operator: PackageOperator, pkg: SentinelPackage) => Matcher;
}

const expression: OperatorKind = {
  argument: "expression",
  needs: 0,
  create: (operator, pkg) => {
    const found = pkg.expressions[operator.expression ?? -1];
    if (found === undefined) throw new Error("package: an expression is missing");
    return expressionMatcher(found);
  },
};

function list(create: (entries: readonly string[]) => Matcher): OperatorKind {
  return {
    argument: "list",
    needs: 0,
    create: (operator, pkg) => create(pkg.lists[operator.list ?? -1] ?? []),
  };
}

function number(kind: "eq" | "gt" | "ge" | "lt" | "le"): OperatorKind {
  return { argument: "number", needs: 0, create: (operator) => comparison(kind, operator.number ?? 0) };
}

function plain(needs: number, create: () => Matcher): OperatorKind {
  return { argument: "none", needs, create };
}

/** Every operator by the name that rules use. */
export const OPERATORS: ReadonlyMap<string, OperatorKind> = new Map<string, OperatorKind>([
  ["rx", expression],
  ["rx-case", expression],
  ["phrases", list(phrases)],
  ["words", list(words)],
  ["contains", list((entries) => anyOf(entries, (text, entry) => text.includes(entry)))],
  ["equals", list((entries) => anyOf(entries, (text, entry) => text === entry))],
  ["begins-with", list((entries) => anyOf(entries, (text, entry) => text.startsWith(entry)))],
  ["ends-with", list((entries) => anyOf(entries, (text, entry) => text.endsWith(entry)))],
  ["within", list(within)],
  ["eq", number("eq")],
  ["gt", number("gt")],
  ["ge", number("ge")],
  ["lt", number("lt")],
  ["le", number("le")],
  ["ip", list(addresses)],
  ["bytes-outside", list(bytesOutside)],
  ["bad-percent", plain(bit.PERCENT, badPercent)],
  ["bad-utf8", plain(bit.HIGH, badUtf8)],
  ["card-number", plain(bit.DIGIT, cardNumber)],
  ["command", plain(0, () => detector(8, detectCommand))],
  ["sqli", plain(0, () => detector(20, detectSqli))],
  ["xss", plain(0, () => detector(4, detectXss))],
  ["present", plain(0, () => ({ weight: 0, test: () => true, excerpt: (text) => text }))],
]);

function detector(weight: number, detect: (text: string) => string | null): Matcher {
  return { weight, test: (text) => detect(text) !== null, excerpt: (text) => detect(text) ?? "" };
}

/** Throws where the package names an operator that this engine does not have: it was compiled by a newer one. */
export function createOperator(operator: PackageOperator, pkg: SentinelPackage): Operator {
  const kind = OPERATORS.get(operator.name);
  if (kind === undefined) throw new Error(`package: unknown operator ${operator.name}`);
  const matcher = kind.create(operator, pkg);
  const span = pkg.expressions[operator.expression ?? -1]?.span ?? 0;
  if (!operator.negate) return { ...matcher, needs: kind.needs, span };
  return {
    span: 0,
    weight: matcher.weight,
    needs: 0,
    test: (text) => !matcher.test(text),
    excerpt: (text) => text,
  };
}
