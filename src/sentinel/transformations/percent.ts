import { encode } from "./code-points.ts";

/** Value of each hexadecimal digit by char code; -1 for any other char. */
export const HEX: Int8Array = Int8Array.from({ length: 256 }, (_none, code) => {
  const digit = parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(digit) ? -1 : digit;
});

/** Percent encodings as servers, forms and old IIS read them. Invalid sequences stay as they are. */
export function percentDecode(text: string): string {
  let at = text.indexOf("%");
  if (at < 0) return text;
  let out = "";
  let from = 0;
  for (; at >= 0; at = text.indexOf("%", from)) {
    const high = HEX[text.charCodeAt(at + 1)] ?? -1;
    const low = HEX[text.charCodeAt(at + 2)] ?? -1;
    const valid = high >= 0 && low >= 0;
    out += text.slice(from, at) + (valid ? String.fromCharCode((high << 4) | low) : "%");
    from = at + (valid ? 3 : 1);
  }
  return out + text.slice(from);
}

export function formDecode(text: string): string {
  return percentDecode(text.replace(/\+/g, " "));
}

export function percentDecodeWide(text: string): string {
  return formDecode(text).replace(/%u([0-9a-f]{4})/gi, fromWideHex);
}

/** Without the plus sign, for values that were form-decoded once already. */
export function percentDecodeAgain(text: string): string {
  const once = percentDecode(text);
  return once.includes("%") ? once.replace(/%u([0-9a-f]{4})/gi, fromWideHex) : once;
}

function fromWideHex(_all: string, digits: string): string {
  return encode(parseInt(digits, 16));
}
