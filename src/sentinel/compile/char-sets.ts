import type { AST } from "@eslint-community/regexpp";

/** A set of bytes, one bit each. */
export type CharSet = bigint;

export const ALL_CHARS: CharSet = (1n << 256n) - 1n;
const DIGITS = range(0x30, 0x39);
const WORD = DIGITS | range(0x41, 0x5a) | range(0x61, 0x7a) | range(0x5f, 0x5f);
const SPACE = range(0x09, 0x0d) | range(0x20, 0x20) | range(0xa0, 0xa0);

/** The bytes that a one-char element matches; null for anything longer or of no width. */
export function charsOf(element: AST.Element | AST.QuantifiableElement, fold: boolean): CharSet | null {
  switch (element.type) {
    case "Character":
      return element.value > 0xff ? 0n : folded(range(element.value, element.value), fold);
    case "CharacterSet":
      return escapeSet(element);
    case "CharacterClass": {
      const chars = element.elements.reduce((set, part) => set | classPart(part), 0n);
      const both = folded(chars, fold);
      return element.negate ? ALL_CHARS & ~both : both;
    }
    default:
      return null;
  }
}

function classPart(part: AST.CharacterClass["elements"][number]): CharSet {
  if (part.type === "Character") return part.value > 0xff ? 0n : range(part.value, part.value);
  if (part.type === "CharacterClassRange") return range(part.min.value, Math.min(part.max.value, 0xff));
  return part.type === "CharacterSet" ? escapeSet(part) : ALL_CHARS;
}

function escapeSet(set: AST.CharacterSet): CharSet {
  const chars =
    set.kind === "digit" ? DIGITS : set.kind === "word" ? WORD : set.kind === "space" ? SPACE : ALL_CHARS;
  return "negate" in set && set.negate ? ALL_CHARS & ~chars : chars;
}

function folded(chars: CharSet, fold: boolean): CharSet {
  if (!fold) return chars;
  const upper = chars & range(0x41, 0x5a);
  const lower = chars & range(0x61, 0x7a);
  // Beyond ASCII folding is not followed; every high byte stands for every other.
  const high = chars >> 128n === 0n ? 0n : range(0x80, 0xff);
  return chars | (upper << 32n) | (lower >> 32n) | high;
}

function range(from: number, to: number): CharSet {
  return from > to ? 0n : ((1n << BigInt(to - from + 1)) - 1n) << BigInt(from);
}
