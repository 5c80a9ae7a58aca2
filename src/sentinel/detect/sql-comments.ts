/** Comments: dialects disagree on what ends them, and on what is one. */
import { CLASS, Class, type SqlCursor } from "./sql-cursor.ts";

/** A comment with no more than this behind it closes the text. */
const COMMENT_REST = 8;
/** A comment of words that dialects read differently is one up to this length. */
const LINE_WORDS = 33;

/**
 * `--` and `#`. A comment that ends with its line is white space; `#` only with no more than a few words,
 * because to most databases it is an operator. What follows a last one is read all the same where the
 * dialects differ, and noted.
 */
export function readLineComment(cursor: SqlCursor, length: number): void {
  const line = commentLine(cursor, length);
  if (line > 0) {
    cursor.at += line;
    return;
  }
  let rest = cursor.end - cursor.at - length;
  if (rest > COMMENT_REST) {
    cursor.push("l", length);
    if (length === 2 && CLASS[cursor.code(0) & 0xff] === Class.space) cursor.at = cursor.end;
    return;
  }
  const tail = cursor.text.slice(cursor.end - rest);
  rest = tail.trim().length;
  if (rest === 0 || !/["'`]|[^\s\d+-].*\s|^\d/.test(tail.trimEnd())) cursor.push("k", cursor.end - cursor.at);
  else cursor.push("l", length);
}

/** The length of a comment that ends with a line, its break included; 0: it is another. */
function commentLine(cursor: SqlCursor, length: number): number {
  const from = cursor.at + length;
  const line = lineEnd(cursor, from);
  if (line === cursor.end) return 0;
  const everywhere = length === 2 && CLASS[cursor.text.charCodeAt(from) & 0xff] === Class.space;
  if (!everywhere && (line - from > LINE_WORDS || !/^[\w \t-]*\r?$/.test(cursor.text.slice(from, line))))
    return 0;
  return line + 1 - cursor.at;
}

/** The next line break; looked for once a line, however many comments may begin in it. */
function lineEnd(cursor: SqlCursor, from: number): number {
  if (cursor.line < from) {
    const found = cursor.text.indexOf("\n", from);
    cursor.line = found < 0 ? cursor.end : found;
  }
  return cursor.line;
}

export function readBlockComment(cursor: SqlCursor): void {
  if (
    cursor.code(2) === 0x21 &&
    (cursor.code(3) === 0x4d || (CLASS[cursor.code(3) & 0xff] ?? 0) >= Class.digit)
  ) {
    // MySQL runs what is inside `/*!12345 ... */`
    cursor.push("Y", 3);
    while (cursor.at < cursor.end && CLASS[cursor.code(0) & 0xff] === Class.digit) cursor.at += 1;
    return;
  }
  const close = cursor.text.indexOf("*/", cursor.at + 2);
  if (close < 0) cursor.push(cursor.end - cursor.at - 2 <= COMMENT_REST ? "k" : "l", cursor.end - cursor.at);
  else cursor.at = close + 2;
}
