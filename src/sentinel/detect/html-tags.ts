/**
 * Reads tags out of a text the way the WHATWG tokeniser does (HTML, 13.2.5): a quote opens a value only after `=`,
 * a slash or a control byte separates attributes, names may hold anything but white space, `/`, `>` and `=`.
 * Hard about it: the text is a fragment that lands in an unknown place of a page, so a tag may lack its end and a
 * value its closing quote; the rest is then read again from inside the value, at most once a kind of quote.
 *
 * One pass, never throws.
 */

/** @returns whatever the visitor wants to stop with, or null to go on */
export type AttributeVisitor = (tag: string, name: string, value: string) => string | null;

/** Attribute values are judged by their beginning. */
const VALUE = 512;

/** Calls the visitor with every attribute of every tag in the text: names in lower case, values as written. */
export function visitAttributes(text: string, visit: AttributeVisitor): string | null {
  let at = text.indexOf("<");
  while (at >= 0 && at + 1 < text.length) {
    const start = skip(text, at + 1);
    if (!opensTag(text.charCodeAt(start))) {
      at = text.indexOf("<", at + 1);
      continue;
    }
    const nameEnd = wordEnd(text, start, false);
    const tag = text.slice(start, Math.min(nameEnd, start + 32)).toLowerCase();
    const { found, end } = visitList(text, nameEnd, tag, visit);
    if (found !== null) return found;
    at = text.indexOf("<", end);
  }
  return null;
}

/** Reads attributes from `at` up to the end of their tag: what is injected into a tag begins in the middle of one. */
export function visitList(
  text: string,
  at: number,
  tag: string,
  visit: AttributeVisitor,
): { readonly found: string | null; readonly end: number } {
  let position = at;
  while (position < text.length) {
    position = skip(text, position);
    const code = text.charCodeAt(position);
    if (code === 0x3e) return { found: null, end: position };
    const from = position;
    position = wordEnd(text, position + 1, true);
    const name = text.slice(from, Math.min(position, from + 48)).toLowerCase();
    const sign = skipSpace(text, position);
    if (text.charCodeAt(sign) !== 0x3d) {
      // `<svg <script`: a tag that begins inside a tag
      const inner = name.indexOf("<");
      if (inner > 0 || (inner === 0 && position > from + 1)) return { found: null, end: from + inner };
      continue;
    }
    const value = valueAt(text, skipSpace(text, sign + 1));
    const found = visit(tag, name, text.slice(value.from, Math.min(value.to, value.from + VALUE)));
    if (found !== null) return { found, end: value.to };
    if (value.open) return { found: null, end: value.from };
    position = value.end;
  }
  return { found: null, end: text.length };
}

function valueAt(text: string, at: number): { from: number; to: number; end: number; open: boolean } {
  const quote = text.charCodeAt(at);
  if (quote === 0x22 || quote === 0x27 || quote === 0x60) {
    const close = text.indexOf(String.fromCharCode(quote), at + 1);
    if (close < 0) return { from: at + 1, to: text.length, end: text.length, open: true };
    return { from: at + 1, to: close, end: close + 1, open: false };
  }
  let end = at;
  while (end < text.length) {
    const code = text.charCodeAt(end);
    if (code <= 0x20 || code === 0x3e) break;
    end += 1;
  }
  return { from: at, to: end, end: Math.max(end, at), open: false };
}

function opensTag(code: number): boolean {
  const low = code | 0x20;
  return (low >= 0x61 && low <= 0x7a) || code === 0x21 || code === 0x3f || code >= 0x80;
}

function skipSpace(text: string, at: number): number {
  let position = at;
  while (position < text.length && text.charCodeAt(position) <= 0x20) position += 1;
  return position;
}

function skip(text: string, at: number): number {
  let position = at;
  while (position < text.length) {
    const code = text.charCodeAt(position);
    if (code > 0x20 && code !== 0x2f) break;
    position += 1;
  }
  return position;
}

function wordEnd(text: string, at: number, attribute: boolean): number {
  let position = at;
  while (position < text.length) {
    const code = text.charCodeAt(position);
    if (code <= 0x20 || code === 0x2f || code === 0x3e || (attribute && code === 0x3d)) break;
    position += 1;
  }
  return position;
}
