import type { AST } from "@eslint-community/regexpp";
import { ALL_CHARS, type CharSet, charsOf, firstChars } from "./char-sets.ts";

/**
 * A proof of linearity by structure: where every repetition is bounded, a
 * backtracking engine takes at most a constant number of steps from each start.
 * The bound is pessimistic, every way through a part being followed by a try of
 * the rest, except where the next char decides: a repetition of one set of chars
 * that the rest cannot begin with has one way only. It is a proof where it is
 * small, and says nothing where it is large. Infinity: unbounded.
 */
export function stepsPerStart(pattern: AST.Pattern, ignoreCase: boolean): number {
  return new Bound(ignoreCase).alternatives(pattern.alternatives, ACCEPT).steps;
}

interface Cost {
  /** Ways to match the part, after each of which the rest is tried in full. */
  readonly ways: number;
  readonly steps: number;
}

/** What may come after a part: the chars that the rest can begin with. Empty: a match (or the end) follows, so nothing is tried again. */
type Follow = CharSet;
const ACCEPT: Follow = 0n;

class Bound {
  private readonly fold: boolean;

  constructor(fold: boolean) {
    this.fold = fold;
  }

  alternatives(list: readonly AST.Alternative[], follow: Follow): Cost {
    const costs = list.map(({ elements }) => this.sequence(elements, follow));
    const steps = sum(costs.map((cost) => cost.steps)) + list.length - 1;
    const firsts = list.map(({ elements }) => firstChars(elements, follow, this.fold));
    const decided = firsts.every((first, index) =>
      firsts.every((other, place) => place <= index || (first & other) === 0n),
    );
    const ways = costs.map((cost) => cost.ways);
    return { ways: decided ? Math.max(...ways) : sum(ways), steps };
  }

  private sequence(elements: readonly AST.Element[], follow: Follow): Cost {
    let rest: Cost = { ways: 1, steps: 0 };
    for (let at = elements.length - 1; at >= 0; at--) {
      const element = elements[at];
      if (element === undefined) continue;
      const after = firstChars(elements.slice(at + 1), follow, this.fold);
      const cost = this.element(element, after);
      rest = { ways: cost.ways * rest.ways, steps: cost.steps + cost.ways * rest.steps };
    }
    return rest;
  }

  private element(element: AST.Element, follow: Follow): Cost {
    switch (element.type) {
      case "Group":
      case "CapturingGroup":
        return this.alternatives(element.alternatives, follow);
      case "Assertion":
        return "alternatives" in element
          ? { ways: 1, steps: this.alternatives(element.alternatives, ALL_CHARS).steps }
          : { ways: 1, steps: 1 };
      case "Quantifier":
        return this.quantifier(element, follow);
      case "Backreference":
        return { ways: 1, steps: Infinity };
      default:
        return { ways: 1, steps: 1 };
    }
  }

  private quantifier({ min, max, element }: AST.Quantifier, follow: Follow): Cost {
    if (max === Infinity || max > 4096) return { ways: Infinity, steps: Infinity };
    const chars = charsOf(element, this.fold);
    if (chars !== null && (chars & follow) === 0n) return { ways: 1, steps: 2 * max };
    const inner = this.element(element, follow | firstChars([element], follow, this.fold));
    const starts = firstChars([element], 0n, this.fold);
    if (max === 1 && (starts & follow) === 0n && starts !== 0n)
      return { ways: Math.max(1, inner.ways), steps: inner.steps + 1 };
    return repeated(inner, min, max);
  }
}

function repeated(inner: Cost, min: number, max: number): Cost {
  let ways = 0;
  let steps = 0;
  let runs = 1;
  for (let turn = 0; turn <= max; turn++) {
    if (turn >= min) ways += runs;
    if (turn < max) steps += runs * inner.steps;
    runs *= inner.ways;
    if (steps > 1e9) return { ways: Infinity, steps: Infinity };
  }
  return { ways, steps };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
