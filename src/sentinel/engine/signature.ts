/**
 * One pass over a value gives its signature (which kinds of chars occur, as
 * bits) and the literals that occur. Transformations and operators name the
 * bits without which they change or find nothing, so most values meet none.
 */
export const UPPER = 1 << 0;
export const SPACE = 1 << 1;
/** Two spaces in a row, or white space that is not a space. */
export const WIDE_SPACE = 1 << 2;
export const PERCENT = 1 << 3;
export const PLUS = 1 << 4;
export const AMPERSAND = 1 << 5;
export const BACKSLASH = 1 << 6;
export const SLASH = 1 << 7;
export const STAR = 1 << 8;
export const DOT = 1 << 9;
export const NUL = 1 << 10;
export const HIGH = 1 << 11;
export const DASH = 1 << 12;
export const HASH = 1 << 13;
export const ANGLE = 1 << 14;
export const QUOTE = 1 << 15;
export const BACKTICK = 1 << 16;
export const DOLLAR = 1 << 17;
export const PAREN = 1 << 18;
export const COMMA = 1 << 19;
export const CARET = 1 << 20;
export const EQUALS = 1 << 21;
export const DIGIT = 1 << 22;
export const LETTER = 1 << 23;
export const COLON = 1 << 24;
export const BRACE = 1 << 25;
export const CONTROL = 1 << 26;
/** A char of base64 or base64url. */
const RUN = 1 << 27;
export const SEMICOLON = 1 << 28;
export const BAR = 1 << 29;
export const QUESTION = 1 << 30;

/** Bits of each byte. */
export const BITS: Int32Array = kinds();

function kinds(): Int32Array {
  const bits = new Int32Array(256);
  const add = (chars: string, bit: number): void => {
    for (const char of chars) bits[char.charCodeAt(0)] = (bits[char.charCodeAt(0)] ?? 0) | bit;
  };
  const range = (from: number, to: number, bit: number): void => {
    for (let code = from; code <= to; code++) bits[code] = (bits[code] ?? 0) | bit;
  };
  range(0x41, 0x5a, UPPER | LETTER | RUN);
  range(0x61, 0x7a, LETTER | RUN);
  range(0x30, 0x39, DIGIT | RUN);
  add("+/-_", RUN);
  range(0x80, 0xff, HIGH);
  range(0x00, 0x1f, CONTROL);
  add("\t\n\v\f\r\xa0", WIDE_SPACE | SPACE);
  const single: readonly (readonly [string, number])[] = [
    [" ", SPACE],
    ["%", PERCENT],
    ["+", PLUS],
    ["&", AMPERSAND],
    ["\\", BACKSLASH],
    ["/", SLASH],
    ["*", STAR],
    [".", DOT],
    ["\0", NUL],
    ["-", DASH],
    ["#", HASH],
    ["<>", ANGLE],
    ["'\"", QUOTE],
    ["`", BACKTICK],
    ["$", DOLLAR],
    ["()", PAREN],
    [",;", COMMA],
    [";", SEMICOLON],
    ["|", BAR],
    ["?", QUESTION],
    ["^", CARET],
    ["=", EQUALS],
    [":", COLON],
    ["{}[]", BRACE],
  ];
  for (const [chars, bit] of single) add(chars, bit);
  return bits;
}

/** The signature alone, of a byte string, where no automaton runs. */
export function signatureOf(text: string): number {
  let signature = 0;
  for (let at = 0; at < text.length; at++) signature |= BITS[text.charCodeAt(at) & 0xff] ?? 0;
  return (signature & SPACE) !== 0 && text.includes("  ") ? signature | WIDE_SPACE : signature;
}

/** The first `most` runs of at least `length` letters, digits, `+`, `/`, `-` and `_`; looks at one char in `length` where there is none near. */
export function longRuns(text: string, length: number, most: number): string[] {
  const runs: string[] = [];
  let at = length - 1;
  while (at < text.length && runs.length < most) {
    let from = at;
    while (from >= 0 && isRunChar(text, from)) from--;
    let to = at + 1;
    if (from < at) while (to < text.length && isRunChar(text, to)) to++;
    if (to - from - 1 >= length) runs.push(text.slice(from + 1, to));
    at = to + length - 1;
  }
  return runs;
}

function isRunChar(text: string, at: number): boolean {
  return ((BITS[text.charCodeAt(at) & 0xff] ?? 0) & RUN) !== 0;
}
