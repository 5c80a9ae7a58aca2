import { createOperator, type Operator } from "../operators/index.ts";
import type { PackageCondition, PackageRule, PackageTarget, SentinelPackage } from "../package.ts";
import { TRANSFORMATIONS } from "../transformations/index.ts";
import { type Collection, VARIABLES } from "../variables.ts";
import type { ChainNode } from "./view.ts";

/** Which values a target means. */
export interface Selector {
  readonly collections: readonly Collection[];
  /** Lower case; null: every entry. */
  readonly entry: string | null;
  readonly pattern: RegExp | null;
  readonly count: boolean;
}

export interface Condition {
  readonly rule: Rule;
  readonly targets: readonly Selector[];
  /** Entries that are left out. */
  readonly except: readonly Selector[];
  readonly node: number;
  readonly peel: boolean;
  readonly operator: Operator;
  readonly literals: readonly number[] | null;
  /** By a group's id: whether the condition is of the group. */
  readonly groups: boolean[];
  /** The visit at which it last ran, so that two literals of one view run it once. */
  visit: number;
}

export interface Rule {
  readonly index: number;
  readonly source: PackageRule;
  readonly conditions: readonly Condition[];
}

/** First conditions that look at the same values through the same chain. */
export interface Group {
  readonly id: number;
  readonly node: number;
  readonly peel: boolean;
  /** Conditions without a literal: run on every value. */
  readonly always: readonly Condition[];
}

export interface CollectionPlan {
  readonly all: readonly Group[];
  readonly byEntry: ReadonlyMap<string, readonly Group[]> | null;
  readonly byPattern: readonly { readonly pattern: RegExp; readonly groups: readonly Group[] }[];
}

export interface CountPlan {
  readonly selector: Selector;
  readonly conditions: readonly Condition[];
}

/** What of a package runs for a request, or for an answer. */
export interface Plan {
  /** First conditions by the literals one of which they need; which group's they are, they know. */
  readonly byLiteral: readonly (readonly Condition[] | undefined)[];
  readonly collections: ReadonlyMap<Collection, CollectionPlan>;
  readonly counts: readonly CountPlan[];
  /** Every collection that some condition looks at. */
  readonly wanted: ReadonlySet<Collection>;
}

export interface Compiled {
  readonly rules: readonly Rule[];
  readonly chains: readonly ChainNode[];
  readonly request: Plan;
  readonly response: Plan;
}

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
    groups: [],
    visit: 0,
  };
}

/** Throws on a variable that this engine does not know. */
export function selectorOf(target: PackageTarget, pattern: (index: number) => RegExp): Selector {
  const variable = VARIABLES.get(target.variable);
  if (variable === undefined) throw new Error(`package: unknown variable ${target.variable}`);
  return {
    collections: variable.collections,
    entry: target.entry ?? null,
    pattern: target.pattern === undefined ? null : pattern(target.pattern),
    count: target.count === true,
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
  for (const rule of rules) {
    const [first, ...rest] = rule.conditions;
    if (first === undefined) continue;
    builder.index(first);
    for (const selector of first.targets) builder.place(first, selector);
    for (const condition of rest) for (const selector of condition.targets) builder.want(selector);
  }
  return builder.finish();
}

interface GroupDraft extends Group {
  readonly always: Condition[];
}

class PlanBuilder {
  private readonly wanted = new Set<Collection>();
  private readonly byLiteral: Condition[][] = [];
  private groups = 0;
  private readonly counts = new Map<string, { selector: Selector; conditions: Condition[] }>();
  private readonly drafts = new Map<
    Collection,
    { all: Drafts; byEntry: Map<string, Drafts>; byPattern: Map<RegExp, Drafts> }
  >();

  index(condition: Condition): void {
    for (const literal of condition.literals ?? []) (this.byLiteral[literal] ??= []).push(condition);
  }

  want(selector: Selector): void {
    for (const collection of selector.collections) this.wanted.add(collection);
  }

  place(condition: Condition, selector: Selector): void {
    this.want(selector);
    if (selector.count) this.placeCount(condition, selector);
    else for (const collection of selector.collections) this.placeValue(condition, selector, collection);
  }

  private placeValue(condition: Condition, selector: Selector, collection: Collection): void {
    const newId = (): number => this.groups++;
    const draft = entryOf(this.drafts, collection, () => ({
      all: new Drafts(newId),
      byEntry: new Map<string, Drafts>(),
      byPattern: new Map<RegExp, Drafts>(),
    }));
    if (selector.entry !== null)
      entryOf(draft.byEntry, selector.entry, () => new Drafts(newId)).add(condition);
    else if (selector.pattern !== null)
      entryOf(draft.byPattern, selector.pattern, () => new Drafts(newId)).add(condition);
    else draft.all.add(condition);
  }

  private placeCount(condition: Condition, selector: Selector): void {
    const key = `${selector.collections.join()} ${selector.entry ?? ""} ${selector.pattern?.source ?? ""}`;
    entryOf(this.counts, key, () => ({ selector, conditions: [] as Condition[] })).conditions.push(condition);
  }

  finish(): Plan {
    const collections = new Map<Collection, CollectionPlan>();
    for (const [collection, draft] of this.drafts) {
      const byEntry = new Map([...draft.byEntry].map(([entry, drafts]) => [entry, drafts.groups] as const));
      const byPattern = [...draft.byPattern].map(([pattern, drafts]) => ({ pattern, groups: drafts.groups }));
      collections.set(collection, {
        all: draft.all.groups,
        byEntry: byEntry.size > 0 ? byEntry : null,
        byPattern,
      });
    }
    return { collections, counts: [...this.counts.values()], wanted: this.wanted, byLiteral: this.byLiteral };
  }
}

class Drafts {
  readonly groups: GroupDraft[] = [];
  private readonly newId: () => number;

  constructor(newId: () => number) {
    this.newId = newId;
  }

  add(condition: Condition): void {
    const { node, peel, literals } = condition;
    let group = this.groups.find((draft) => draft.node === node && draft.peel === peel);
    if (group === undefined) {
      group = { id: this.newId(), node, peel, always: [] };
      this.groups.push(group);
    }
    condition.groups[group.id] = true;
    if (literals === null) group.always.push(condition);
  }
}

function entryOf<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = create();
  map.set(key, made);
  return made;
}
