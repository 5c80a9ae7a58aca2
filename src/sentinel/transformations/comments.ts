/**
 * Comments, found by scanning rather than by expressions: an expression for
 * `/* ... *\/` is quadratic over many openings.
 */
export function sqlComments(text: string): string {
  return strip(text, " ", true);
}

/** Every kind that SQL, JavaScript and HTML know; what is not closed runs to the end. */
export function removeComments(text: string): string {
  const blocks = between(strip(text, "", false), "<!--", "-->");
  return blocks.replace(/(?:--|#)[^\r\n]*/g, "");
}

/** Block comments; `executable` keeps the contents of MySQL's `/*!50000 ... *\/`. */
function strip(text: string, replacement: string, executable: boolean): string {
  let out = "";
  let from = 0;
  for (;;) {
    const open = text.indexOf("/*", from);
    if (open < 0) return out + text.slice(from);
    out += text.slice(from, open) + replacement;
    const close = text.indexOf("*/", open + 2);
    if (executable && text[open + 2] === "!") {
      const inner = close < 0 ? text.slice(open + 3) : text.slice(open + 3, close);
      out += inner.replace(/^[0-9]{5,6}/, "") + replacement;
    }
    if (close < 0) return out;
    from = close + 2;
  }
}

function between(text: string, opening: string, closing: string): string {
  let out = "";
  let from = 0;
  for (;;) {
    const open = text.indexOf(opening, from);
    if (open < 0) return out + text.slice(from);
    out += text.slice(from, open);
    const close = text.indexOf(closing, open + opening.length);
    if (close < 0) return out;
    from = close + closing.length;
  }
}
