import { encodingsOf, inflate } from "../bodies/index.ts";
import { createEngine } from "../engine/index.ts";
import { Matching, selects } from "../engine/matching.ts";
import { label } from "../engine/memory.ts";
import { plainPath } from "../engine/paths.ts";
import type { Condition, Rule } from "../engine/plan.ts";
import { type RequestScope, Scopes } from "../engine/scope.ts";
import type { Transaction } from "../engine/transaction.ts";
import type { ChainNode } from "../engine/chain.ts";
import type { Value, View } from "../engine/view.ts";
import type { PackageReference, PackageTemplate, SentinelPackage } from "../package.ts";
import { createSentinel } from "../sentinel.ts";
import { type InspectionRequest, NO_OVERRIDES, type SentinelSettings, type Verdict } from "../verdict.ts";

/** What one condition saw of one form of one value. */
export interface Look {
  readonly where: string;
  /** `as parsed`, or `peeled` with a number. */
  readonly form: string;
  /** The text before the first transformation and after each. */
  readonly steps: readonly { readonly name: string; readonly text: string }[];
  /** Whether a literal of the expression occurs; null: it has none. */
  readonly literal: boolean | null;
  readonly holds: boolean;
  /** Whether exclusions.yaml keeps the rule from this value here. */
  readonly excluded: boolean;
  readonly found: string;
}

export interface ConditionTrace {
  readonly operator: string;
  readonly looks: readonly Look[];
}

export interface RuleTrace {
  readonly rule: string;
  readonly matched: boolean;
  readonly conditions: readonly ConditionTrace[];
}

export interface Explanation {
  readonly verdict: Verdict;
  /** Every value the rules can look at, with its peeled forms. */
  readonly values: readonly { readonly where: string; readonly forms: readonly string[] }[];
  readonly traces: readonly RuleTrace[];
}

/**
 * What each rule saw of a request. The trace runs every condition without the
 * prefilter, so that it also tells where a literal is missing. `only`: trace this
 * rule whether it matched or not; otherwise those that matched, or would without
 * exclusions.yaml.
 */
export async function explain(
  pkg: SentinelPackage,
  request: InspectionRequest,
  options: { readonly only?: string; readonly now?: number; readonly settings?: SentinelSettings } = {},
): Promise<Explanation> {
  const { settings = NO_OVERRIDES, now = Date.now() } = options;
  const engine = createEngine(pkg);
  const verdict = await createSentinel(pkg).inspectRequest(request, settings, now);
  const body = await inflate(
    request.body,
    encodingsOf(request.headers),
    pkg.settings.limits.inflated,
    request.bodyComplete,
  );
  const { tx } = engine.collect(request, body);
  const matched = idsOf(verdict);
  const unexcluded = await createSentinel({ ...pkg, exclusions: [] }).inspectRequest(request, settings, now);
  const traced = new Set(options.only === undefined ? [...matched, ...idsOf(unexcluded)] : [options.only]);
  const wanted = (rule: Rule): boolean => traced.has(rule.source.id);
  const scope = new Scopes(pkg, engine.compiled).of(settings, plainPath(request.target), now);
  const matching = new Matching(engine.compiled, tx, scope);
  const tracer: Tracer = { tx, chains: engine.compiled.chains, pkg, scope, matching };
  const traces = engine.compiled.rules
    .filter(wanted)
    .map((rule) => trace(rule, tracer, matched.has(rule.source.id)));
  const values = tx.values.map((value) => ({
    where: label(value),
    forms: [value.root(tx.scanner), ...value.forms(tx.scanner)].map(({ text }) => text),
  }));
  return { verdict, values, traces };
}

function idsOf({ matches }: Verdict): ReadonlySet<string> {
  return new Set(matches.map(({ rule }) => rule));
}

interface Tracer {
  readonly tx: Transaction;
  readonly chains: readonly ChainNode[];
  readonly pkg: SentinelPackage;
  readonly scope: RequestScope;
  readonly matching: Matching;
}

function trace(rule: Rule, tracer: Tracer, matched: boolean): RuleTrace {
  const conditions = rule.conditions.map((condition, index) => ({
    operator: operatorText(rule, index, tracer.pkg),
    looks: condition.targets.flatMap((selector) => {
      const values = tracer.matching
        .values(selector)
        .filter((value) => !condition.except.some((other) => selects(other, value)));
      if (selector.count)
        return [countLook(condition, selector.collections.join("+"), values.length, tracer)];
      return values.flatMap((value) => looks(value, condition, tracer));
    }),
  }));
  return { rule: rule.source.id, matched, conditions };
}

function countLook(condition: Condition, where: string, count: number, { matching }: Tracer): Look {
  const text = String(count);
  const holds = matching.holdsNumber(condition, count);
  const path = [{ name: "count", text }];
  return {
    where: `#${where}`,
    form: "count",
    steps: path,
    literal: null,
    holds,
    excluded: false,
    found: holds ? text : "",
  };
}

function looks(value: Value, condition: Condition, { tx, chains, scope, matching }: Tracer): Look[] {
  const operator = condition.operator.bound?.(matching.expand) ?? condition.operator;
  const root = value.root(tx.scanner);
  const forms = condition.peel ? [root, ...value.forms(tx.scanner)] : [root];
  return forms.map((form, index) => {
    const view = form.at(condition.node, chains, tx.scanner);
    const holds = operator.test(view.text);
    if (holds) matching.keep(condition, view.text);
    const { literals } = condition;
    return {
      where: label(value),
      form: index === 0 ? "as parsed" : `peeled ${index}`,
      steps: steps(form, condition.node, tx, chains),
      literal: literals === null ? null : literals.some((literal) => view.scan.hits.includes(literal)),
      holds,
      excluded: scope.excluded(condition.rule, value.collection, value.name),
      found: holds ? operator.excerpt(view.text) : "",
    };
  });
}

function steps(
  form: View,
  node: number,
  tx: Transaction,
  chains: readonly ChainNode[],
): { name: string; text: string }[] {
  const path: number[] = [];
  for (let at = node; at !== 0; at = chains[at]?.parent ?? 0) path.unshift(at);
  return [
    { name: "value", text: form.text },
    ...path.map((at) => ({ name: chains[at]?.name ?? "", text: form.at(at, chains, tx.scanner).text })),
  ];
}

function operatorText(rule: Rule, index: number, pkg: SentinelPackage): string {
  const operator = rule.source.conditions[index]?.operator;
  if (operator === undefined) return "";
  const argument =
    operator.expression !== undefined
      ? (pkg.expressions[operator.expression]?.source ?? "")
      : operator.list !== undefined
        ? (pkg.lists[operator.list] ?? []).slice(0, 6).join(", ")
        : (operator.templates?.map(templateText).join(", ") ?? String(operator.number ?? ""));
  return `${operator.negate ? "not " : ""}${operator.name} ${argument}`.trim();
}

function templateText(template: PackageTemplate): string {
  const reference = ({ variable, entry }: PackageReference): string =>
    `%{${variable}${entry === undefined ? "" : `:${entry}`}}`;
  return template.map((part) => (typeof part === "string" ? part : reference(part))).join("");
}

const SHOWN = 160;

/** An explanation as lines for a terminal. `everything`: also looks that found nothing. */
export function formatExplanation(
  { verdict, values, traces }: Explanation,
  pkg: SentinelPackage,
  everything: boolean,
): string[] {
  const { thresholds } = pkg.settings;
  const budget = verdict.budget === null ? "" : `, budget exceeded: ${verdict.budget}`;
  const count = verdict.matches.length === 1 ? "1 rule" : `${verdict.matches.length} rules`;
  const lines = [
    `${verdict.outcome}: score ${verdict.score} of ${thresholds.total}, ${count} matched${budget}, work ${verdict.work}`,
    "",
    "values",
    ...values.flatMap(({ where, forms }) =>
      forms.map((text, index) => `  ${index === 0 ? where : `  peeled ${index}`}  ${quote(text)}`),
    ),
  ];
  for (const { rule, matched, conditions } of traces) {
    const match = verdict.matches.find((entry) => entry.rule === rule);
    const note =
      match === undefined
        ? matched
          ? ""
          : conditions.some(({ looks: seen }) => seen.some(({ holds, excluded }) => holds && excluded))
            ? "excluded here"
            : "did not match"
        : `${match.severity} ${match.score}${match.uncounted === null ? "" : `, not counted: ${match.uncounted}`}: ${match.description}`;
    lines.push("", `${rule}  ${note}`);
    conditions.forEach(({ operator, looks: seen }, index) => {
      lines.push(`  ${index === 0 ? "asks" : "and"}  ${shorten(operator)}`);
      const shown = everything ? seen : seen.filter(({ holds }) => holds);
      if (shown.length === 0) lines.push(`    held for none of ${seen.length} forms`);
      for (const look of shown) lines.push(...formatLook(look));
    });
  }
  return lines;
}

function formatLook({ where, form, steps: path, literal, holds, excluded, found }: Look): string[] {
  const missing = literal === false ? "no (none of its literals occurs)" : "no";
  const result = holds ? `found ${quote(found)}` : missing;
  const reason = excluded ? `${result}, but excluded here by exclusions.yaml` : result;
  const shown = path.filter((step, index) => index === 0 || step.text !== path[index - 1]?.text);
  return [
    `    ${where}, ${form}`,
    ...shown.map(({ name, text }) => `      ${name.padEnd(20)} ${quote(text)}`),
    `      ${"->".padEnd(20)} ${reason}`,
  ];
}

function quote(text: string): string {
  return JSON.stringify(shorten(text)).replace(
    /[\x7f-\xff]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16)}`,
  );
}

function shorten(text: string): string {
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}... (${text.length} chars)` : text;
}
