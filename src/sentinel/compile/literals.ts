import type { AST } from "@eslint-community/regexpp";

/**
 * The literals of an expression: a set of strings of which every text that
 * matches contains at least one, ignoring ASCII case; the longer they are, the
 * rarer the expression runs. Found by walking the tree with the set of strings
 * that a part matches exactly (while that set is small), those it begins and
 * ends with, and the best set it requires.
 */
export interface Requirement {
  /** All strings the part matches, lower case; null: too many. */
  readonly exact: readonly string[] | null;
  /** A match begins with one of these, and ends with one of those; the empty string where nothing is known. */
  readonly prefix: readonly string[];
  readonly suffix: readonly string[];
  /** Of these, each match contains one; null: nothing known. */
  readonly need: readonly string[] | null;
}

const MAX_EXACT = 1_024;
const MAX_NEED = 1_024;
const MAX_CLASS = 6;
const ANY: readonly string[] = [""];
const UNKNOWN: Requirement = { exact: null, prefix: ANY, suffix: ANY, need: null };
const EMPTY: Requirement = exactly(ANY);

function exactly(set: readonly string[]): Requirement {
  return { exact: set, prefix: set, suffix: set, need: null };
}

/** Null where an expression can match without any literal. */
export function requiredLiterals(pattern: AST.Pattern, ignoreCase: boolean): readonly string[] | null {
  const { exact, prefix, suffix, need } = alternatives(pattern.alternatives, ignoreCase);
  return best([exact, prefix, suffix, need]);
}

function alternatives(list: readonly AST.Alternative[], fold: boolean): Requirement {
  const parts = list.map((alternative) => sequence(alternative.elements, fold));
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const exact = parts.every((part) => part.exact !== null)
    ? unique(parts.flatMap((part) => part.exact ?? []))
    : null;
  const needs = parts.map((part) => best([part.exact, part.prefix, part.suffix, part.need]));
  const need = needs.every((set) => set !== null) ? unique(needs.flatMap((set) => set ?? [])) : null;
  return {
    exact: exact !== null && exact.length <= MAX_EXACT ? exact : null,
    prefix: bounded(unique(parts.flatMap(({ prefix }) => prefix))),
    suffix: bounded(unique(parts.flatMap(({ suffix }) => suffix))),
    need: need !== null && need.length <= MAX_NEED ? need : null,
  };
}

function bounded(set: readonly string[]): readonly string[] {
  return set.length <= MAX_EXACT ? set : ANY;
}

/** Every string of one set before every string of the other; null: too many. */
function product(heads: readonly string[], tails: readonly string[]): readonly string[] | null {
  if (heads.length * tails.length > MAX_EXACT) return null;
  return unique(heads.flatMap((head) => tails.map((tail) => head + tail)));
}

/** First characters are prefixes as well, and fewer. */
function beginnings(set: readonly string[]): readonly string[] {
  return unique(set.map((text) => text.slice(0, 1)));
}

function sequence(elements: readonly AST.Element[], fold: boolean): Requirement {
  /** What the text read so far ends with. */
  let run = ANY;
  let prefix: readonly string[] | null = null;
  const candidates: (readonly string[] | null)[] = [];
  for (const element of elements) {
    const next = requirement(element, fold);
    const joined = next.exact === null ? null : product(run, next.exact);
    if (joined !== null) {
      run = joined;
      continue;
    }
    const reaching = product(run, next.prefix) ?? product(run, beginnings(next.prefix)) ?? run;
    prefix ??= reaching;
    candidates.push(run, reaching, next.need);
    run = next.suffix;
  }
  candidates.push(run);
  return { exact: prefix === null ? run : null, prefix: prefix ?? run, suffix: run, need: best(candidates) };
}

function requirement(element: AST.Element, fold: boolean): Requirement {
  switch (element.type) {
    case "Character":
      return character(element.value, fold);
    case "CharacterClass":
      return characterClass(element, fold);
    case "Group":
    case "CapturingGroup":
      return alternatives(element.alternatives, fold);
    case "Quantifier":
      return quantifier(element, fold);
    case "Assertion":
      return EMPTY;
    default:
      return UNKNOWN;
  }
}

/** The automaton folds the case of ASCII; what else the engine folds stands in both cases. */
function character(code: number, fold: boolean): Requirement {
  if (code > 0xff) return UNKNOWN;
  const char = String.fromCharCode(code);
  if (code < 0x80) return exactly([char.toLowerCase()]);
  if (!fold) return exactly([char]);
  const cases = [char, char.toLowerCase(), char.toUpperCase()];
  return exactly(unique(cases.filter((one) => one.length === 1 && one.charCodeAt(0) <= 0xff)));
}

function characterClass(node: AST.CharacterClass, fold: boolean): Requirement {
  if (node.negate) return UNKNOWN;
  const chars = new Set<string>();
  for (const element of node.elements) {
    if (element.type !== "Character" && element.type !== "CharacterClassRange") return UNKNOWN;
    const [from, to] =
      element.type === "Character" ? [element.value, element.value] : [element.min.value, element.max.value];
    if (to - from > 2 * MAX_CLASS) return UNKNOWN;
    for (let code = from; code <= to; code++) {
      const both = character(code, fold).exact;
      if (both === null) return UNKNOWN;
      for (const char of both) chars.add(char);
    }
  }
  return chars.size > 0 && chars.size <= MAX_CLASS ? exactly([...chars]) : UNKNOWN;
}

/** `php\d?`: digits are many, but here they end nothing. */
const MAYBE_DIGIT = exactly(["", ..."0123456789".split("")]);

function quantifier({ min, max, element }: AST.Quantifier, fold: boolean): Requirement {
  if (
    min === 0 &&
    max === 1 &&
    element.type === "CharacterSet" &&
    element.kind === "digit" &&
    !element.negate
  )
    return MAYBE_DIGIT;
  const inner = requirement(element, fold);
  if (min === 0) return max === 1 && inner.exact !== null ? exactly(unique(["", ...inner.exact])) : UNKNOWN;
  if (min === 1 && max === 1) return inner;
  const need = best([inner.exact, inner.need]);
  let { exact } = inner;
  for (let turn = 1; turn < min && exact !== null; turn++) exact = product(exact, inner.exact ?? ANY);
  if (exact === null) return { ...inner, exact: null, need };
  return min === max ? exactly(exact) : { exact: null, prefix: exact, suffix: exact, need };
}

/** What one more literal costs in memory and start-up, as a chance. */
const PRICE = 1e-5;

/** The set that is least likely to occur by chance, unless it is much larger. */
function best(candidates: readonly (readonly string[] | null)[]): readonly string[] | null {
  let chosen: readonly string[] | null = null;
  for (const all of candidates) {
    if (all === null || all.length === 0 || all.includes("")) continue;
    const candidate = shortest(all);
    if (chosen === null || chance(candidate) < chance(chosen)) chosen = candidate;
  }
  return chosen;
}

/** Without those that contain another of the set: where they occur, so does that one. */
function shortest(set: readonly string[]): readonly string[] {
  const kept: string[] = [];
  for (const text of set.toSorted((a, b) => a.length - b.length))
    if (!kept.some((other) => text.includes(other))) kept.push(text);
  return kept;
}

/** Rough chance that a place in an innocent text begins one of the strings. */
function chance(set: readonly string[]): number {
  return set.reduce((sum, text) => sum + PRICE + occurs(text), 0);
}

function occurs(text: string): number {
  let likelihood = 1;
  for (const char of text) likelihood *= frequency(char);
  return likelihood;
}

/** Letters of English in the order of their frequency, then what else is common in requests. */
const COMMON = "etaoinsrhldcumfpgwybvkxjqz";

function frequency(char: string): number {
  const rank = COMMON.indexOf(char);
  if (rank >= 0) return 0.09 * 0.88 ** rank;
  if (char === " ") return 0.15;
  return /[0-9.,/-]/.test(char) ? 0.02 : 0.003;
}

function unique(list: readonly string[]): readonly string[] {
  return [...new Set(list)];
}
