import { type Detect, detectCommand, detectSqli, detectXss } from "../detect/index.ts";
import * as bit from "../engine/signature.ts";
import type { PackageOperator, PackageTemplate, SentinelPackage } from "../package.ts";
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
  /** The operator is nothing but this detector, whose answer is kept with the text. */
  readonly detect?: Detect;
  /** Where the argument is known only while a request is looked at: the operator with that argument. */
  readonly bound?: (expand: (template: PackageTemplate) => string) => Matcher;
}

export type ArgumentKind = "none" | "expression" | "list" | "number";

interface OperatorKind {
  readonly argument: ArgumentKind;
  readonly needs: number;
  readonly create: (operator: PackageOperator, pkg: SentinelPackage) => Matcher & Pick<Operator, "detect">;
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

function plain(needs: number, create: OperatorKind["create"]): OperatorKind {
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
  ["command", detector(detectCommand)],
  ["sqli", detector(detectSqli)],
  ["xss", detector(detectXss)],
  ["present", plain(0, () => ({ weight: 0, test: () => true, excerpt: (text) => text }))],
]);

function detector(detect: Detect): OperatorKind {
  return plain(0, () => ({
    weight: 60,
    detect,
    test: (text) => detect(text) !== null,
    excerpt: (text) => detect(text) ?? "",
  }));
}

/** Throws where the package names an operator that this engine does not have: it was compiled by a newer one. */
export function createOperator(operator: PackageOperator, pkg: SentinelPackage): Operator {
  const kind = OPERATORS.get(operator.name);
  if (kind === undefined) throw new Error(`package: unknown operator ${operator.name}`);
  const { templates } = operator;
  if (templates !== undefined) return boundOperator(operator, kind, templates, pkg);
  const matcher = kind.create(operator, pkg);
  if (operator.negate) return { ...negated(matcher), needs: 0, span: 0 };
  const span = pkg.expressions[operator.expression ?? -1]?.span ?? 0;
  return { ...matcher, needs: kind.needs, span };
}

function negated(matcher: Matcher): Matcher {
  return { weight: matcher.weight, test: (text) => !matcher.test(text), excerpt: (text) => text };
}

/** An operator that is made anew for each request; never asked by itself. */
function boundOperator(
  operator: PackageOperator,
  kind: OperatorKind,
  templates: readonly PackageTemplate[],
  pkg: SentinelPackage,
): Operator {
  return {
    weight: 1,
    needs: 0,
    span: 0,
    test: () => false,
    excerpt: (text) => text,
    bound: (expand) => {
      const texts = templates.map(expand);
      const argument =
        kind.argument === "number"
          ? { ...operator, number: Number(texts[0]?.trim()) || 0 }
          : { ...operator, list: pkg.lists.length };
      const matcher = kind.create(argument, { ...pkg, lists: [...pkg.lists, texts] });
      return operator.negate ? negated(matcher) : matcher;
    },
  };
}
