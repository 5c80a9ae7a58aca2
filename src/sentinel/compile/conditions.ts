import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeUtf8, type Located, respelled, shownPath } from "../../authoring/index.ts";
import { byteString } from "../engine/byte-strings.ts";
import { OPERATORS } from "../operators/index.ts";
import { parseBlock } from "../operators/addresses.ts";
import type { PackageCondition, PackageOperator, PackageTarget, PackageTemplate, Phase } from "../package.ts";
import type { PackageBuilder } from "./builder.ts";
import type { OperatorSource, RuleFile } from "./schema.ts";
import { parseTarget, parseTemplate } from "./targets.ts";

/** What a condition is compiled in: its file's lists and macros, and how to find the line of a key. */
export interface ConditionContext {
  readonly builder: PackageBuilder;
  readonly file: RuleFile;
  readonly dataDir: string;
  readonly rule: string;
  readonly locate: (key: readonly PropertyKey[]) => Located;
}

export interface ConditionInput {
  readonly variables: readonly string[];
  readonly transform: readonly string[];
  readonly operator: OperatorSource;
  readonly raw: boolean;
  readonly capture: boolean;
  /** What the conditions before this one leave behind; null: it is the first. */
  readonly before: { readonly captured: boolean } | null;
}

/** Undefined, with faults in the builder, where anything is wrong. */
export function compileCondition(
  input: ConditionInput,
  context: ConditionContext,
): { condition: PackageCondition; phase: Phase } | undefined {
  const targets = compileTargets(input.variables, context);
  const operator = compileOperator(input.operator, context);
  if (targets === undefined || operator === undefined) return undefined;
  if (!remembers(input, operator.operator, context)) return undefined;
  // A literal that a transformation would make cannot be looked for in its digits or its length.
  const literals = operator.operator.negate ? null : context.builder.literalsOf(operator.literals);
  const condition = {
    targets: targets.list,
    transforms: input.transform,
    peel: !input.raw,
    ...(input.capture ? { capture: true as const } : {}),
    operator: operator.operator,
    literals,
  };
  return { condition, phase: targets.phase };
}

/** Whether what a condition captures, and what it reads of others, is there; faults otherwise. */
function remembers(input: ConditionInput, operator: PackageOperator, context: ConditionContext): boolean {
  const { builder, rule, locate } = context;
  const { before, capture, variables } = input;
  const templates = (operator.templates ?? []).flat();
  const reads =
    variables.some((text) => /^#?capture\b/.test(text)) ||
    templates.some((part) => typeof part !== "string" && part.variable === "capture");
  if (capture && (operator.expression === undefined || operator.negate))
    builder.fault(
      locate(["capture"]),
      `${rule}: nothing to capture`,
      "only an expression that matches (rx, rx-case) has groups",
    );
  else if (reads && before?.captured !== true)
    builder.fault(
      locate(["variables"]),
      `${rule}: nothing is captured before`,
      "give a condition above this one capture: true",
    );
  else if (templates.length > 0 && before === null)
    builder.fault(
      locate(["operator"]),
      `${rule}: the first condition compares with another value`,
      "look for what is rarer first, and compare in a condition behind it",
    );
  else return true;
  return false;
}

function compileTargets(
  variables: readonly string[],
  { builder, rule, locate }: ConditionContext,
): { list: PackageTarget[]; phase: Phase } | undefined {
  const list: PackageTarget[] = [];
  let phase: Phase = 1;
  let failed = false;
  variables.forEach((text, index) => {
    const at = locate(["variables", index]);
    const parsed = parseTarget(text);
    if (typeof parsed === "string") {
      const [what = "", remedy = ""] = parsed.split("; ", 2);
      builder.fault(at, `${rule}: ${what}`, remedy);
      failed = true;
      return;
    }
    const target = builder.target(parsed, rule, at);
    if (target === undefined) failed = true;
    else list.push(target);
    if (parsed.phase > phase) phase = parsed.phase;
  });
  if (!failed && list.every(({ not }) => not === true)) {
    builder.fault(
      locate(["variables"]),
      `${rule}: nothing is looked at`,
      "add a variable that is not negated",
    );
    return undefined;
  }
  return failed ? undefined : { list, phase };
}

interface CompiledOperator {
  readonly operator: PackageOperator;
  readonly literals: readonly string[] | null;
}

function compileOperator(source: OperatorSource, context: ConditionContext): CompiledOperator | undefined {
  const { builder, rule, locate } = context;
  const inner = typeof source === "object" && "not" in source ? source["not"] : source;
  const negate = inner !== source;
  const [name, argument] = operatorParts(inner);
  const at = locate(["operator"]);
  switch (OPERATORS.get(name)?.argument) {
    case "none":
      return { operator: { name, negate }, literals: null };
    case "number":
      return { operator: { name, negate, number: Number(argument) }, literals: null };
    case "expression": {
      const text = expandMacros(String(argument), context, at);
      const found =
        text === undefined ? undefined : builder.expression(text, name === "rx-case" ? "s" : "is", rule, at);
      return found === undefined
        ? undefined
        : { operator: { name, negate, expression: found.index }, literals: found.literals };
    }
    case "list": {
      const entries = expandList([argument].flat().map(String), context, at);
      return entries === undefined ? undefined : listOperator(name, negate, entries, context, at);
    }
    default:
      builder.fault(
        at,
        `${rule}: unknown operator ${name}`,
        `use one of ${[...OPERATORS.keys()].join(", ")}`,
      );
      return undefined;
  }
}

function operatorParts(source: unknown): [string, unknown] {
  if (typeof source === "string") return [source, undefined];
  const [entry] = Object.entries<unknown>(Object(source));
  return entry ?? ["", undefined];
}

function listOperator(
  name: string,
  negate: boolean,
  entries: readonly string[],
  { builder, rule }: ConditionContext,
  at: Located,
): CompiledOperator | undefined {
  const wrong = entries.filter((entry) => !valid(name, entry));
  for (const entry of wrong) {
    const what = name === "ip" ? "is no address or CIDR block" : "is no byte or range of bytes";
    builder.fault(
      at,
      `${rule}: ${JSON.stringify(entry)} ${what}`,
      name === "ip" ? "write 192.0.2.0/24 or 2001:db8::/32" : "write 9 or 32-126",
    );
  }
  if (wrong.length > 0) return undefined;
  const templates: PackageTemplate[] = [];
  for (const entry of entries) {
    const template = parseTemplate(entry);
    if (typeof template === "string") {
      const [what = "", remedy = ""] = template.split("; ", 2);
      builder.fault(at, `${rule}: ${what}`, remedy);
      return undefined;
    }
    templates.push(template ?? [entry]);
  }
  if (templates.some((template) => template.some((part) => typeof part !== "string")))
    return { operator: { name, negate, templates }, literals: null };
  const literal = name !== "ip" && name !== "bytes-outside";
  return { operator: { name, negate, list: builder.list(entries) }, literals: literal ? entries : null };
}

function valid(name: string, entry: string): boolean {
  if (name === "ip") return parseBlock(entry) !== null;
  if (name !== "bytes-outside") return true;
  const [, from, to = from] = /^([0-9]{1,3})(?:-([0-9]{1,3}))?$/.exec(entry) ?? [];
  return from !== undefined && Number(from) <= Number(to) && Number(to) < 256;
}

function expandMacros(
  source: string,
  { builder, file, rule }: ConditionContext,
  at: Located,
): string | undefined {
  let failed = false;
  const expand = (text: string, depth: number): string =>
    text.replace(/\{\{([a-z][a-z0-9-]*)\}\}/g, (all, name: string) => {
      const macro = own(file.macros, name);
      if (macro !== undefined && depth < 5) return `(?:${expand(macro, depth + 1)})`;
      failed = true;
      builder.fault(
        at,
        `${rule}: macro ${name} is ${macro === undefined ? "not known" : "part of itself"}`,
        respelled(
          name,
          Object.keys(file.macros ?? {}).filter((one) => one !== name),
          "name a macro of this file; to match two braces write \\{\\{",
        ),
      );
      return all;
    });
  const expanded = expand(source, 0);
  return failed ? undefined : expanded;
}

/** `$name`, `file:name.txt` or the entries themselves, as byte strings. */
function expandList(
  given: readonly string[],
  { builder, file, dataDir, rule }: ConditionContext,
  at: Located,
): readonly string[] | undefined {
  const entries: string[] = [];
  for (const entry of given) {
    const list = /^\$[a-z][a-z0-9-]*$/.test(entry) ? (own(file.lists, entry.slice(1)) ?? null) : undefined;
    if (list === null) {
      builder.fault(
        at,
        `${rule}: unknown list ${entry}`,
        respelled(
          entry,
          Object.keys(file.lists ?? {}).map((name) => `$${name}`),
          "define it under lists: in this file",
        ),
      );
      return undefined;
    }
    if (list !== undefined) entries.push(...list);
    else if (entry.startsWith("file:")) {
      const path = join(dataDir, entry.slice(5));
      if (!/^file:[a-z0-9-]+\.txt$/.test(entry) || !existsSync(path)) {
        builder.fault(at, `${rule}: no phrase file ${entry.slice(5)}`, `create it as ${path}`);
        return undefined;
      }
      const text = decodeUtf8(shownPath(path), readFileSync(path));
      if (typeof text !== "string") {
        if (!builder.faults.some(({ file: known }) => known === text.file)) builder.faults.push(text);
        return undefined;
      }
      entries.push(...phraseLines(text));
    } else entries.push(entry);
  }
  return entries.map(byteString);
}

function own<T>(table: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return table !== undefined && Object.hasOwn(table, name) ? table[name] : undefined;
}

function phraseLines(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line.trim() !== "" && !line.startsWith("#"));
}
