/** The words that detectors ask for before they read a text, for the one automaton that looks at every text. */
import { Automaton, type Vocabulary } from "../engine/automaton.ts";
import { type Kinds, kindsOf } from "./sql-kinds.ts";
import { sqlWords } from "./sql-possible.ts";
import type { Seen } from "./spend.ts";

/** The word `document`, as a letter that no token of SQL has. */
export const DOCUMENT: Kinds = kindsOf("_");

export const VOCABULARY: Vocabulary = new Map([
  ...[...sqlWords()].map(([word, kinds]) => [word, kindsOf(kinds)] as const),
  ["document", DOCUMENT] as const,
]);

let automaton: Automaton | null = null;

/** For texts that were not scanned: those that detectors make themselves. */
export function see(text: string): Seen {
  automaton ??= new Automaton([], VOCABULARY);
  return automaton.scan(text);
}
