import { Exceeded, type Transaction } from "../engine/transaction.ts";
import { htmlDecode } from "../transformations/markup.ts";
import { nameWithin } from "./names.ts";

/** A text that could be XML, whatever it is declared as. */
export function looksLikeXml(text: string): boolean {
  return /^(?:\xef\xbb\xbf)?\s{0,64}<(?:\?xml\b|!DOCTYPE\b|[A-Za-z_][\w:.-]{0,100}(?:\s[^<>]{0,2000})?\/?>)/i.test(
    text,
  );
}

/**
 * Adds the text, attributes, comments and instructions of XML, named by their
 * path. A scanner, not a parser: no entity is resolved (only the five predefined
 * and numeric ones read), no document type obeyed; both are named as faults and
 * their text is a value. Text runs join over comments and CDATA, as parsers join
 * them. Throws `Exceeded("nesting" | "values")`.
 */
export function addXml(text: string, complete: boolean, tx: Transaction): void {
  const sound = new XmlScanner(text, tx).document();
  if (!sound && complete) tx.fault("malformed-xml");
}

class XmlScanner {
  private readonly text: string;
  private readonly tx: Transaction;
  private readonly open: string[] = [];
  /** The paths of the open elements. */
  private readonly paths: string[] = [];
  private run = "";
  private at = 0;

  constructor(text: string, tx: Transaction) {
    this.text = text;
    this.tx = tx;
  }

  document(): boolean {
    for (;;) {
      const mark = this.text.indexOf("<", this.at);
      this.run += this.text.slice(this.at, mark < 0 ? this.text.length : mark);
      if (mark < 0) break;
      this.at = mark;
      if (!this.markup()) {
        this.value("", this.text.slice(mark));
        return false;
      }
    }
    this.flush();
    return this.open.length === 0;
  }

  /** One piece of markup at the cursor; false where it does not end or is none. */
  private markup(): boolean {
    const { text, at } = this;
    if (text.startsWith("<!--", at)) return this.through("-->", 4, (inner) => this.value("#comment", inner));
    if (text.startsWith("<![CDATA[", at)) {
      return this.through("]]>", 9, (inner) => {
        this.run += inner;
      });
    }
    if (text.startsWith("<?", at)) return this.through("?>", 2, (inner) => this.value("#instruction", inner));
    if (/^<!doctype/i.test(text.slice(at, at + 9))) return this.doctype();
    return this.tag();
  }

  private through(closing: string, skip: number, take: (inner: string) => void): boolean {
    const end = this.text.indexOf(closing, this.at + skip);
    if (end < 0) return false;
    take(this.text.slice(this.at + skip, end));
    this.at = end + closing.length;
    return true;
  }

  /** To the `>` outside of the internal subset. */
  private doctype(): boolean {
    this.tx.fault("xml-doctype");
    const subset = this.text.indexOf("[", this.at);
    const plain = this.text.indexOf(">", this.at);
    const end =
      subset >= 0 && subset < plain
        ? this.text.indexOf(">", Math.max(subset, this.text.indexOf("]", subset)))
        : plain;
    const inner = this.text.slice(this.at, end < 0 ? this.text.length : end);
    if (/<!entity/i.test(inner)) this.tx.fault("xml-entity");
    this.value("#doctype", inner);
    if (end < 0) return false;
    this.at = end + 1;
    return true;
  }

  private tag(): boolean {
    TAG.lastIndex = this.at;
    const found = TAG.exec(this.text);
    if (found === null) return false;
    this.flush();
    const [whole, closing, name = "", attributes = "", empty] = found;
    this.at += whole.length;
    if (closing === "/") return this.close() === name;
    const path = this.paths.at(-1) ?? "";
    this.open.push(name);
    this.paths.push(nameWithin(path, path === "" ? name : `.${name}`));
    if (this.open.length > this.tx.limits.nesting) throw new Exceeded("nesting");
    this.tx.add("args.body.names", "", name);
    for (const [, key = "", double, single] of attributes.matchAll(ATTRIBUTE)) {
      this.value(`@${key}`, htmlDecode(double ?? single ?? ""));
    }
    if (empty === "/") this.close();
    return true;
  }

  private close(): string | undefined {
    this.paths.pop();
    return this.open.pop();
  }

  private flush(): void {
    const text = this.run.trim();
    this.run = "";
    if (text !== "") this.value("", htmlDecode(text));
  }

  private value(suffix: string, text: string): void {
    this.tx.add("args.body", (this.paths.at(-1) ?? "") + suffix, text);
  }
}

const TAG =
  /<(\/?)([A-Za-z_\x80-\xff][\w:.\x80-\xff-]*)((?:\s+[\w:.\x80-\xff-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>/y;
const ATTRIBUTE = /([\w:.\x80-\xff-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;
