import type { Matcher } from "./matcher.ts";

/** A byte outside all of the ranges (`"32-126"`, `"9"`); a rule about encodings and control chars. */
export function bytesOutside(ranges: readonly string[]): Matcher {
  const allowed = new Uint8Array(256);
  for (const range of ranges) {
    const [from = 0, to = from] = range.split("-").map(Number);
    allowed.fill(1, from, to + 1);
  }
  const find = (text: string): number => {
    for (let at = 0; at < text.length; at++) if (allowed[text.charCodeAt(at)] !== 1) return at;
    return -1;
  };
  return {
    weight: 1,
    test: (text) => find(text) >= 0,
    excerpt: (text) => `byte ${text.charCodeAt(find(text))} at ${find(text)}`,
  };
}

const BAD_PERCENT = /%(?![0-9a-f]{2}).{0,2}/is;

export function badPercent(): Matcher {
  return {
    weight: 1,
    test: (text) => BAD_PERCENT.test(text),
    excerpt: (text) => BAD_PERCENT.exec(text)?.[0] ?? "",
  };
}

const NOT_UTF8 =
  /[\xc0\xc1\xf5-\xff]|[\xc2-\xdf](?![\x80-\xbf])|\xe0(?![\xa0-\xbf][\x80-\xbf])|[\xe1-\xec\xee\xef](?![\x80-\xbf]{2})|\xed(?![\x80-\x9f][\x80-\xbf])|\xf0(?![\x90-\xbf][\x80-\xbf]{2})|[\xf1-\xf3](?![\x80-\xbf]{3})|\xf4(?![\x80-\x8f][\x80-\xbf]{2})/;
const SEQUENCE = /[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}/g;

/** Not UTF-8 as RFC 3629 has it: overlong, surrogate, too large, cut off, or a stray continuation. */
export function badUtf8(): Matcher {
  const test = (text: string): boolean =>
    NOT_UTF8.test(text) || /[\x80-\xbf]/.test(text.replace(SEQUENCE, ""));
  return { weight: 3, test, excerpt: (text) => NOT_UTF8.exec(text)?.[0] ?? "stray continuation byte" };
}
