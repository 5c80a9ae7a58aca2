/** Operators, and signs that are none. */
import { CLASS, Class, type SqlCursor } from "./sql-cursor.ts";
import { readNumber } from "./sql-numbers.ts";

export function readOperator(cursor: SqlCursor, code: number): void {
  const next = cursor.code(1);
  switch (code) {
    case 0x3d: // =
    case 0x3c: // <
    case 0x3e: // >
    case 0x21: // !
    case 0x7e: // ~
      readComparison(cursor, code, next);
      return;
    case 0x3a: // :
      if (next === 0x3d) cursor.push("=", 2);
      else if (next === 0x3a) {
        // `value::type`
        cursor.at += 2;
        while (cursor.at < cursor.end && (CLASS[cursor.code(0) & 0xff] ?? 0) >= Class.digit) cursor.at += 1;
      } else cursor.push(".", 1);
      return;
    case 0x7c: // |
      if (next === 0x7c) cursor.push("|", 2);
      else cursor.push("+", 1);
      return;
    case 0x26: // &
      if (next === 0x26) cursor.push("&", 2);
      else cursor.push("+", 1);
      return;
    case 0x2a: // *
      if (next === 0x2f) cursor.at += 2;
      else cursor.push("+", 1);
      return;
    case 0x2b: // +
    case 0x25: // %
    case 0x5e: // ^
      cursor.push("+", 1);
      return;
    case 0x2e: // .5
      if (CLASS[next & 0xff] === Class.digit) {
        cursor.at += 1;
        readNumber(cursor);
      } else cursor.push(".", 1);
      return;
    case 0x5c: // \
      if (next === 0x4e) cursor.push("0", 2);
      else cursor.push(".", 1);
      return;
    default:
      cursor.push(".", 1);
  }
}

function readComparison(cursor: SqlCursor, code: number, next: number): void {
  let length = 1;
  if (code === 0x21 || code === 0x7e) {
    if (next !== 0x3d && next !== 0x7e && (next !== 0x2a || code === 0x21)) {
      cursor.push(code === 0x21 ? "!" : "+", 1);
      return;
    }
  }
  while (length < 3 && isComparison(cursor.code(length))) length += 1;
  cursor.compared = true;
  cursor.push("=", length);
  cursor.compared = true;
}

function isComparison(code: number): boolean {
  return code === 0x3d || code === 0x3c || code === 0x3e || code === 0x2a;
}
