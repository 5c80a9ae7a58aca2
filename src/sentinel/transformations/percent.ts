/** Value of each hexadecimal digit by char code; -1 for any other char. */
const HEX: Int8Array = Int8Array.from({ length: 256 }, (_none, code) => {
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
  return narrow(parseInt(digits, 16));
}

/**
 * A code point as one byte: what it is below 256; full-width and other look-alikes
 * that servers fold (best-fit mappings) as their ASCII letter; else `?`.
 */
export function narrow(point: number): string {
  if (point < 0x100) return String.fromCharCode(point);
  if (point >= 0xff01 && point <= 0xff5e) return String.fromCharCode(point - 0xfee0);
  return BEST_FIT.get(point) ?? "?";
}

const BEST_FIT: ReadonlyMap<number, string> = new Map(
  Object.entries({
    "'": [0x2018, 0x2019, 0x201a, 0x2032, 0x02b9, 0x02bc],
    '"': [0x201c, 0x201d, 0x201e, 0x2033, 0x02ba],
    "<": [0x2039, 0x2329, 0x3008, 0xfe64],
    ">": [0x203a, 0x232a, 0x3009, 0xfe65],
    "/": [0x2044, 0x2215],
    "\\": [0x2216, 0xfe68],
    "-": [0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2212],
    ".": [0x2024, 0xfe52],
    ";": [0x037e, 0xfe54],
    "|": [0x2223, 0x01c0],
    " ": [0x2000, 0x2001, 0x2002, 0x2003, 0x2009, 0x200a, 0x2028, 0x2029, 0x202f, 0x3000],
  }).flatMap(([char, points]) => points.map((point) => [point, char] as const)),
);
