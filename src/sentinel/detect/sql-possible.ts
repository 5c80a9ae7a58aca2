/**
 * What a text can be to the grammar of SQL, told by a scan alone: the words and signs that occur anywhere in it
 * stand for the kinds of tokens it can have. That is more than there are, never fewer, so that what meets no sign
 * by these kinds need not be read: nearly all prose, apostrophes and all.
 */
import * as bit from "../engine/signature.ts";
import type { Seen } from "./spend.ts";
import { type Kinds, kindsOf, overlap } from "./sql-kinds.ts";
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

/** Kinds of what is a call where a bracket opens, by letters that no token has. */
const BY_CALL: readonly (readonly [letter: string, kinds: string])[] = [
  ["J", "f"],
  ["P", "c"],
  ["Z", "z"],
  ["@", "h"],
];

const CALLS = BY_CALL.map(([letter, kinds]) => [kindsOf(letter), kindsOf(kinds)] as const);

/** Beginnings of words and signs with the kinds they stand for; of calls, their letters. */
export function sqlWords(): ReadonlyMap<string, string> {
  const words = new Map<string, string>();
  const add = (text: string, kinds: string): void => {
    const beginning = text.slice(0, BEGINNING);
    words.set(beginning, (words.get(beginning) ?? "") + kinds);
  };
  for (const [text, kinds] of BY_TEXT) add(text, kinds);
  for (const [word, kind] of WORDS) add(word, kind);
  for (const [prefix, kind] of PREFIXES) add(prefix, kind);
  const letters = new Map(BY_CALL.map(([letter, kind]) => [kind, letter]));
  for (const [word, kind] of CALLED) add(word, letters.get(kind) ?? "");
  return words;
}

/** Every kind of token that `readSql` can find in a text, wherever it begins to read. */
export function possibleKinds(seen: Seen): Kinds {
  const { signature } = seen;
  let signs = seen.signs | ANY.signs;
  let upper = seen.upper | ANY.upper;
  let lower = seen.lower | ANY.lower;
  const add = (more: Kinds): void => {
    signs |= more.signs;
    upper |= more.upper;
    lower |= more.lower;
  };
  for (const [bits, more] of BY_SIGNATURE) if ((signature & bits) !== 0) add(more);
  if ((signature & bit.PAREN) !== 0) for (const [letter, more] of CALLS) if (overlap(seen, letter)) add(more);
  return { signs, upper, lower };
}

/** Whether a text can go on behind a number, or what stands for it before a closing bracket, that it begins with. */
export function mayFollowNumber(text: string, signature: number): boolean {
  if ((signature & bit.PAREN) !== 0 && text.includes(")")) return true;
  return !BEGINS_WORD[text.charCodeAt(0) & 0xff] && NUMBER.test(text);
}

/** Letters that neither a number nor a name for one begins with. */
const BEGINS_WORD = Array.from({ length: 256 }, (_none, code) =>
  /[a-eg-mo-su-z]/i.test(String.fromCharCode(code)),
);
const NUMBER = /^\s*(?:[^a-z\x80-\xff'"\s]|\xa0|\xc2\xa0|true|false|null)/i;

/** Whether what stands at `at`, closing brackets aside, can be one of `heads`, kinds by their codes. */
export function mayBegin(text: string, at: number, heads: ReadonlySet<number>): boolean {
  BEGIN.lastIndex = at;
  const word = BEGIN.exec(text)?.[1];
  if (word === undefined) return true;
  return /^[a-z]/i.test(word) && heads.has(wordKind(word.toLowerCase(), false).charCodeAt(0));
}

const BEGIN = /[\s)]*([a-z0-9]{1,64})/iy;
