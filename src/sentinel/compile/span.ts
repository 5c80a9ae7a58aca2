import type { AST } from "@eslint-community/regexpp";

/** Longer matches are not worth cutting windows for. */
const MAX_SPAN = 1_000;

/** How many chars a match can take, what it looks ahead and behind at included; 0: no bound, or a large one. */
export function matchSpan(pattern: AST.Pattern): number {
  const longest = alternatives(pattern.alternatives);
  return longest <= MAX_SPAN ? longest : 0;
}

function alternatives(list: readonly AST.Alternative[]): number {
  return Math.max(
    ...list.map(({ elements }) => elements.reduce((sum, element) => sum + lengthOf(element), 0)),
  );
}

function lengthOf(element: AST.Element): number {
  switch (element.type) {
    case "Group":
    case "CapturingGroup":
      return alternatives(element.alternatives);
    case "Quantifier":
      return element.max === 0 ? 0 : element.max * lengthOf(element.element);
    case "Assertion":
      return "alternatives" in element ? alternatives(element.alternatives) : 0;
    case "Backreference":
      return Infinity;
    default:
      return 1;
  }
}
