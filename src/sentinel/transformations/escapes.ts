import { encode } from "./code-points.ts";

const SIMPLE: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\n": "",
};

const JS = /\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|u\{0{0,8}([0-9a-f]{1,6})\}|([0-3]?[0-7]{1,2})|([\s\S]))/gi;
const C = /\\(?:x([0-9a-f]{2})|([0-3]?[0-7]{1,2})|([\s\S]))/gi;
const CODED = /\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|u\{0{0,8}([0-9a-f]{1,6})\})/gi;

export function jsDecode(text: string): string {
  return text.replace(
    JS,
    (_all, byte?: string, unit?: string, point?: string, octal?: string, char?: string) => {
      const hex = byte ?? unit ?? point;
      if (hex !== undefined) return encode(parseInt(hex, 16));
      if (octal !== undefined) return String.fromCharCode(parseInt(octal, 8) & 0xff);
      return simple(char ?? "");
    },
  );
}

export function cDecode(text: string): string {
  return text.replace(C, (_all, byte?: string, octal?: string, char?: string) => {
    if (byte !== undefined) return String.fromCharCode(parseInt(byte, 16));
    if (octal !== undefined) return String.fromCharCode(parseInt(octal, 8) & 0xff);
    return simple(char ?? "");
  });
}

/** Only `\xHH`, `\uHHHH` and `\u{H}`: what peeling takes off, since other backslashes may be a path. */
export function codedEscapesDecode(text: string): string {
  return text.replace(CODED, (_all, byte?: string, unit?: string, point?: string) =>
    encode(parseInt(byte ?? unit ?? point ?? "0", 16)),
  );
}

function simple(char: string): string {
  return SIMPLE[char] ?? char;
}
