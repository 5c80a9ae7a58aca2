/** The ASCII char that servers make of full-width and other look-alikes (best-fit mappings); undefined for any other. */
export function lookAlike(point: number): string | undefined {
  if (point >= 0xff01 && point <= 0xff5e) return String.fromCharCode(point - 0xfee0);
  // Enclosed digits, as compatibility decomposition (NFKC) reads them: ① to ⑨, ⓪.
  if (point >= 0x2460 && point <= 0x2468) return String.fromCharCode(point - 0x2460 + 0x31);
  return BEST_FIT.get(point);
}

/** A code point as one byte: what it is below 256, its look-alike, else `?`. */
export function narrow(point: number): string {
  return point < 0x100 ? String.fromCharCode(point) : (lookAlike(point) ?? "?");
}

/** A code point as values hold text: ASCII and look-alikes as one char, others as the bytes of their UTF-8, none at all as `?`. */
export function encode(point: number): string {
  if (point < 0x80) return String.fromCharCode(point);
  const ascii = lookAlike(point);
  if (ascii !== undefined) return ascii;
  if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return "?";
  const tail = (shift: number): number => 0x80 | ((point >> shift) & 0x3f);
  if (point < 0x800) return String.fromCharCode(0xc0 | (point >> 6), tail(0));
  if (point < 0x10000) return String.fromCharCode(0xe0 | (point >> 12), tail(6), tail(0));
  return String.fromCharCode(0xf0 | (point >> 18), tail(12), tail(6), tail(0));
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
    "0": [0x24ea],
    ".": [0x2024, 0x3002, 0xfe52, 0xff61],
    ";": [0x037e, 0xfe54],
    "|": [0x2223, 0x01c0],
    " ": [0x2000, 0x2001, 0x2002, 0x2003, 0x2009, 0x200a, 0x2028, 0x2029, 0x202f, 0x3000],
  }).flatMap(([char, points]) => points.map((point) => [point, char] as const)),
);
