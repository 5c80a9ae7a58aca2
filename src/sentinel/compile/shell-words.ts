/**
 * Words as a POSIX shell splits them, `$'...'` of browsers' "copy as cURL" included.
 * @throws Error where a quote is not closed
 */
export function shellWords(line: string): string[] {
  const words: string[] = [];
  const piece =
    /\$'((?:[^'\\]|\\.)*)'|'([^']*)'|"((?:[^"\\]|\\.)*)"|\\\r?\n|\\(.)|([^\s'"\\]+)|(\s+)|(['"\\])/gs;
  let word: string | null = null;
  for (const match of line.matchAll(piece)) {
    const [all, ansi, single, double, escaped, plain, space, unclosed] = match;
    if (unclosed !== undefined) throw unclosedQuote(line.slice(match.index));
    if (space !== undefined) {
      if (word !== null) words.push(word);
      word = null;
      continue;
    }
    if (/^\\\r?\n$/.test(all)) continue;
    const text =
      ansi?.replace(/\\(?:u([0-9a-f]{4})|x([0-9a-f]{2})|(.))/gis, unescapeAnsi) ??
      single ??
      double?.replace(/\\\r?\n/g, "").replace(/\\(["\\$`])/g, "$1") ??
      escaped ??
      plain ??
      "";
    word = (word ?? "") + text;
  }
  if (word !== null) words.push(word);
  return words;
}

/** Whether a line was copied for cmd.exe, whose escape is `^`: the first word after the program begins or the first line ends with one. */
export function isForCmd(line: string): boolean {
  return /^\S+\s+(?:\^"|[^'\n]*\s\^\r?\n)/.test(line);
}

/**
 * Words as Chrome's "copy as cURL (cmd)" means them: first cmd.exe takes the `^`
 * away (outside of its own quotes), then the program takes quotes and backslashes.
 * @throws Error where a quote is not closed
 */
export function cmdWords(line: string): string[] {
  const plain = line.replace(
    /"[^"\r\n]*"|\^\r?\n(\r?\n)?|\^(.)/gs,
    (all, lineBreak: string | undefined, escaped: string | undefined) =>
      all.startsWith('"') ? all : (escaped ?? (lineBreak === undefined ? " " : "\n")),
  );
  const words: string[] = [];
  let word: string | null = null;
  for (const match of plain.matchAll(/"((?:[^"\\]|\\.)*)"|([^\s"]+)|(\s+)|(")/gs)) {
    const [, quoted, bare, space, unclosed] = match;
    if (unclosed !== undefined) throw unclosedQuote(plain.slice(match.index));
    if (space === undefined) word = (word ?? "") + (quoted?.replace(/\\(["\\])/g, "$1") ?? bare ?? "");
    else if (word !== null) {
      words.push(word);
      word = null;
    }
  }
  if (word !== null) words.push(word);
  return words;
}

function unclosedQuote(from: string): Error {
  return new Error(`a quote is not closed: ${JSON.stringify(from.slice(0, 40))}`);
}

function unescapeAnsi(
  _all: string,
  unit: string | undefined,
  byte: string | undefined,
  char: string | undefined,
): string {
  const hex = unit ?? byte;
  if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16));
  return char === "n" ? "\n" : char === "r" ? "\r" : char === "t" ? "\t" : (char ?? "");
}
