import type { AST } from "@eslint-community/regexpp";

/**
 * The literals of an expression: a set of strings of which every text that
 * matches contains at least one, ignoring ASCII case; the longer they are, the
 * rarer the expression runs. Found by walking the tree with the set of strings
 * that a part matches exactly (while that set is small) and the best set it requires.
 */
export interface Requirement {
  /** All strings the part matches, lower case; null: too many. */
  readonly exact: readonly string[] | null;
  /** Of these, each match contains one; null: nothing known. */
  readonly need: readonly string[] | null;
}

const MAX_EXACT = 64;
const MAX_NEED = 300;
const MAX_CLASS = 6;
const UNKNOWN: Requirement = { exact: null, need: null };
const EMPTY: Requirement = { exact: [""], need: null };

/** Null where an expression can match without any literal. */
export function requiredLiterals(pattern: AST.Pattern, ignoreCase: boolean): readonly string[] | null {
  const { exact, need } = alternatives(pattern.alternatives, ignoreCase);
  return best([exact, need]);
}

function alternatives(list: readonly AST.Alternative[], fold: boolean): Requirement {
  const parts = list.map((alternative) => sequence(alternative.elements, fold));
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const exact = parts.every((part) => part.exact !== null)
    ? unique(parts.flatMap((part) => part.exact ?? []))
    : null;
  const needs = parts.map((part) => best([part.exact, part.need]));
  const need = needs.every((set) => set !== null) ? unique(needs.flatMap((set) => set ?? [])) : null;
  return {
    exact: exact !== null && exact.length <= MAX_EXACT ? exact : null,
    need: need !== null && need.length <= MAX_NEED ? need : null,
  };
}

function sequence(elements: readonly AST.Element[], fold: boolean): Requirement {
  let run: readonly string[] = [""];
  let whole = true;
  const candidates: (readonly string[] | null)[] = [];
  for (const element of elements) {
    const { exact, need } = requirement(element, fold);
    const product = exact === null ? null : unique(run.flatMap((head) => exact.map((tail) => head + tail)));
    if (product !== null && product.length <= MAX_EXACT) {
      run = product;
      continue;
    }
    candidates.push(run, need);
    whole = false;
    run = exact ?? [""];
  }
  candidates.push(run);
  return { exact: whole ? run : null, need: best(candidates) };
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

/** Beyond ASCII the engine folds case in ways the automaton does not. */
function character(code: number, fold: boolean): Requirement {
  if (code > 0xff || (fold && code > 0x7f)) return UNKNOWN;
  return { exact: [String.fromCharCode(code).toLowerCase()], need: null };
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
      const one = character(code, fold).exact;
      if (one === null) return UNKNOWN;
      chars.add(one[0] ?? "");
    }
  }
  return chars.size > 0 && chars.size <= MAX_CLASS ? { exact: [...chars], need: null } : UNKNOWN;
}

function quantifier({ min, max, element }: AST.Quantifier, fold: boolean): Requirement {
  const inner = requirement(element, fold);
  if (min === 0)
    return max === 1 && inner.exact !== null ? { exact: unique(["", ...inner.exact]), need: null } : UNKNOWN;
  if (min === 1 && max === 1) return inner;
  const need = best([inner.exact, inner.need]);
  if (min !== max || inner.exact === null || inner.exact.length ** min > MAX_EXACT || min > 8)
    return { exact: null, need };
  let exact: readonly string[] = [""];
  for (let turn = 0; turn < min; turn++)
    exact = exact.flatMap((head) => (inner.exact ?? []).map((tail) => head + tail));
  return { exact, need: null };
}

/** The set that is least likely to occur by chance. */
function best(candidates: readonly (readonly string[] | null)[]): readonly string[] | null {
  let chosen: readonly string[] | null = null;
  for (const candidate of candidates) {
    if (candidate === null || candidate.length === 0 || candidate.includes("")) continue;
    if (chosen === null || chance(candidate) < chance(chosen)) chosen = candidate;
  }
  return chosen;
}

/** Rough chance that a place in an innocent text begins one of the strings. */
function chance(set: readonly string[]): number {
  return set.reduce(
    (sum, text) => sum + text.split("").reduce((product, char) => product * frequency(char), 1),
    0,
  );
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
