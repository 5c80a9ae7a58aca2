import { createOperator } from "../operators/index.ts";
import type { PackageCondition, PackageReference, SentinelPackage } from "../package.ts";
import { TRANSFORMATIONS } from "../transformations/index.ts";
import { PlanBuilder } from "./plan-builder.ts";
import { collectionsOf, type Compiled, type Condition, type Plan, type Rule, selectorOf } from "./plan.ts";
import type { ChainNode } from "./chain.ts";

/** Turns a package into what runs. Throws on a package of another version of the engine. */
export function compilePlan(pkg: SentinelPackage): Compiled {
  const chains = new Chains();
  const patterns = new Map<number, RegExp>();
  const pattern = (index: number): RegExp => {
    const known = patterns.get(index);
    if (known !== undefined) return known;
    const expression = pkg.expressions[index];
    if (expression === undefined) throw new Error("package: a selector's expression is missing");
    const compiled = new RegExp(expression.source, expression.flags);
    patterns.set(index, compiled);
    return compiled;
  };
  const rules = pkg.rules.map((source, index) => {
    const rule = { index, source, conditions: [] as Condition[] };
    for (const condition of source.conditions) {
      rule.conditions.push(compileCondition(condition, rule, pkg, chains, pattern));
    }
    return rule;
  });
  return {
    rules,
    chains: chains.nodes,
    request: plan(rules.filter(({ source }) => source.phase <= 2)),
    response: plan(rules.filter(({ source }) => source.phase >= 3)),
  };
}

function compileCondition(
  condition: PackageCondition,
  rule: Rule,
  pkg: SentinelPackage,
  chains: Chains,
  pattern: (index: number) => RegExp,
): Condition {
  return {
    rule,
    source: condition,
    targets: condition.targets
      .filter((target) => target.not !== true)
      .map((target) => selectorOf(target, pattern)),
    except: condition.targets
      .filter((target) => target.not === true)
      .map((target) => selectorOf(target, pattern)),
    node: chains.node(condition.transforms),
    peel: condition.peel,
    operator: createOperator(condition.operator, pkg),
    literals: condition.literals,
    capture: condition.capture === true,
    every: condition.every === true ? chains.steps(condition.transforms) : [],
    effects: (condition.effects ?? []).map((effect) =>
      effect.do === "remove-targets"
        ? {
            do: effect.do,
            rules: effect.rules,
            selectors: effect.targets.map((target) => selectorOf(target, pattern)),
          }
        : effect,
    ),
    groups: [],
    visit: 0,
    places: 0,
  };
}

/** Chains as a tree of shared beginnings. */
class Chains {
  readonly nodes: ChainNode[] = [
    { parent: 0, name: "", transformation: { needs: 1, apply: (text) => text } },
  ];
  private readonly known = new Map<string, number>();

  node(names: readonly string[]): number {
    return names.reduce((parent, name) => this.child(parent, name), 0);
  }

  /** The value itself and every step of the chain. */
  steps(names: readonly string[]): number[] {
    return [0, ...names.map((_name, at) => this.node(names.slice(0, at + 1)))];
  }

  private child(parent: number, name: string): number {
    const key = `${parent} ${name}`;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const transformation = TRANSFORMATIONS.get(name);
    if (transformation === undefined) throw new Error(`package: unknown transformation ${name}`);
    const index = this.nodes.push({ parent, name, transformation }) - 1;
    this.known.set(key, index);
    return index;
  }
}

function plan(rules: readonly Rule[]): Plan {
  const builder = new PlanBuilder();
  const sequenced = rules.filter(({ source }) => source.sequenced === true);
  for (const rule of rules) {
    for (const { targets, source } of rule.conditions) {
      for (const selector of targets) builder.want(selector.collections);
      for (const reference of referencesOf(source)) builder.want(collectionsOf(reference));
    }
    const [first] = rule.conditions;
    if (first === undefined || rule.source.sequenced === true) continue;
    builder.index(first);
    for (const selector of first.targets) builder.place(first, selector);
  }
  return builder.finish(sequenced);
}

/** What the templates of a condition read. */
function referencesOf({ operator, effects = [] }: PackageCondition): PackageReference[] {
  const templates = [
    ...(operator.templates ?? []),
    ...effects.flatMap((effect) => (effect.do === "set" ? [effect.name, effect.value] : [])),
  ];
  return templates.flat().filter((part) => typeof part !== "string");
}
