import type { InertValues } from "./inert.ts";
import {
  type CollectionPlan,
  type Compiled,
  type Condition,
  type Group,
  type Plan,
  type Rule,
  type Selector,
} from "./plan.ts";
import type { Operator } from "../operators/index.ts";
import type { Transaction } from "./transaction.ts";
import type { Collection } from "../variables.ts";
import type { Value, View } from "./view.ts";
import { windowsOf } from "./windows.ts";

/** A rule that matched, and where. */
export interface Finding {
  readonly rule: Rule;
  readonly where: string;
  readonly text: string;
}

/** Which rules run and which values they may not look at, for one request. */
export interface Scope {
  /** By rule index; 0: the rule does not run. */
  readonly running: Uint8Array;
  /** Whether an exclusion keeps this rule from this value. */
  readonly excluded: (rule: Rule, collection: Collection, name: string) => boolean;
  /** Values known to be of no interest to the rules that run. */
  readonly inert: InertValues;
}

/** Runs a plan over the values of a transaction. Throws `Exceeded("work")`, with what was found so far in `findings`. */
export function evaluate(
  compiled: Compiled,
  plan: Plan,
  tx: Transaction,
  scope: Scope,
  findings: Finding[],
): void {
  new Evaluation(compiled, plan, tx, scope, findings).run();
}

/** So many rules have matched that the rest would change nothing: a text of nothing but attacks costs no more than an attack. */
const ENOUGH = 16;

let visits = 0;

class Evaluation {
  private readonly compiled: Compiled;
  private readonly plan: Plan;
  private readonly tx: Transaction;
  private readonly scope: Scope;
  private readonly findings: Finding[];
  private readonly matched: Uint8Array;
  /** How often a first condition held. */
  private held = 0;

  constructor(compiled: Compiled, plan: Plan, tx: Transaction, scope: Scope, findings: Finding[]) {
    this.compiled = compiled;
    this.plan = plan;
    this.tx = tx;
    this.scope = scope;
    this.findings = findings;
    this.matched = new Uint8Array(compiled.rules.length);
  }

  run(): void {
    const { plan } = this;
    for (const value of this.tx.values) {
      if (this.findings.length >= ENOUGH) return;
      const part = plan.collections.get(value.collection);
      if (part !== undefined) this.inspect(value, part);
    }
    for (const { selector, conditions } of plan.counts) this.count(selector, conditions);
  }

  private inspect(value: Value, part: CollectionPlan): void {
    const { inert } = this.scope;
    const remembered = inert.remembers(value);
    if (remembered && inert.has(value)) return;
    const { held } = this;
    // The whole Cookie line is for rules that ask for it by name; its cookies are values of their own.
    if (value.collection !== "headers" || value.name !== "cookie") this.visit(value, part.all);
    const entry = part.byEntry?.get(value.name.toLowerCase());
    if (entry !== undefined) this.visit(value, entry);
    for (const { pattern, groups } of part.byPattern) if (pattern.test(value.name)) this.visit(value, groups);
    // Rules that matched before did not look at this value.
    if (remembered && held === this.held && this.findings.length === 0) inert.add(value);
  }

  private visit(value: Value, groups: readonly Group[]): void {
    if (groups.length === 0) return;
    const { chains } = this.compiled;
    const { scanner } = this.tx;
    const root = value.root(scanner);
    const forms = value.forms(scanner);
    for (const group of groups) {
      if (this.findings.length >= ENOUGH) return;
      this.look(value, root.at(group.node, chains, scanner), group);
      if (!group.peel) continue;
      for (const form of forms) this.look(value, form.at(group.node, chains, scanner), group);
    }
    this.tx.spend(groups.length * 20);
  }

  private look(value: Value, view: View, group: Group): void {
    for (const condition of group.always) this.first(condition, value, view);
    const { hits } = view.scan;
    if (hits.length === 0) return;
    const visit = ++visits;
    for (const hit of hits) {
      const conditions = this.plan.byLiteral[hit];
      if (conditions === undefined) continue;
      for (const condition of conditions) {
        if (condition.visit === visit || condition.groups[group.id] !== true) continue;
        condition.visit = visit;
        this.first(condition, value, view);
      }
    }
  }

  /** A rule's first condition on one view; where it holds, the others are looked for. */
  private first(condition: Condition, value: Value, view: View): void {
    const { rule } = condition;
    if (this.matched[rule.index] === 1 || this.scope.running[rule.index] === 0) return;
    if (this.findings.length >= ENOUGH) return;
    if (!this.holds(condition, view)) return;
    this.held++;
    if (this.barred(condition, value) || !this.rest(rule)) return;
    this.matched[rule.index] = 1;
    this.findings.push({ rule, where: place(value), text: condition.operator.excerpt(view.text) });
  }

  private holds({ operator, literals }: Condition, view: View): boolean {
    if (operator.needs !== 0 && (view.scan.signature & operator.needs) === 0) return false;
    if (operator.span > 0 && literals !== null && view.scan.places !== null) {
      const windows = windowsOf(view, literals, operator.span);
      if (windows !== null && !windows.some((window) => this.asks(operator, window))) return false;
    }
    return this.asks(operator, view.text);
  }

  private asks(operator: Operator, text: string): boolean {
    this.tx.spend(operator.weight * text.length + 50);
    return operator.test(text);
  }

  private barred(condition: Condition, value: Value): boolean {
    const { collection, name } = value;
    if (condition.except.some((selector) => selects(selector, value))) return true;
    return this.scope.excluded(condition.rule, collection, name);
  }

  private rest(rule: Rule): boolean {
    return rule.conditions.every((condition, index) => index === 0 || this.anywhere(condition));
  }

  private anywhere(condition: Condition): boolean {
    return condition.targets.some((selector) => {
      if (selector.count) return this.holdsNumber(condition, this.countOf(selector, condition.except));
      return this.values(selector).some((value) => {
        if (this.barred(condition, value)) return false;
        return this.views(value, condition).some((view) => this.holds(condition, view));
      });
    });
  }

  private values(selector: Selector): readonly Value[] {
    const values = selector.collections.flatMap((collection) => this.tx.of(collection));
    return selector.entry === null && selector.pattern === null
      ? values
      : values.filter((value) => selects(selector, value));
  }

  private views(value: Value, { node, peel }: Condition): View[] {
    const { chains } = this.compiled;
    const { scanner } = this.tx;
    const root = value.root(scanner);
    const forms = peel ? [root, ...value.forms(scanner)] : [root];
    return forms.map((form) => form.at(node, chains, scanner));
  }

  private count(selector: Selector, conditions: readonly Condition[]): void {
    for (const condition of conditions) {
      const { rule } = condition;
      if (this.matched[rule.index] === 1 || this.scope.running[rule.index] === 0) continue;
      const count = this.countOf(selector, condition.except);
      if (!this.holdsNumber(condition, count) || !this.rest(rule)) continue;
      const [collection = "args.query"] = selector.collections;
      if (this.scope.excluded(rule, collection, selector.entry ?? "")) continue;
      this.matched[rule.index] = 1;
      this.findings.push({ rule, where: `#${label(collection, selector.entry ?? "")}`, text: String(count) });
    }
  }

  private countOf(selector: Selector, except: readonly Selector[]): number {
    return this.values(selector).filter((value) => !except.some((other) => selects(other, value))).length;
  }

  private holdsNumber({ operator }: Condition, count: number): boolean {
    return operator.test(String(count));
  }
}

/** Whether a selector means this value. */
export function selects(
  selector: Selector,
  { collection, name }: { collection: Collection; name: string },
): boolean {
  if (!selector.collections.includes(collection)) return false;
  if (selector.entry !== null) return selector.entry === name.toLowerCase();
  return selector.pattern === null || selector.pattern.test(name);
}

function place({ collection, name }: Value): string {
  return label(collection, name);
}

function label(collection: string, name: string): string {
  return name === "" ? collection : `${collection}:${name}`;
}
