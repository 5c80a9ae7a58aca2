import { Exceeded, type Transaction } from "../engine/transaction.ts";
import { narrow } from "../transformations/percent.ts";

/** A text that could be a JSON object or array. */
export function looksLikeJson(text: string): boolean {
  return text.length > 1 && /^\s{0,8}(?:\{\s{0,8}["}]|\[\s{0,8}[[{"\]0-9tfn-])/.test(text);
}

/**
 * Adds the leaves of JSON under names such as `cart.items[0].sku`, and keys as
 * names. Lenient: what servers' parsers accept beyond RFC 8259 (comments, single
 * quotes) ends the parse as malformed, with the leaves before it added. Returns
 * whether the text was JSON to its end. Throws `Exceeded("nesting" | "values")`.
 */
export function parseJson(
  text: string,
  prefix: string,
  collection: "args.query" | "args.body",
  tx: Transaction,
): boolean {
  return new JsonScanner(text, collection, tx).document(prefix);
}

class JsonScanner {
  private at = 0;
  private depth = 0;
  private readonly text: string;
  private readonly collection: "args.query" | "args.body";
  private readonly tx: Transaction;

  constructor(text: string, collection: "args.query" | "args.body", tx: Transaction) {
    this.text = text;
    this.collection = collection;
    this.tx = tx;
  }

  document(prefix: string): boolean {
    if (!this.value(prefix)) return false;
    this.space();
    return this.at === this.text.length;
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
        this.leaf(name, text);
        return true;
      }
      default:
        return this.scalar(name);
    }
  }

  private nested(inner: () => boolean): boolean {
    if (++this.depth > this.tx.limits.nesting) throw new Exceeded("nesting");
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
      if (keys.has(key)) this.tx.add("body.faults", "", "duplicate-key");
      keys.add(key);
      this.tx.add(`${this.collection}.names`, "", key);
      this.space();
      if (!this.take(":")) return false;
      if (!this.value(name === "" ? key : `${name}.${key}`)) return false;
      this.space();
    } while (this.take(","));
    return this.take("}");
  }

  private array(name: string): boolean {
    this.space();
    if (this.take("]")) return true;
    let index = 0;
    do {
      if (!this.value(`${name}[${index++}]`)) return false;
      this.space();
    } while (this.take(","));
    return this.take("]");
  }

  /** The string at the cursor, escapes decoded; null where it does not end. What there is of it is a leaf all the same. */
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
        return escaped ? unescape(raw) : raw;
      }
    }
    this.leaf("", unescape(this.text.slice(start)));
    return null;
  }

  private scalar(name: string): boolean {
    SCALAR.lastIndex = this.at;
    const found = SCALAR.exec(this.text)?.[0];
    if (found === undefined) return false;
    this.at += found.length;
    this.leaf(name, found);
    return true;
  }

  private leaf(name: string, text: string): void {
    this.tx.add(this.collection, name, text);
    if (this.depth < this.tx.limits.nesting && looksLikeJson(text)) {
      const inner = new JsonScanner(text, this.collection, this.tx);
      inner.depth = this.depth + 1;
      inner.document(name);
    }
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
const ESCAPE = /\\(?:u([0-9a-f]{4})|([\s\S]))/gi;
const SHORT: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/** Code units above U+00FF become UTF-8 bytes unless they stand for ASCII. */
function unescape(raw: string): string {
  return raw.replace(ESCAPE, (_all, hex?: string, char?: string) => {
    if (hex === undefined) return SHORT[char ?? ""] ?? char ?? "";
    return narrow(parseInt(hex, 16));
  });
}
