/**
 * Reads a text as a database would and writes one character a token, so that sql-signs.ts can be a list of
 * short expressions over token kinds. Hard about it: dialects disagree on comments, quotes and escapes, and an
 * attacker takes whichever reading hides most. Where they disagree, the reading that shows more tokens is taken.
 *
 * One pass, no backtracking, never throws; every byte at or above 0x80 counts as a letter.
 */
import { readBlockComment, readLineComment } from "./sql-comments.ts";
import { CLASS, Class, SqlCursor } from "./sql-cursor.ts";
import { readVariable, readWord } from "./sql-names.ts";
import { readNumber } from "./sql-numbers.ts";
import { readOperator } from "./sql-operators.ts";
import { readQuotedName, readString } from "./sql-strings.ts";
import { SqlTokens } from "./sql-tokens.ts";

/**
 * Reads `text` from `start`. The tokens are one object that the next reading
 * fills anew: nearly all texts are told innocent by their kinds alone, without
 * a string of tokens ever being made.
 */
export function readSql(text: string, start: number): SqlTokens {
  tokens.clear(text.length - start);
  readTokens(new SqlCursor(text, start, tokens));
  return tokens;
}

const tokens = new SqlTokens();

function readTokens(cursor: SqlCursor): void {
  while (cursor.at < cursor.end) {
    const code = cursor.text.charCodeAt(cursor.at);
    const kind = CLASS[code & 0xff];
    if (kind === Class.space || code === 0xa0) cursor.at += 1;
    else if (code === 0xc2 && cursor.code(1) === 0xa0) cursor.at += 2;
    else if (kind === Class.letter) readWord(cursor);
    else if (kind === Class.digit) readNumber(cursor);
    else readSign(cursor, code);
  }
}

function readSign(cursor: SqlCursor, code: number): void {
  switch (code) {
    case 0x27: // '
    case 0x22: // "
      readString(cursor, code);
      return;
    case 0x60: // `name`
    case 0x5b: // [name]
      readQuotedName(cursor, code === 0x60 ? "`" : "]");
      return;
    case 0x28:
    case 0x29:
    case 0x2c:
    case 0x3b:
      cursor.push(String.fromCharCode(code), 1);
      return;
    case 0x40: // @
      readVariable(cursor);
      return;
    case 0x7b: // {
      readEscape(cursor);
      return;
    case 0x7d: // }
      if (cursor.escaped) cursor.at += 1;
      else cursor.push(".", 1);
      cursor.escaped = false;
      return;
    case 0x23: // #
      readLineComment(cursor, 1);
      return;
    case 0x2f: // slash
      if (cursor.code(1) === 0x2a) readBlockComment(cursor);
      else cursor.push("+", 1);
      return;
    case 0x2d: // -
      if (cursor.code(1) === 0x2d) readLineComment(cursor, 2);
      else cursor.push("+", 1);
      return;
    default:
      readOperator(cursor, code);
  }
}

/** The head of an ODBC escape, `{x 1}`, which stands for its value. */
const ESCAPE = /\{\s{0,3}`?[a-z_]\w{0,20}`?\s{1,3}(?=[\d'"(][^{}]{0,60}\})/iy;

function readEscape(cursor: SqlCursor): void {
  ESCAPE.lastIndex = cursor.at;
  const head = ESCAPE.exec(cursor.text);
  if (head === null) cursor.push(".", 1);
  else {
    cursor.escaped = true;
    cursor.at += head[0].length;
  }
}
