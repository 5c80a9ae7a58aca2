import type { PackageSkip, Phase } from "../package.ts";
import { type Finding, finding, Matching, type Scope, selects } from "./matching.ts";
import type { Memory } from "./memory.ts";
import type { Compiled, Condition, Effect, Plan, Rule, Selector } from "./plan.ts";
import { Exceeded, type Transaction } from "./transaction.ts";
import { Value } from "./view.ts";

const REQUEST: readonly Phase[] = [1, 2];
const ALL: readonly Phase[] = [1, 2, 3, 4];

/**
 * Runs the sequenced rules of a phase in their order, each on all its values:
 * the semantics of SecLang (ModSecurity's reference manual, v3). A condition's
 * effects are done for every value on which it holds, also where the conditions
 * behind it do not; skips and the verdict are the whole rule's. A rule that
 * blocks ends all phases. Throws `Exceeded`, with what was found so far in `findings`.
 */
export function runSequence(
  compiled: Compiled,
  plan: Plan,
  tx: Transaction,
  scope: Scope,
  findings: Finding[],
  phase: Phase,
): void {
  if (plan.sequenced.length > 0 && !tx.memory.ended.has(phase))
    new Sequence(new Matching(compiled, tx, scope), findings).run(plan.sequenced, phase);
}

class Sequence {
  private readonly matching: Matching;
  private readonly findings: Finding[];
  private readonly memory: Memory;

  constructor(matching: Matching, findings: Finding[]) {
    this.matching = matching;
    this.findings = findings;
    this.memory = matching.tx.memory;
  }

  run(rules: readonly Rule[], phase: Phase): void {
    let from = 0;
    for (const rule of rules) {
      if (rule.source.phase !== phase || rule.index < from) continue;
      if (!this.matching.runs(rule) || this.memory.removed.has(rule.index)) continue;
      const found = this.match(rule);
      if (found === null) continue;
      this.findings.push(found);
      from = rule.source.action === "block" ? this.skip("all") : this.skip(rule.source.skip);
    }
  }

  /** The index at which the phase goes on. */
  private skip(skip: PackageSkip | undefined): number {
    if (skip === undefined) return 0;
    if (typeof skip === "number") return skip;
    const phases = skip === "all" ? ALL : skip === "request" ? REQUEST : [];
    for (const phase of phases) this.memory.ended.add(phase);
    return Infinity;
  }

  /** What matched last, where all conditions of a rule hold. */
  private match(rule: Rule): Finding | null {
    this.memory.forget();
    let found: Finding = { rule, where: "", text: "" };
    for (const condition of rule.conditions) {
      const matched = this.matchAll(condition);
      if (matched === null) return null;
      found = matched;
    }
    return found;
  }

  /** Asks a condition of every value it means. */
  private matchAll(condition: Condition): Finding | null {
    let found: Finding | null = null;
    for (const selector of condition.targets) {
      const values = selector.count ? [this.counted(selector, condition)] : this.matching.values(selector);
      for (const value of values) found = this.matchValue(condition, value) ?? found;
    }
    return found;
  }

  /** How many values there are, as a value. */
  private counted(selector: Selector, { except }: Condition): Value {
    const [collection = "tx"] = selector.collections;
    return new Value(
      collection,
      selector.entry ?? "",
      String(this.matching.countOf(selector, except)),
      false,
    );
  }

  private matchValue(condition: Condition, value: Value): Finding | null {
    if (this.matching.barred(condition, value) || this.removes(condition.rule, value)) return null;
    let found: Finding | null = null;
    for (const view of this.matching.views(value, condition)) {
      const { literals } = condition;
      if (literals !== null && !literals.some((literal) => view.scan.hits.includes(literal))) continue;
      if (!this.matching.holds(condition, view)) continue;
      this.memory.match(value, view.text);
      this.matching.keep(condition, view.text);
      for (const effect of condition.effects) this.perform(effect);
      found = finding(condition.rule, condition, value, view);
      if (condition.every.length === 0) break;
    }
    return found;
  }

  private removes({ index }: Rule, value: Value): boolean {
    return this.memory.removals.some(
      ({ rules, selectors }) =>
        rules.includes(index) && selectors.some((selector) => selects(selector, value)),
    );
  }

  private perform(effect: Effect): void {
    const { memory, matching } = this;
    switch (effect.do) {
      case "set": {
        const name = matching.expand(effect.name);
        const value = matching.expand(effect.value);
        if (!memory.set(name, effect.by === undefined ? value : this.sum(name, value, effect.by)))
          throw new Exceeded("values");
        return;
      }
      case "unset":
        memory.unset(matching.expand(effect.name));
        return;
      case "remove-rules":
        for (const index of effect.rules) memory.removed.add(index);
        return;
      case "remove-targets":
        memory.removals.push(effect);
        return;
      case "read-body":
        matching.tx.readAs = effect.as;
        return;
      case "audit":
        matching.tx.excerpts = effect.excerpts;
        return;
      default:
        effect satisfies never;
    }
  }

  private sum(name: string, value: string, by: "add" | "subtract"): string {
    const before = Number(this.memory.get(name) ?? 0) || 0;
    const change = Number(value) || 0;
    return String(by === "add" ? before + change : before - change);
  }
}
