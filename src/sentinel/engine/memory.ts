import type { Phase } from "../package.ts";
import type { Remembered } from "../variables.ts";
import type { Selector } from "./plan.ts";
import { Value } from "./view.ts";

/** Variables a request may set; more is a rule file gone wrong, and counted as a budget. */
const MAX_VARIABLES = 2_000;
const GROUPS = 10;

/** Targets that some rules do not look at for the rest of the request. */
export interface Removal {
  readonly rules: readonly number[];
  readonly selectors: readonly Selector[];
}

/**
 * What rules remember of one request: variables by lower-case name (SecLang's
 * TX), the groups of the last expression that captured among them as `0` to `9`,
 * and the values on which conditions of the rule that runs held.
 */
export class Memory {
  /** Phases that a rule has ended. */
  readonly ended: Set<Phase>;
  /** Rules that do not run any more, by index. */
  readonly removed: Set<number>;
  readonly removals: Removal[];
  private readonly variables: Map<string, string>;
  private matched: Value[] = [];

  /** `from`: what an earlier part of the request left behind. */
  constructor(from: Memory | null = null) {
    this.variables = new Map(from?.variables);
    this.ended = new Set(from?.ended);
    this.removed = new Set(from?.removed);
    this.removals = [...(from?.removals ?? [])];
  }

  get(name: string): string | undefined {
    return this.variables.get(name.toLowerCase());
  }

  /** False where there is no room left. */
  set(name: string, text: string): boolean {
    const key = name.toLowerCase();
    if (this.variables.size >= MAX_VARIABLES && !this.variables.has(key)) return false;
    this.variables.set(key, text);
    return true;
  }

  unset(name: string): void {
    this.variables.delete(name.toLowerCase());
  }

  /** Group 0 is the whole match; groups that took no part are unset. */
  capture(groups: readonly (string | undefined)[]): void {
    for (let at = 0; at < GROUPS; at++) {
      const group = groups[at];
      if (group === undefined) this.variables.delete(String(at));
      else this.variables.set(String(at), group);
    }
  }

  /** A rule begins: nothing has matched yet. */
  forget(): void {
    this.matched = [];
  }

  match(value: Value, text: string): void {
    this.matched.push(new Value("matched", label(value), text, false));
  }

  values(collection: Remembered): Value[] {
    const last = this.matched.at(-1);
    switch (collection) {
      case "tx":
        return [...this.variables].map(([name, text]) => new Value("tx", name, text, false));
      case "matched":
        return this.matched;
      case "matched.names":
        return this.matched.map(({ name }) => new Value(collection, "", name, false));
      case "matched.last":
        return last === undefined ? [] : [new Value(collection, "", last.text, false)];
      case "matched.last.name":
        return last === undefined ? [] : [new Value(collection, "", last.name, false)];
      default:
        return collection satisfies never;
    }
  }
}

/** A value's place as rules write it: `args.query:q`. */
export function label({ collection, name }: { readonly collection: string; readonly name: string }): string {
  return name === "" ? collection : `${collection}:${name}`;
}
