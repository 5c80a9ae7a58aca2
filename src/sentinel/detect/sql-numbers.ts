/** Numbers: decimal, with an exponent, hexadecimal. */
import { CLASS, Class, type SqlCursor } from "./sql-cursor.ts";

export function readNumber(cursor: SqlCursor): void {
  const { text } = cursor;
  let at = cursor.at;
  if (text.charCodeAt(at) === 0x30 && (cursor.code(1) | 0x20) === 0x78) {
    at += 2;
    while (at < cursor.end && isHex(text.charCodeAt(at))) at += 1;
    const length = at - cursor.at;
    cursor.push(length >= 6 && length % 2 === 0 ? "#" : "n", length);
    return;
  }
  const digits = (): void => {
    while (at < cursor.end && CLASS[text.charCodeAt(at) & 0xff] === Class.digit) at += 1;
  };
  digits();
  if (at < cursor.end && text.charCodeAt(at) === 0x2e) {
    at += 1;
    digits();
  }
  const exponent = at;
  if (at < cursor.end && (text.charCodeAt(at) | 0x20) === 0x65) {
    at += 1;
    const from = at;
    digits();
    if (at === from) at = exponent;
  }
  cursor.push("n", at - cursor.at);
}

function isHex(code: number): boolean {
  const low = code | 0x20;
  return (code >= 0x30 && code <= 0x39) || (low >= 0x61 && low <= 0x66);
}
