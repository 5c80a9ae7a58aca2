/**
 * What a text can be to the grammar of SQL, told without reading it: the words and signs that occur anywhere in it
 * stand for the kinds of tokens it can have. That is more than there are, never fewer, so that what meets no sign
 * by these kinds need not be read: nearly all prose, apostrophes and all.
 */
import { Automaton } from "../engine/automaton.ts";
import * as bit from "../engine/signature.ts";
import { type Kinds, kindsOf } from "./sql-kinds.ts";
import { CALLED, PREFIXES, WORDS, wordKind } from "./sql-words.ts";

/** Words are known by their beginnings, which keeps the automaton small. */
const BEGINNING = 5;

/** Kinds of tokens that signs of the text make. */
const BY_SIGNATURE: readonly (readonly [bits: number, kinds: Kinds])[] = [
  [bit.DIGIT, kindsOf("n")],
  [bit.QUOTE, kindsOf("sqQ")],
  [bit.PAREN, kindsOf("()")],
  [bit.COMMA, kindsOf(",;")],
  [bit.ANGLE | bit.EQUALS | bit.COLON, kindsOf("=")],
  [bit.DASH | bit.SLASH | bit.HASH, kindsOf("klY")],
  [bit.AMPERSAND, kindsOf("&")],
  [bit.BACKSLASH, kindsOf("0")],
];

/** What any text may have. */
const ANY = kindsOf("wd.+");

const BY_TEXT: readonly (readonly [text: string, kinds: string])[] = [
  ["0x", "#"],
  ["@", "vV"],
  ["|", "|"],
  ["!", "!="],
  ["~", "="],
];

interface Vocabulary {
  readonly automaton: Automaton;
  /** By literal. */
  readonly kinds: readonly Kinds[];
  /** Kinds of what is a call where a bracket follows. */
  readonly called: readonly Kinds[];
}

let vocabulary: Vocabulary | null = null;

/** Made at the first use. */
function build(): Vocabulary {
  const plain = new Map<string, string>();
  const called = new Map<string, string>();
  const add = (map: Map<string, string>, text: string, kinds: string): void => {
    const beginning = text.slice(0, BEGINNING);
    map.set(beginning, (map.get(beginning) ?? "") + kinds);
  };
  for (const [text, kinds] of BY_TEXT) add(plain, text, kinds);
  for (const [word, kind] of WORDS) add(plain, word, kind);
  for (const [prefix, kind] of PREFIXES) add(plain, prefix, kind);
  for (const [word, kind] of CALLED) add(called, word, kind);
  const texts = [...new Set([...plain.keys(), ...called.keys()])];
  return {
    automaton: new Automaton(texts),
    kinds: texts.map((text) => kindsOf(plain.get(text) ?? "")),
    called: texts.map((text) => kindsOf(called.get(text) ?? "")),
  };
}

/** Every kind of token that `readSql` can find in a text, wherever it begins to read. */
export function possibleKinds(text: string): Kinds {
  const { automaton, kinds, called } = (vocabulary ??= build());
  const { signature, hits } = automaton.scan(text);
  let { signs, upper, lower } = ANY;
  const add = (more: Kinds | undefined): void => {
    if (more === undefined) return;
    signs |= more.signs;
    upper |= more.upper;
    lower |= more.lower;
  };
  for (const [bits, more] of BY_SIGNATURE) if ((signature & bits) !== 0) add(more);
  const calls = (signature & bit.PAREN) !== 0;
  for (const hit of hits) {
    add(kinds[hit]);
    if (calls) add(called[hit]);
  }
  return { signs, upper, lower };
}

/** Whether a text can go on behind a number, or what stands for it before a closing bracket, that it begins with. */
export function mayFollowNumber(text: string): boolean {
  return text.includes(")") || NUMBER.test(text);
}

const NUMBER = /^\s*(?:[^a-z\x80-\xff'"\s]|\xa0|\xc2\xa0|true|false|null)/i;

/** Whether what stands at `at`, closing brackets aside, can be one of `heads`, kinds by their codes. */
export function mayBegin(text: string, at: number, heads: ReadonlySet<number>): boolean {
  BEGIN.lastIndex = at;
  const word = BEGIN.exec(text)?.[1];
  if (word === undefined) return true;
  return /^[a-z]/i.test(word) && heads.has(wordKind(word.toLowerCase(), false).charCodeAt(0));
}

const BEGIN = /[\s)]*([a-z0-9]{1,64})/iy;
