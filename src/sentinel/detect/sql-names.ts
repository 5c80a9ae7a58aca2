/** Words, and variables: keywords, calls, names with dots in them. */
import { CLASS, Class, type SqlCursor } from "./sql-cursor.ts";
import { readPrefixedString } from "./sql-strings.ts";
import { mayMean, SERVER_VARIABLES, wordKind } from "./sql-words.ts";

const WORD = 0x77;
const GLUED = /(?:x?or|and)(?=\d)/iy;
/** `sleep`, a comment, `(5)`. */
const COMMENTED_CALL = /^(?:\/\*[^*]*\*\/)+\(/;

export function readWord(cursor: SqlCursor): void {
  const { text } = cursor;
  const start = cursor.at;
  if (start > 0 && CLASS[text.charCodeAt(start - 1) & 0xff] === Class.digit && readGlued(cursor)) return;
  let plain = true;
  let at = start;
  for (;;) {
    while (at < cursor.end) {
      const code = text.charCodeAt(at);
      if ((CLASS[code & 0xff] ?? 0) < Class.digit) break;
      if (code >= 0x80 && isNoBreakSpace(text, at)) break;
      if (code === 0x5f || code === 0x24) plain = false;
      at += 1;
    }
    // `schema.table`, `master..xp_cmdshell`
    let dot = at;
    while (dot < cursor.end && dot < at + 2 && text.charCodeAt(dot) === 0x2e) dot += 1;
    if (dot === at || dot >= cursor.end || CLASS[text.charCodeAt(dot) & 0xff] !== Class.letter) break;
    at = dot;
    plain = false;
  }
  if (at === start + 1 && at < cursor.end && readPrefixedString(cursor)) return;
  let kind = "w";
  if (!plain || mayMean(text.charCodeAt(start), text.charCodeAt(start + 1), at - start))
    kind = wordKind(text.slice(start, Math.min(at, start + 65)).toLowerCase(), isCalled(cursor, at, plain));
  if (kind !== "w") {
    cursor.left = -1;
    cursor.push(kind, at - start);
    return;
  }
  const again = cursor.compared && repeats(cursor, start, at);
  cursor.left = start;
  cursor.leftEnd = at;
  if (again) cursor.push("d", at - start);
  else pushWord(cursor, at);
}

/** `1or1=1`: an operator between two numbers needs no space. */
function readGlued(cursor: SqlCursor): boolean {
  GLUED.lastIndex = cursor.at;
  const found = GLUED.exec(cursor.text);
  if (found === null) return false;
  cursor.left = -1;
  cursor.push("&", found[0].length);
  return true;
}

/** `(` right behind, or a comment between; behind a space only for names that are no English words. */
function isCalled(cursor: SqlCursor, at: number, plain: boolean): boolean {
  const code = cursor.text.charCodeAt(at);
  if (code === 0x2f) return COMMENTED_CALL.test(cursor.text.slice(at, at + 64));
  return code === 0x28 || (!plain && code === 0x20 && cursor.text.charCodeAt(at + 1) === 0x28);
}

/** Whether the word from `start` to `end` is the one left of the comparison. */
function repeats(cursor: SqlCursor, start: number, end: number): boolean {
  if (cursor.left < 0 || end - start !== cursor.leftEnd - cursor.left || end - start > 64) return false;
  return (
    cursor.text.slice(start, end).toLowerCase() ===
    cursor.text.slice(cursor.left, cursor.leftEnd).toLowerCase()
  );
}

/** Words in a row say no more than four of them. */
function pushWord(cursor: SqlCursor, end: number): void {
  cursor.run += 1;
  if (cursor.run <= 4) cursor.out.add(WORD);
  cursor.at = end;
  cursor.compared = false;
}

export function readVariable(cursor: SqlCursor): void {
  let at = cursor.at + 1;
  while (at < cursor.end && cursor.text.charCodeAt(at) === 0x40) at += 1;
  while (
    at < cursor.end &&
    ((CLASS[cursor.text.charCodeAt(at) & 0xff] ?? 0) >= Class.digit || cursor.text.charCodeAt(at) === 0x2e)
  )
    at += 1;
  const name = cursor.text.slice(cursor.at, Math.min(at, cursor.at + 64)).toLowerCase();
  cursor.push(SERVER_VARIABLES.test(name) ? "V" : "v", at - cursor.at);
}

/** A0 alone is a space to MySQL, C2 A0 to all that read UTF-8; behind another byte above 0x7F it ends a letter. */
function isNoBreakSpace(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  if (code === 0xc2) return text.charCodeAt(at + 1) === 0xa0;
  return code === 0xa0 && (at === 0 || text.charCodeAt(at - 1) < 0x80);
}
