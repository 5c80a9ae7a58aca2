/**
 * SQL injection by grammar, not by phrase.
 *
 * A parameter becomes part of a statement in one of three places: as it is (a number, a name), inside single quotes,
 * or inside double quotes. For each of them the text is tokenised once (sql-reader.ts) and the string of token kinds
 * is held against the signs of sql-signs.ts. A sign says what cannot be prose: `UNION SELECT` with a select list, a quote
 * broken out of and followed by an operator that compares, a comparison of two literals after AND or OR, a call of
 * a function that only an attacker calls. Words alone ("select union jack mugs", "drop table lamps") are no sign.
 *
 * Linear: at most three passes over the text, three more where its quotes or spaces are disguised; the expressions have no nested or adjacent unbounded repetitions and
 * run over kinds, not over bytes. The idea of judging token kinds comes from N. Galbreath's talk on libinjection
 * (Black Hat 2012); the grammar here is another one: signs with positions instead of a list of fingerprints.
 */
import * as bit from "../engine/signature.ts";
import { codeOf, codesOf, type Kinds, meets, overlap, tellingOf } from "./sql-kinds.ts";
import { mayBegin, mayFollowNumber, possibleKinds } from "./sql-possible.ts";
import { readSql } from "./sql-reader.ts";
import {
  AFTER_NUMBER,
  AFTER_QUOTE,
  AFTER_SHORT_QUOTE,
  ANYWHERE,
  HEADS_AFTER_NUMBER,
  HEADS_AFTER_QUOTE,
  type Sign,
} from "./sql-signs.ts";
import { type Detect, free, type Seen, type Spend } from "./spend.ts";
import type { SqlTokens } from "./sql-tokens.ts";
import { see } from "./vocabulary.ts";

/** Most texts hold no kind of these, and no sign. */
const TELLING = tellingOf(ANYWHERE.map(({ needs }) => needs));

const PLUS = codeOf("+");
const CLOSING = codeOf(")");
const WORD = codeOf("w");
const STRING = codeOf("s");
const NUMBERS = codesOf("n#01v");

/**
 * The sign of SQL injection in a text, or null.
 *
 * @returns `context:sign`, for example `single-quote:boolean-comparison`
 */
export const detectSqli: Detect = (value, spend = free, seen = see(value)) => {
  if (value.length < 3) return null;
  const found = judge(value, spend, seen);
  if (found !== null) return found;
  const plain = undisguised(value, seen.signature);
  return plain === value ? null : judge(plain, spend, see(plain));
};

/** Units a char (of signs: a token) that each pass takes. */
const COST = { telling: 4, reading: 10, signs: 20 };

/** Without the bytes before quotes that swallow an escape (`\\'`, `%bf'`), with quotes of a kind that are doubled once, and with `+` for the spaces that are missing. */
function undisguised(value: string, signature: number): string {
  let quotes = value;
  if ((signature & bit.QUOTE) !== 0) {
    if ((signature & (bit.BACKSLASH | bit.HIGH)) !== 0) quotes = value.replace(/[\\\xbf\xdf](?=['"])/g, "");
    if (DOUBLED.test(quotes)) quotes = quotes.replace(/(["'])\1{1,3}/g, "$1");
  }
  return (signature & bit.PLUS) !== 0 && !quotes.includes(" ") ? quotes.replaceAll("+", " ") : quotes;
}

/** `"" or ""a""=""a`: written for a place where quotes are doubled, all of them. */
const DOUBLED = /(["'])\1[^"']{0,40}\1\1/;

function judge(value: string, spend: Spend, seen: Seen): string | null {
  spend(value.length * COST.telling);
  const anywhere = mayHold(possibleKinds(seen));
  if (anywhere || mayFollowNumber(value, seen.signature)) {
    spend(value.length * COST.reading);
    const tokens = readSql(value, 0);
    const found = anywhere ? signAnywhere(tokens, spend) : null;
    if (found !== null) return `plain:${found}`;
    const sign = afterNumber(tokens);
    if (sign !== null) return `number:${sign}`;
  }
  if ((seen.signature & bit.QUOTE) === 0) return null;
  return broken(value, "'", anywhere, spend) ?? broken(value, '"', anywhere, spend);
}

/** Whether a text of these kinds of tokens can hold a sign that holds wherever it is met. */
function mayHold(kinds: Kinds): boolean {
  return overlap(kinds, TELLING) && ANYWHERE.some(({ needs }) => meets(kinds, needs));
}

/** The text goes on behind a number, or behind what closes the brackets that it was written into. */
function afterNumber(tokens: SqlTokens): string | null {
  const head = numberHead(tokens);
  if (head === 0 || !begins(tokens, head, HEADS_AFTER_NUMBER)) return null;
  return first(AFTER_NUMBER, tokens.text(head));
}

/** How many tokens make up the number, or what stands for it before a closing bracket; 0: none. */
function numberHead(tokens: SqlTokens): number {
  let signs = 0;
  while (signs < 2 && tokens.at(signs) === PLUS) signs++;
  if (NUMBERS.has(tokens.at(signs))) return signs + 1;
  if (tokens.at(0) === CLOSING) return 1;
  const operand = tokens.at(0) === PLUS ? 1 : 0;
  if (operand === 1 && tokens.at(1) === CLOSING) return 2;
  const kind = tokens.at(operand);
  const named = kind === WORD || (kind === STRING && operand === 0);
  return named && tokens.at(operand + 1) === CLOSING ? operand + 2 : 0;
}

/** Whether the token at `from`, closing brackets aside, is one of `heads`. */
function begins(tokens: SqlTokens, from: number, heads: ReadonlySet<number>): boolean {
  let at = from;
  while (tokens.at(at) === CLOSING) at++;
  return heads.has(tokens.at(at));
}

const CONTEXTS = { "'": "single-quote", '"': "double-quote" };

function broken(value: string, quote: keyof typeof CONTEXTS, anywhere: boolean, spend: Spend): string | null {
  const at = value.indexOf(quote);
  if (at < 0 || at === value.length - 1) return null;
  if (!anywhere && !mayBegin(value, at + 1, HEADS_AFTER_QUOTE)) return null;
  spend((value.length - at) * COST.reading);
  const tokens = readSql(value, at + 1);
  const sign = behindQuote(value, at, tokens) ?? (anywhere ? signAnywhere(tokens, spend) : null);
  return sign === null ? null : `${CONTEXTS[quote]}:${sign}`;
}

function behindQuote(value: string, at: number, tokens: SqlTokens): string | null {
  if (!begins(tokens, 0, HEADS_AFTER_QUOTE)) return null;
  const text = tokens.text(0);
  const short = at <= 12 && !/\s/.test(value.slice(0, at)) ? first(AFTER_SHORT_QUOTE, text) : null;
  return short ?? first(AFTER_QUOTE, text);
}

function signAnywhere(tokens: SqlTokens, spend: Spend): string | null {
  if (!overlap(tokens, TELLING)) return null;
  spend(tokens.length * COST.signs);
  let text: string | null = null;
  for (const { name, needs, expression } of ANYWHERE) {
    if (!meets(tokens, needs)) continue;
    if (expression.test((text ??= tokens.text(0)))) return name;
  }
  return null;
}

function first(signs: readonly Sign[], tokens: string): string | null {
  return signs.find(({ expression }) => expression.test(tokens))?.name ?? null;
}
