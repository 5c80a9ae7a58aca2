/**
 * The tokens of a text, one character each, as sql-reader.ts writes them and the signs of sql-signs.ts are held
 * against them.
 *
 * Kinds besides the keywords of sql-words.ts:
 * `n` number, `#` long hexadecimal number, `s` string, `q` and `Q` string without an end (short, long),
 * `w` word, `d` the word left of the comparison again, `v` @variable, `V` server variable, `(` `)` `,` `;`,
 * `=` comparison, `|` the operator ||, `+` any other operator, `k` comment that ends the text (or nearly),
 * `l` comment with text behind it, `Y` comment that MySQL executes, `.` anything else.
 */
import type { Kinds } from "./sql-kinds.ts";

const ascii = new TextDecoder();
/** Room for a text of usual length is kept. */
const KEPT_ROOM = 4_096;

/** Tokens of one text, by their kinds' character codes. */
export class SqlTokens implements Kinds {
  length = 0;
  signs = 0;
  upper = 0;
  lower = 0;
  private codes = new Uint8Array(256);

  /** Makes room for the tokens of so many bytes. */
  clear(bytes: number): void {
    this.length = 0;
    this.signs = 0;
    this.upper = 0;
    this.lower = 0;
    if (bytes > this.codes.length || this.codes.length > KEPT_ROOM)
      this.codes = new Uint8Array(Math.max(bytes, 256));
  }

  add(code: number): void {
    this.codes[this.length++] = code;
    const bit = 1 << (code & 31);
    if (code < 0x40) this.signs |= bit;
    else if (code < 0x60) this.upper |= bit;
    else this.lower |= bit;
  }

  /** The code of a token; 0 behind the last one. */
  at(index: number): number {
    return index < this.length ? (this.codes[index] ?? 0) : 0;
  }

  /** All tokens from one on, one character each. */
  text(from: number): string {
    return ascii.decode(this.codes.subarray(from, this.length));
  }
}
