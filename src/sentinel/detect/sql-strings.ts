/** Strings, and names in quotes of their own. */
import type { SqlCursor } from "./sql-cursor.ts";

/** An open string of up to this many characters may be all an attacker writes: `' or '1`. */
const SHORT = 2;

/** A string from its opening quote; a doubled or escaped quote stays inside. */
export function readString(cursor: SqlCursor, quote: number): void {
  const from = cursor.at + 1;
  let at = from;
  for (;;) {
    if (at >= cursor.end) {
      cursor.push(cursor.end - from <= SHORT ? "q" : "Q", cursor.end - cursor.at);
      return;
    }
    const code = cursor.text.charCodeAt(at);
    if (code === 0x5c) at += 2;
    else if (code === quote) {
      if (at + 1 < cursor.end && cursor.text.charCodeAt(at + 1) === quote) at += 2;
      else break;
    } else at += 1;
  }
  cursor.push("s", at + 1 - cursor.at);
}

/** `N'text'`, `x'4142'`: the letter belongs to the string. */
export function readPrefixedString(cursor: SqlCursor): boolean {
  const letter = cursor.text.charCodeAt(cursor.at) | 0x20;
  if (cursor.text.charCodeAt(cursor.at + 1) !== 0x27) return false;
  if (letter !== 0x6e && letter !== 0x78 && letter !== 0x62) return false;
  if (cursor.text.indexOf("'", cursor.at + 2) < 0) return false;
  cursor.at += 1;
  readString(cursor, 0x27);
  return true;
}

export function readQuotedName(cursor: SqlCursor, close: string): void {
  const length = cursor.text.slice(cursor.at + 1, cursor.at + 64).indexOf(close);
  if (length > 0) {
    const end = cursor.at + 1 + length;
    const word = cursor.text.slice(cursor.at + 1, end).toLowerCase();
    if (!/[^\w$ .]/.test(word)) {
      const schema =
        /^(?:information_schema|mysql|sys|pg_catalog)$/.test(word) &&
        cursor.code(end + 1 - cursor.at) === 0x2e;
      cursor.push(schema ? "m" : "w", end + 1 - cursor.at);
      return;
    }
  }
  cursor.push(".", 1);
}
