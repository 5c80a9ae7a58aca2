import { label } from "./memory.ts";
import { type Finding, finding, Matching, type Scope } from "./matching.ts";
import type { CollectionPlan, Compiled, Condition, Group, Held, Plan, Rule, Selector } from "./plan.ts";
import type { Transaction } from "./transaction.ts";
import type { Value, View } from "./view.ts";

/** Runs a plan over the values of a transaction. Throws `Exceeded("work")`, with what was found so far in `findings`. */
export function evaluate(
  compiled: Compiled,
  plan: Plan,
  tx: Transaction,
  scope: Scope,
  findings: Finding[],
): void {
  new Evaluation(plan, new Matching(compiled, tx, scope), findings).run();
}

const NO_CONDITIONS: readonly Condition[] = [];
/** Units that a literal found costs each group of conditions that looks for its own. */
const HIT_COST = 10;
let visits = 0;

/** Rules that stand for themselves: value after value, and of the rules those whose literals occur in it. */
class Evaluation {
  private readonly plan: Plan;
  private readonly matching: Matching;
  private readonly findings: Finding[];
  /** First conditions that held on the value that is looked at. */
  private held: Held[] = [];
  /** Whether one was asked that looks at more than the value. */
  private bound = false;

  constructor(plan: Plan, matching: Matching, findings: Finding[]) {
    this.plan = plan;
    this.matching = matching;
    this.findings = findings;
  }

  run(): void {
    const { plan } = this;
    for (const value of this.matching.tx.values) {
      if (this.matching.done(this.findings)) return;
      const part = plan.collections.get(value.collection);
      if (part !== undefined) this.inspect(value, part);
    }
    for (const { selector, conditions } of plan.counts) this.count(selector, conditions);
  }

  private inspect(value: Value, part: CollectionPlan): void {
    const { rules } = this.matching.scope;
    const known = value.heldOn(rules);
    if (known !== null) {
      for (const held of known) if (!this.matched(held.condition.rule)) this.follow(held, value);
      return;
    }
    this.held = [];
    this.bound = false;
    // The whole Cookie line is for rules that ask for it by name; its cookies are values of their own.
    if (value.collection !== "headers" || value.name !== "cookie") this.visit(value, part.all);
    const entry = part.byEntry?.get(value.name.toLowerCase());
    if (entry !== undefined) this.visit(value, entry);
    for (const { pattern, groups } of part.byPattern) if (pattern.test(value.name)) this.visit(value, groups);
    // Rules that have matched did not look at all of this value.
    if (value.shared && !this.bound && this.findings.length === 0) value.remember(rules, this.held);
  }

  private visit(value: Value, groups: readonly Group[]): void {
    if (groups.length === 0) return;
    const { chains } = this.matching.compiled;
    const { scanner } = this.matching.tx;
    const root = value.root(scanner);
    for (const group of groups) {
      if (this.matching.done(this.findings)) return;
      this.look(value, root.at(group.node, chains, scanner), group);
      if (!group.peel) continue;
      for (const form of value.forms(scanner)) this.look(value, form.at(group.node, chains, scanner), group);
    }
    this.matching.tx.spend(groups.length * 20);
  }

  private look(value: Value, view: View, group: Group): void {
    for (const condition of group.always) this.first(condition, value, view, 0);
    const { hits } = view.scan;
    if (hits.length === 0) return;
    this.matching.tx.spend(hits.length * HIT_COST);
    for (const condition of this.conditionsOf(view, group))
      this.first(condition, value, view, condition.places);
  }

  /** The group's conditions of which a literal occurs, with how often theirs do. */
  private conditionsOf({ scan }: View, group: Group): readonly Condition[] {
    const found: Condition[] = [];
    const visit = ++visits;
    for (let at = 0; at < scan.hits.length; at++) {
      const count = scan.counts[at] ?? 0;
      for (const condition of this.plan.byLiteral[scan.hits[at] ?? 0] ?? NO_CONDITIONS) {
        if (condition.groups[group.id] !== true) continue;
        if (condition.visit !== visit) {
          condition.visit = visit;
          condition.places = 0;
          found.push(condition);
        }
        condition.places += count;
      }
    }
    return found;
  }

  /** A rule's first condition on one view; where it holds, the others are looked for. */
  private first(condition: Condition, value: Value, view: View, places: number): void {
    const { rule } = condition;
    const { matching } = this;
    if (!matching.runs(rule) || this.matched(rule)) return;
    if (matching.done(this.findings)) return;
    this.bound ||= condition.operator.bound !== undefined;
    if (!matching.holds(condition, view, places)) return;
    const held = { condition, text: view.text };
    this.held.push(held);
    this.follow(held, value, view);
  }

  /** `view`: of the text, where it is at hand. */
  private follow({ condition, text }: Held, value: Value, view?: View): void {
    const { matching } = this;
    const { rule } = condition;
    if (matching.barred(condition, value)) return;
    matching.keep(condition, text);
    if (!matching.rest(rule)) return;
    this.record(finding(rule, condition, value, view ?? matching.tx.scanner.view(text)));
  }

  /** Each rule once; few have matched, mostly none. */
  private matched(rule: Rule): boolean {
    return this.findings.length > 0 && this.findings.some((found) => found.rule === rule);
  }

  private record(found: Finding): void {
    this.findings.push(found);
    if (this.matching.scope.blocks(this.findings)) this.matching.tx.settle();
  }

  private count(selector: Selector, conditions: readonly Condition[]): void {
    const { matching } = this;
    for (const condition of conditions) {
      const { rule } = condition;
      if (!matching.runs(rule) || this.matched(rule)) continue;
      const count = matching.countOf(selector, condition.except);
      if (!matching.holdsNumber(condition, count) || !matching.rest(rule)) continue;
      const [collection = "args.query"] = selector.collections;
      const name = selector.entry ?? "";
      if (matching.scope.excluded(rule, collection, name)) continue;
      this.record({ rule, where: `#${label({ collection, name })}`, text: String(count) });
    }
  }
}
