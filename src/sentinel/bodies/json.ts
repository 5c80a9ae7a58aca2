import { Exceeded } from "../engine/transaction.ts";
import { encode } from "../transformations/code-points.ts";
import { nameWithin } from "./names.ts";

/** What a parser hands over as it goes; each may throw `Exceeded`. */
export interface JsonSink {
  readonly nesting: number;
  leaf(name: string, text: string, depth: number): void;
  key(name: string): void;
  duplicate(): void;
}

/** A text that could be a JSON object or array. */
export function looksLikeJson(text: string): boolean {
  return text.length > 1 && /^(?:\xef\xbb\xbf)?\s{0,8}(?:\{\s{0,8}["}]|\[\s{0,8}[[{"\]0-9tfn-])/.test(text);
}

export interface JsonEnd {
  /** Where it stopped being JSON; the text's length where nothing is left. */
  readonly at: number;
  /** Whether all of it was JSON. */
  readonly sound: boolean;
}

/**
 * Reads JSON (RFC 8259) without building it: leaves under names such as
 * `cart.items[0].sku`, keys, keys that occur twice in an object. A string that
 * never ends is a leaf all the same. Throws `Exceeded("nesting")`.
 */
export function parseJson(text: string, prefix: string, depth: number, sink: JsonSink): JsonEnd {
  return new JsonScanner(text, depth, sink).document(prefix);
}

class JsonScanner {
  private at = 0;
  private depth: number;
  private readonly text: string;
  private readonly sink: JsonSink;

  constructor(text: string, depth: number, sink: JsonSink) {
    this.text = text;
    this.depth = depth;
    this.sink = sink;
  }

  document(prefix: string): JsonEnd {
    if (this.text.startsWith("\xef\xbb\xbf")) this.at = 3;
    const read = this.value(prefix);
    if (read) this.space();
    return { at: this.at, sound: read && this.at === this.text.length };
  }

  private value(name: string): boolean {
    this.space();
    switch (this.text[this.at]) {
      case "{":
        return this.nested(() => this.object(name));
      case "[":
        return this.nested(() => this.array(name));
      case '"': {
        const text = this.string();
        if (text === null) return false;
        this.sink.leaf(name, text, this.depth);
        return true;
      }
      default:
        return this.scalar(name);
    }
  }

  private nested(inner: () => boolean): boolean {
    if (++this.depth > this.sink.nesting) throw new Exceeded("nesting");
    this.at++;
    const ok = inner();
    this.depth--;
    return ok;
  }

  private object(name: string): boolean {
    const keys = new Set<string>();
    this.space();
    if (this.take("}")) return true;
    do {
      this.space();
      const key = this.text[this.at] === '"' ? this.string() : null;
      if (key === null) return false;
      if (keys.has(key)) this.sink.duplicate();
      keys.add(key);
      this.sink.key(key);
      this.space();
      if (!this.take(":")) return false;
      if (!this.value(nameWithin(name, name === "" ? key : `.${key}`))) return false;
      this.space();
    } while (this.take(","));
    return this.take("}");
  }

  private array(name: string): boolean {
    this.space();
    if (this.take("]")) return true;
    let index = 0;
    do {
      if (!this.value(nameWithin(name, `[${index++}]`))) return false;
      this.space();
    } while (this.take(","));
    return this.take("]");
  }

  /** The string at the cursor, escapes decoded; null where it does not end. */
  private string(): string | null {
    const start = ++this.at;
    let escaped = false;
    for (; this.at < this.text.length; this.at++) {
      const code = this.text.charCodeAt(this.at);
      if (code === 0x5c) {
        escaped = true;
        this.at++;
      } else if (code === 0x22) {
        const raw = this.text.slice(start, this.at++);
        return escaped ? unescapeJson(raw) : raw;
      }
    }
    this.sink.leaf("", unescapeJson(this.text.slice(start)), this.depth);
    this.at = this.text.length;
    return null;
  }

  private scalar(name: string): boolean {
    SCALAR.lastIndex = this.at;
    const found = SCALAR.exec(this.text)?.[0];
    if (found === undefined) return false;
    this.at += found.length;
    this.sink.leaf(name, found, this.depth);
    return true;
  }

  private take(char: string): boolean {
    if (this.text[this.at] !== char) return false;
    this.at++;
    return true;
  }

  private space(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.at++;
    }
  }
}

const SCALAR = /true|false|null|-?[0-9]{1,400}(?:\.[0-9]{1,400})?(?:e[+-]?[0-9]{1,9})?/iy;
const ESCAPE = /\\(?:u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})|u([0-9a-f]{4})|([\s\S]))/gi;
const SHORT: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/** The escapes of a JSON (and GraphQL) string read; code points become bytes of UTF-8, as if they had not been escaped. */
export function unescapeJson(raw: string): string {
  return raw.replace(ESCAPE, (_all, high?: string, low?: string, unit?: string, char?: string) => {
    if (high !== undefined && low !== undefined) {
      return encode(0x10000 + ((parseInt(high, 16) - 0xd800) << 10) + parseInt(low, 16) - 0xdc00);
    }
    return unit === undefined ? (SHORT[char ?? ""] ?? char ?? "") : encode(parseInt(unit, 16));
  });
}
