/**
 * SQL injection by grammar, not by phrase.
 *
 * A parameter becomes part of a statement in one of three places: as it is (a number, a name), inside single quotes,
 * or inside double quotes. For each of them the text is tokenised once (sql-tokens.ts) and the string of token kinds
 * is held against the signs of sql-signs.ts. A sign says what cannot be prose: `UNION SELECT` with a select list, a quote
 * broken out of and followed by an operator that compares, a comparison of two literals after AND or OR, a call of
 * a function that only an attacker calls. Words alone ("select union jack mugs", "drop table lamps") are no sign.
 *
 * Linear: at most three passes over the text, three more where its quotes or spaces are disguised; the expressions have no nested or adjacent unbounded repetitions and
 * run over kinds, not over bytes. The idea of judging token kinds comes from N. Galbreath's talk on libinjection
 * (Black Hat 2012); the grammar here is another one: signs with positions instead of a list of fingerprints.
 */
import { AFTER_NUMBER, AFTER_QUOTE, AFTER_SHORT_QUOTE, ANYWHERE, type Sign } from "./sql-signs.ts";
import { sqlTokens } from "./sql-tokens.ts";

/** One of these is in every injection; texts without any are not tokenised at all. */
const WORTH_READING =
  /['"=<>;@`#|*(]|--|&&|\b(?:union|select|order|group|having|waitfor|or|and|drop|exec|execute|truncate|grant|create|update|declare|call|into|procedure|delete|insert|alter|rlike|like|limit)\b/i;

/** Trying an expression on fewer tokens costs no more than looking for what it needs. */
const SHORT = 48;

/** A kind of token without which none of the signs that hold anywhere can. */
const TELLING = /[UY&|WHhzfCVSpreuXyg$Ic#om]/;

/** A number, and brackets that close what was opened around it. */
const NUMBER_HEAD = /^(?:\+{0,2}[n#01v]|\)|\+w?\)|w\)|s\))/;

/**
 * The sign of SQL injection in a text, or null.
 *
 * @param value byte string (one char a byte), already decoded
 * @returns `context:sign`, for example `single-quote:boolean-comparison`
 */
export function detectSqli(value: string): string | null {
  if (value.length < 3 || !WORTH_READING.test(value)) return null;
  const found = judge(value);
  if (found !== null) return found;
  const plain = undisguised(value);
  return plain === value ? null : judge(plain);
}

/** Without the bytes before quotes that swallow an escape (`\\'`, `%bf'`), and with `+` for the spaces that are missing. */
function undisguised(value: string): string {
  const quotes = /[\\\xbf\xdf]['"]/.test(value) ? value.replace(/[\\\xbf\xdf](?=['"])/g, "") : value;
  return quotes.includes("+") && !quotes.includes(" ") ? quotes.replaceAll("+", " ") : quotes;
}

function judge(value: string): string | null {
  const plain = sqlTokens(value, 0);
  const found = anywhere(plain);
  if (found !== null) return `plain:${found}`;
  if (NUMBER_HEAD.test(plain)) {
    const sign = first(AFTER_NUMBER, plain.replace(NUMBER_HEAD, ""));
    if (sign !== null) return `number:${sign}`;
  }
  return broken(value, "'", "single-quote") ?? broken(value, '"', "double-quote");
}

function broken(value: string, quote: string, context: string): string | null {
  const at = value.indexOf(quote);
  if (at < 0 || at === value.length - 1) return null;
  const tokens = sqlTokens(value, at + 1);
  const short = at <= 12 && !/\s/.test(value.slice(0, at)) ? first(AFTER_SHORT_QUOTE, tokens) : null;
  const sign = short ?? first(AFTER_QUOTE, tokens) ?? anywhere(tokens);
  return sign === null ? null : `${context}:${sign}`;
}

function anywhere(tokens: string): string | null {
  return TELLING.test(tokens) ? first(ANYWHERE, tokens) : null;
}

function first(signs: readonly Sign[], tokens: string): string | null {
  for (const { name, needs, expression } of signs)
    if ((tokens.length < SHORT || needs === undefined || hasAll(tokens, needs)) && expression.test(tokens))
      return name;
  return null;
}

function hasAll(tokens: string, kinds: string): boolean {
  for (const kind of kinds) if (!tokens.includes(kind)) return false;
  return true;
}
