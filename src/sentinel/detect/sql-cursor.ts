/** Where reading a text as SQL has come to, and what is remembered on the way; the readers of sql-*.ts move it on. */
import type { SqlTokens } from "./sql-tokens.ts";

/** What a byte is to SQL; every byte at or above 0x80 counts as a letter. */
export const Class = { other: 0, space: 1, digit: 2, letter: 3 } as const;
export const CLASS = new Uint8Array(256);
for (let code = 0; code < 256; code += 1) {
  const digit = code >= 0x30 && code <= 0x39;
  const letter = (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;
  if (code <= 0x20) CLASS[code] = Class.space;
  else if (digit) CLASS[code] = Class.digit;
  else if ((letter && code < 0x80) || code >= 0x80 || code === 0x5f || code === 0x24)
    CLASS[code] = Class.letter;
}

export class SqlCursor {
  readonly text: string;
  readonly end: number;
  readonly out: SqlTokens;
  at: number;
  /** Where the last word stands, to find `x=x`; -1 where the last word was a keyword. */
  left = -1;
  leftEnd = -1;
  /** Words in a row. */
  run = 0;
  compared = false;
  /** Inside an ODBC escape. */
  escaped = false;
  /** A line break not yet passed. */
  line = -1;

  constructor(text: string, start: number, out: SqlTokens) {
    this.text = text;
    this.end = text.length;
    this.out = out;
    this.at = start;
  }

  /** The char so far ahead; 0 behind the end. */
  code(offset: number): number {
    const at = this.at + offset;
    return at < this.end ? this.text.charCodeAt(at) : 0;
  }

  /** Writes a token of so many chars. */
  push(kind: string, length: number): void {
    this.out.add(kind.charCodeAt(0));
    this.run = 0;
    this.at += length;
    if (kind !== "=") this.compared = false;
  }
}
