/**
 * Reads a text as a database would and writes one character a token, so that sql-signs.ts can be a list of
 * short expressions over token kinds. Hard about it: dialects disagree on comments, quotes and escapes, and an
 * attacker takes whichever reading hides most. Where they disagree, the reading that shows more tokens is taken.
 *
 * One pass, no backtracking, never throws; every byte at or above 0x80 counts as a letter.
 */
import { SqlTokens } from "./sql-tokens.ts";
import { mayMean, SERVER_VARIABLES, wordKind } from "./sql-words.ts";

const Class = { other: 0, space: 1, digit: 2, letter: 3 } as const;
const CLASS = new Uint8Array(256);
for (let code = 0; code < 256; code += 1) {
  const digit = code >= 0x30 && code <= 0x39;
  const letter = (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;
  if (code <= 0x20) CLASS[code] = Class.space;
  else if (digit) CLASS[code] = Class.digit;
  else if ((letter && code < 0x80) || code >= 0x80 || code === 0x5f || code === 0x24)
    CLASS[code] = Class.letter;
}

const WORD = 0x77;
/** An open string of up to this many characters may be all an attacker writes: `' or '1`. */
const SHORT = 2;
/** A comment with no more than this behind it closes the text. */
const COMMENT_REST = 8;
/** A comment of words that dialects read differently is one up to this length. */
const LINE_WORDS = 33;

/**
 * Reads `text` from `start`. The tokens are one object that the next reading
 * fills anew: nearly all texts are told innocent by their kinds alone, without
 * a string of tokens ever being made.
 */
export function readSql(text: string, start: number): SqlTokens {
  tokens.clear(text.length - start);
  new Reader(text, start, tokens).read();
  return tokens;
}

const tokens = new SqlTokens();

const GLUED = /(?:x?or|and)(?=\d)/iy;

/** `sleep`, a comment, `(5)`. */
const COMMENTED_CALL = /^(?:\/\*[^*]*\*\/)+\(/;
/** The head of an ODBC escape, `{x 1}`, which stands for its value. */
const ESCAPE = /\{\s{0,3}`?[a-z_]\w{0,20}`?\s{1,3}(?=[\d'"(][^{}]{0,60}\})/iy;

class Reader {
  private readonly text: string;
  private readonly end: number;
  private readonly out: SqlTokens;
  private at: number;
  /** Where the last word stands, to find `x=x`; -1 where the last word was a keyword. */
  private left = -1;
  private leftEnd = -1;
  /** Words in a row. */
  private run = 0;
  private compared = false;
  /** Inside an ODBC escape. */
  private escaped = false;
  /** A line break not yet passed. */
  private line = -1;

  constructor(text: string, start: number, out: SqlTokens) {
    this.text = text;
    this.end = text.length;
    this.out = out;
    this.at = start;
  }

  read(): void {
    while (this.at < this.end) {
      const code = this.text.charCodeAt(this.at);
      const kind = CLASS[code & 0xff];
      if (kind === Class.space || code === 0xa0) this.at += 1;
      else if (code === 0xc2 && this.code(1) === 0xa0) this.at += 2;
      else if (kind === Class.letter) this.word();
      else if (kind === Class.digit) this.number();
      else this.sign(code);
    }
  }

  private code(offset: number): number {
    const at = this.at + offset;
    return at < this.end ? this.text.charCodeAt(at) : 0;
  }

  private push(kind: string, length: number): void {
    this.out.add(kind.charCodeAt(0));
    this.run = 0;
    this.at += length;
    if (kind !== "=") this.compared = false;
  }

  private word(): void {
    const { text } = this;
    const start = this.at;
    if (start > 0 && CLASS[text.charCodeAt(start - 1) & 0xff] === Class.digit && this.glued()) return;
    let plain = true;
    let at = start;
    for (;;) {
      while (at < this.end) {
        const code = text.charCodeAt(at);
        if ((CLASS[code & 0xff] ?? 0) < Class.digit) break;
        if (code >= 0x80 && isNoBreakSpace(text, at)) break;
        if (code === 0x5f || code === 0x24) plain = false;
        at += 1;
      }
      // `schema.table`, `master..xp_cmdshell`
      let dot = at;
      while (dot < this.end && dot < at + 2 && text.charCodeAt(dot) === 0x2e) dot += 1;
      if (dot === at || dot >= this.end || CLASS[text.charCodeAt(dot) & 0xff] !== Class.letter) break;
      at = dot;
      plain = false;
    }
    if (at === start + 1 && at < this.end && this.prefixedString()) return;
    let kind = "w";
    if (!plain || mayMean(text.charCodeAt(start), text.charCodeAt(start + 1), at - start))
      kind = wordKind(text.slice(start, Math.min(at, start + 65)).toLowerCase(), this.isCalled(at, plain));
    if (kind !== "w") {
      this.left = -1;
      this.push(kind, at - start);
      return;
    }
    const again = this.compared && this.repeats(start, at);
    this.left = start;
    this.leftEnd = at;
    if (again) this.push("d", at - start);
    else this.pushWord(at);
  }

  /** `1or1=1`: an operator between two numbers needs no space. */
  private glued(): boolean {
    GLUED.lastIndex = this.at;
    const found = GLUED.exec(this.text);
    if (found === null) return false;
    this.left = -1;
    this.push("&", found[0].length);
    return true;
  }

  /** `(` right behind, or a comment between; behind a space only for names that are no English words. */
  private isCalled(at: number, plain: boolean): boolean {
    const code = this.text.charCodeAt(at);
    if (code === 0x2f) return COMMENTED_CALL.test(this.text.slice(at, at + 64));
    return code === 0x28 || (!plain && code === 0x20 && this.text.charCodeAt(at + 1) === 0x28);
  }

  /** Whether the word from `start` to `end` is the one left of the comparison. */
  private repeats(start: number, end: number): boolean {
    if (this.left < 0 || end - start !== this.leftEnd - this.left || end - start > 64) return false;
    return (
      this.text.slice(start, end).toLowerCase() === this.text.slice(this.left, this.leftEnd).toLowerCase()
    );
  }

  /** Words in a row say no more than four of them. */
  private pushWord(end: number): void {
    this.run += 1;
    if (this.run <= 4) this.out.add(WORD);
    this.at = end;
    this.compared = false;
  }

  /** `N'text'`, `x'4142'`: the letter belongs to the string. */
  private prefixedString(): boolean {
    const letter = this.text.charCodeAt(this.at) | 0x20;
    if (this.text.charCodeAt(this.at + 1) !== 0x27) return false;
    if (letter !== 0x6e && letter !== 0x78 && letter !== 0x62) return false;
    if (this.text.indexOf("'", this.at + 2) < 0) return false;
    this.at += 1;
    this.string(0x27);
    return true;
  }

  private number(): void {
    const { text } = this;
    let at = this.at;
    if (text.charCodeAt(at) === 0x30 && (this.code(1) | 0x20) === 0x78) {
      at += 2;
      while (at < this.end && isHex(text.charCodeAt(at))) at += 1;
      const length = at - this.at;
      this.push(length >= 6 && length % 2 === 0 ? "#" : "n", length);
      return;
    }
    const digits = (): void => {
      while (at < this.end && CLASS[text.charCodeAt(at) & 0xff] === Class.digit) at += 1;
    };
    digits();
    if (at < this.end && text.charCodeAt(at) === 0x2e) {
      at += 1;
      digits();
    }
    const exponent = at;
    if (at < this.end && (text.charCodeAt(at) | 0x20) === 0x65) {
      at += 1;
      const from = at;
      digits();
      if (at === from) at = exponent;
    }
    this.push("n", at - this.at);
  }

  /** A string from its opening quote; a doubled or escaped quote stays inside. */
  private string(quote: number): void {
    const from = this.at + 1;
    let at = from;
    for (;;) {
      if (at >= this.end) {
        this.push(this.end - from <= SHORT ? "q" : "Q", this.end - this.at);
        return;
      }
      const code = this.text.charCodeAt(at);
      if (code === 0x5c) at += 2;
      else if (code === quote) {
        if (at + 1 < this.end && this.text.charCodeAt(at + 1) === quote) at += 2;
        else break;
      } else at += 1;
    }
    this.push("s", at + 1 - this.at);
  }

  private sign(code: number): void {
    switch (code) {
      case 0x27: // '
      case 0x22: // "
        this.string(code);
        return;
      case 0x60: // `name`
      case 0x5b: // [name]
        this.quotedName(code === 0x60 ? "`" : "]");
        return;
      case 0x28:
      case 0x29:
      case 0x2c:
      case 0x3b:
        this.push(String.fromCharCode(code), 1);
        return;
      case 0x40: // @
        this.variable();
        return;
      case 0x7b: // {
        this.escape();
        return;
      case 0x7d: // }
        if (this.escaped) this.at += 1;
        else this.push(".", 1);
        this.escaped = false;
        return;
      case 0x23: // #
        this.lineComment(1);
        return;
      case 0x2f: // slash
        if (this.code(1) === 0x2a) this.blockComment();
        else this.push("+", 1);
        return;
      case 0x2d: // -
        if (this.code(1) === 0x2d) this.lineComment(2);
        else this.push("+", 1);
        return;
      default:
        this.operator(code);
    }
  }

  private escape(): void {
    ESCAPE.lastIndex = this.at;
    const head = ESCAPE.exec(this.text);
    if (head === null) this.push(".", 1);
    else {
      this.escaped = true;
      this.at += head[0].length;
    }
  }

  private quotedName(close: string): void {
    const length = this.text.slice(this.at + 1, this.at + 64).indexOf(close);
    if (length > 0) {
      const end = this.at + 1 + length;
      const word = this.text.slice(this.at + 1, end).toLowerCase();
      if (!/[^\w$ .]/.test(word)) {
        const schema =
          /^(?:information_schema|mysql|sys|pg_catalog)$/.test(word) && this.code(end + 1 - this.at) === 0x2e;
        this.push(schema ? "m" : "w", end + 1 - this.at);
        return;
      }
    }
    this.push(".", 1);
  }

  private variable(): void {
    let at = this.at + 1;
    while (at < this.end && this.text.charCodeAt(at) === 0x40) at += 1;
    while (
      at < this.end &&
      ((CLASS[this.text.charCodeAt(at) & 0xff] ?? 0) >= Class.digit || this.text.charCodeAt(at) === 0x2e)
    )
      at += 1;
    const name = this.text.slice(this.at, Math.min(at, this.at + 64)).toLowerCase();
    this.push(SERVER_VARIABLES.test(name) ? "V" : "v", at - this.at);
  }

  /**
   * `--` and `#`. A comment that ends with its line is white space; `#` only with no more than a few words,
   * because to most databases it is an operator. What follows a last one is read all the same where the
   * dialects differ, and noted.
   */
  private lineComment(length: number): void {
    const line = this.commentLine(length);
    if (line > 0) {
      this.at += line;
      return;
    }
    let rest = this.end - this.at - length;
    if (rest > COMMENT_REST) {
      this.push("l", length);
      if (length === 2 && CLASS[this.code(0) & 0xff] === Class.space) this.at = this.end;
      return;
    }
    const tail = this.text.slice(this.end - rest);
    rest = tail.trim().length;
    if (rest === 0 || !/["'`]|[^\s\d+-].*\s|^\d/.test(tail.trimEnd())) this.push("k", this.end - this.at);
    else this.push("l", length);
  }

  /** The length of a comment that ends with a line, its break included; 0: it is another. */
  private commentLine(length: number): number {
    const from = this.at + length;
    const line = this.lineEnd(from);
    if (line === this.end) return 0;
    const everywhere = length === 2 && CLASS[this.text.charCodeAt(from) & 0xff] === Class.space;
    if (!everywhere && (line - from > LINE_WORDS || !/^[\w \t-]*\r?$/.test(this.text.slice(from, line))))
      return 0;
    return line + 1 - this.at;
  }

  /** The next line break; looked for once a line, however many comments may begin in it. */
  private lineEnd(from: number): number {
    if (this.line < from) {
      const found = this.text.indexOf("\n", from);
      this.line = found < 0 ? this.end : found;
    }
    return this.line;
  }

  private blockComment(): void {
    if (
      this.code(2) === 0x21 &&
      (this.code(3) === 0x4d || (CLASS[this.code(3) & 0xff] ?? 0) >= Class.digit)
    ) {
      // MySQL runs what is inside `/*!12345 ... */`
      this.push("Y", 3);
      while (this.at < this.end && CLASS[this.code(0) & 0xff] === Class.digit) this.at += 1;
      return;
    }
    const close = this.text.indexOf("*/", this.at + 2);
    if (close < 0) this.push(this.end - this.at - 2 <= COMMENT_REST ? "k" : "l", this.end - this.at);
    else this.at = close + 2;
  }

  private operator(code: number): void {
    const next = this.code(1);
    switch (code) {
      case 0x3d: // =
      case 0x3c: // <
      case 0x3e: // >
      case 0x21: // !
      case 0x7e: // ~
        this.comparison(code, next);
        return;
      case 0x3a: // :
        if (next === 0x3d) this.push("=", 2);
        else if (next === 0x3a) {
          // `value::type`
          this.at += 2;
          while (this.at < this.end && (CLASS[this.code(0) & 0xff] ?? 0) >= Class.digit) this.at += 1;
        } else this.push(".", 1);
        return;
      case 0x7c: // |
        if (next === 0x7c) this.push("|", 2);
        else this.push("+", 1);
        return;
      case 0x26: // &
        if (next === 0x26) this.push("&", 2);
        else this.push("+", 1);
        return;
      case 0x2a: // *
        if (next === 0x2f) this.at += 2;
        else this.push("+", 1);
        return;
      case 0x2b: // +
      case 0x25: // %
      case 0x5e: // ^
        this.push("+", 1);
        return;
      case 0x2e: // .5
        if (CLASS[next & 0xff] === Class.digit) {
          this.at += 1;
          this.number();
        } else this.push(".", 1);
        return;
      case 0x5c: // \
        if (next === 0x4e) this.push("0", 2);
        else this.push(".", 1);
        return;
      default:
        this.push(".", 1);
    }
  }

  private comparison(code: number, next: number): void {
    let length = 1;
    if (code === 0x21 || code === 0x7e) {
      if (next !== 0x3d && next !== 0x7e && (next !== 0x2a || code === 0x21)) {
        this.push(code === 0x21 ? "!" : "+", 1);
        return;
      }
    }
    while (length < 3 && isComparison(this.code(length))) length += 1;
    this.compared = true;
    this.push("=", length);
    this.compared = true;
  }
}

/** A0 alone is a space to MySQL, C2 A0 to all that read UTF-8; behind another byte above 0x7F it ends a letter. */
function isNoBreakSpace(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  if (code === 0xc2) return text.charCodeAt(at + 1) === 0xa0;
  return code === 0xa0 && (at === 0 || text.charCodeAt(at - 1) < 0x80);
}

function isComparison(code: number): boolean {
  return code === 0x3d || code === 0x3c || code === 0x3e || code === 0x2a;
}

function isHex(code: number): boolean {
  const low = code | 0x20;
  return (code >= 0x30 && code <= 0x39) || (low >= 0x61 && low <= 0x66);
}
