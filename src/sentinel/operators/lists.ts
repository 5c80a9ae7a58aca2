import { Automaton } from "../engine/automaton.ts";
import { lowercase } from "../transformations/text.ts";
import type { Matcher } from "./matcher.ts";

const WEIGHT = 1;

/**
 * The value contains one of the phrases, ignoring ASCII case. The automaton of all rules knows phrases by their
 * beginnings alone, so an automaton of its own, made at the first use, looks for them whole.
 */
export function phrases(list: readonly string[]): Matcher {
  const lower = list.map((phrase) => lowercase(phrase)).filter((phrase) => phrase !== "");
  let automaton: Automaton | null = null;
  const find = (text: string): string | undefined => {
    if (lower.length < list.length) return "";
    automaton ??= new Automaton(lower);
    return lower[automaton.scan(text).hits[0] ?? -1];
  };
  return { weight: 4, test: (text) => find(text) !== undefined, excerpt: (text) => find(text) ?? "" };
}

/** As `phrases`, with no letter, digit or underscore on either side. */
export function words(list: readonly string[]): Matcher {
  const lower = list.map((word) => lowercase(word));
  const find = (text: string): string | undefined => {
    const folded = lowercase(text);
    return lower.find((word) => holdsWord(folded, word));
  };
  return { weight: WEIGHT, test: (text) => find(text) !== undefined, excerpt: (text) => find(text) ?? "" };
}

function holdsWord(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    if (!isWordChar(text.charCodeAt(at - 1)) && !isWordChar(text.charCodeAt(at + word.length))) return true;
  }
  return false;
}

function isWordChar(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39) || code === 0x5f || code >= 0x80;
}

/** Comparisons with each entry, minding case. */
export function anyOf(list: readonly string[], holds: (text: string, entry: string) => boolean): Matcher {
  const find = (text: string): string | undefined => list.find((entry) => holds(text, entry));
  return { weight: WEIGHT, test: (text) => find(text) !== undefined, excerpt: (text) => find(text) ?? "" };
}

/** The whole value is an entry, ignoring ASCII case. */
export function within(list: readonly string[]): Matcher {
  const known = new Set(list.map((entry) => lowercase(entry)));
  return { weight: 0, test: (text) => known.has(lowercase(text)), excerpt: (text) => text };
}
