import type { Operator } from "../operators/index.ts";
import type { Matcher } from "../operators/matcher.ts";
import type { PackageTemplate } from "../package.ts";
import type { Collection } from "../variables.ts";
import { label } from "./memory.ts";
import { collectionsOf, type Compiled, type Condition, type Rule, type Selector } from "./plan.ts";
import type { Transaction } from "./transaction.ts";
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
  /** Whether a request on which these were found blocks whatever else there is. */
  readonly blocks: (findings: readonly Finding[]) => boolean;
  /** The same object for as long as the same rules run: what values remember is bound to it. */
  readonly rules: object;
}

const NO_VALUES: readonly Value[] = [];
/** So many rules are named where the verdict is sure: a text of nothing but attacks costs little more than an attack. */
const ENOUGH = 16;

/** How conditions are asked of the values of one request, whatever the order. */
export class Matching {
  readonly compiled: Compiled;
  readonly tx: Transaction;
  readonly scope: Scope;

  constructor(compiled: Compiled, tx: Transaction, scope: Scope) {
    this.compiled = compiled;
    this.tx = tx;
    this.scope = scope;
  }

  /** Whether nothing that could still be found would change anything; what does not count (shadow rules, watched ones) never does. */
  done(findings: readonly Finding[]): boolean {
    return this.tx.settled && findings.length >= ENOUGH;
  }

  runs(rule: Rule): boolean {
    return this.scope.running[rule.index] === 1;
  }

  /** Whether a condition holds on a view; `places`: how often literals of its occur there. */
  holds(condition: Condition, view: View, places = placesOf(condition, view)): boolean {
    const { operator, literals } = condition;
    if (operator.needs !== 0 && (view.scan.signature & operator.needs) === 0) return false;
    if (operator.detect !== undefined) return view.sign(operator.detect, this.tx.spend) !== null;
    if (operator.bound !== undefined) return this.asks(operator.bound(this.expand), view.text, 0);
    if (operator.span > 0 && literals !== null && view.scan.places !== null) {
      const windows = windowsOf(view, literals, operator.span);
      if (windows !== null && !windows.some((window) => this.asks(operator, window, 1))) return false;
    }
    return this.asks(operator, view.text, places);
  }

  /** What asking may cost is spent before it is asked: a text made to be slow is not looked at. */
  private asks(operator: Matcher, text: string, places: number): boolean {
    const { weight, worst = 0, burst = 0 } = operator;
    this.tx.spend(weight * text.length + Math.min(worst * text.length, burst * places) + 100);
    return operator.test(text);
  }

  /** Keeps the groups of an expression that matched, where its condition captures. */
  keep({ capture, operator }: Condition, text: string): void {
    if (capture) this.tx.memory.capture(operator.groups?.(text) ?? [text]);
  }

  barred(condition: Condition, value: Value): boolean {
    const { collection, name } = value;
    if (condition.except.some((selector) => selects(selector, value))) return true;
    return this.scope.excluded(condition.rule, collection, name);
  }

  /** Whether all conditions behind a rule's first hold, each on any of its values. */
  rest(rule: Rule): boolean {
    return rule.conditions.every((condition, index) => index === 0 || this.anywhere(condition));
  }

  private anywhere(condition: Condition): boolean {
    return condition.targets.some((selector) =>
      selector.count
        ? this.holdsNumber(condition, this.countOf(selector, condition.except))
        : this.values(selector).some((value) => this.holdsOn(condition, value)),
    );
  }

  private holdsOn(condition: Condition, value: Value): boolean {
    if (this.barred(condition, value)) return false;
    const view = this.views(value, condition).find((form) => this.holds(condition, form));
    if (view === undefined) return false;
    this.keep(condition, view.text);
    return true;
  }

  values(selector: Selector): readonly Value[] {
    const [only] = selector.collections;
    if (selector.entry === null && selector.pattern === null && selector.collections.length === 1)
      return only === undefined ? NO_VALUES : this.tx.of(only);
    let found: Value[] | null = null;
    for (const collection of selector.collections)
      for (const value of this.tx.of(collection)) if (names(selector, value.name)) (found ??= []).push(value);
    return found ?? NO_VALUES;
  }

  /** What a condition sees of a value: its forms, through the chain. */
  views(value: Value, { node, peel, every }: Condition): View[] {
    const { chains } = this.compiled;
    const { scanner } = this.tx;
    const root = value.root(scanner);
    const forms = peel ? [root, ...value.forms(scanner)] : [root];
    if (every.length === 0) return forms.map((form) => form.at(node, chains, scanner));
    return [...new Set(forms.flatMap((form) => every.map((step) => form.at(step, chains, scanner))))];
  }

  countOf(selector: Selector, except: readonly Selector[]): number {
    let count = 0;
    for (const collection of selector.collections)
      for (const value of this.tx.of(collection))
        if (names(selector, value.name) && !except.some((other) => selects(other, value))) count++;
    return count;
  }

  holdsNumber({ operator }: Condition, count: number): boolean {
    const asked: Operator | Matcher = operator.bound?.(this.expand) ?? operator;
    return asked.test(String(count));
  }

  /** A template's text, with the first value of each reference. */
  readonly expand = (template: PackageTemplate): string =>
    template.map((part) => (typeof part === "string" ? part : this.read(part))).join("");

  private read(reference: { readonly variable: string; readonly entry?: string }): string {
    if (reference.variable === "tx") return this.tx.memory.get(reference.entry ?? "") ?? "";
    const { entry = null } = reference;
    const selector = { collections: collectionsOf(reference), entry, pattern: null, count: false };
    return this.values(selector)[0]?.text ?? "";
  }
}

/** How often literals of a condition occur in a text. */
function placesOf({ literals }: Condition, { scan }: View): number {
  if (literals === null) return 0;
  return scan.hits.reduce((sum, hit, at) => (literals.includes(hit) ? sum + (scan.counts[at] ?? 0) : sum), 0);
}

/** Whether a selector means this value. */
export function selects(
  selector: Selector,
  { collection, name }: { collection: Collection; name: string },
): boolean {
  return selector.collections.includes(collection) && names(selector, name);
}

/** Whether a selector means the entry of that name in its collections. */
function names({ entry, pattern }: Selector, name: string): boolean {
  if (entry !== null) return entry.length === name.length && entry === name.toLowerCase();
  return pattern === null || pattern.test(name);
}

/** A match, as it goes on record. */
export function finding(rule: Rule, { operator }: Condition, value: Value, view: View): Finding {
  const sign = operator.detect === undefined ? null : view.sign(operator.detect);
  return { rule, where: label(value), text: sign ?? operator.excerpt(view.text) };
}
