import type { Operator } from "../operators/index.ts";
import type {
  PackageCondition,
  PackageEffect,
  PackageReference,
  PackageRule,
  PackageTarget,
} from "../package.ts";
import { type Collection, VARIABLES } from "../variables.ts";
import type { ChainNode } from "./chain.ts";

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
  readonly source: PackageCondition;
  readonly targets: readonly Selector[];
  /** Entries that are left out. */
  readonly except: readonly Selector[];
  readonly node: number;
  readonly peel: boolean;
  readonly operator: Operator;
  readonly literals: readonly number[] | null;
  readonly capture: boolean;
  /** Chain steps after each of which the operator is asked; empty: after the last alone. */
  readonly every: readonly number[];
  readonly effects: readonly Effect[];
  /** By a group's id: whether the condition is of the group. */
  readonly groups: boolean[];
  /** The visit at which it was last found, so that two literals of one view run it once, and how often they occur there. */
  visit: number;
  places: number;
}

/** A rule's first condition that held on a value, and the form of it that it held on. */
export interface Held {
  readonly condition: Condition;
  readonly text: string;
}

/** A package's effect, its targets resolved. */
export type Effect =
  | Exclude<PackageEffect, { do: "remove-targets" }>
  | {
      readonly do: "remove-targets";
      readonly rules: readonly number[];
      readonly selectors: readonly Selector[];
    };

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
  /** Rules that run in their order. */
  readonly sequenced: readonly Rule[];
}

export interface Compiled {
  readonly rules: readonly Rule[];
  readonly chains: readonly ChainNode[];
  readonly request: Plan;
  readonly response: Plan;
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

/** The collections a reference reads. Throws on a variable that this engine does not know. */
export function collectionsOf({ variable }: PackageReference): readonly Collection[] {
  const known = VARIABLES.get(variable);
  if (known === undefined) throw new Error(`package: unknown variable ${variable}`);
  return known.collections;
}
