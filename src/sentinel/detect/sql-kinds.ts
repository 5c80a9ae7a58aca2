/** A set of token kinds: a bit for each printable character of ASCII, in three words. */
export interface Kinds {
  readonly signs: number;
  readonly upper: number;
  readonly lower: number;
}

/** Every kind of `all`, and one kind of each of `some`. */
export interface Needs {
  readonly all: Kinds;
  readonly some: readonly Kinds[];
  /** Kinds that say most: one of them is needed as well. */
  readonly telling: Kinds;
}

/** Kinds as sql-reader.ts writes them: all of the first text, one of each other; what is rarest in prose comes first. */
export function needs(all: string, ...some: readonly string[]): Needs {
  const telling = all === "" ? (some[0] ?? "") : all.slice(0, 1);
  return { all: kindsOf(all), some: some.map(kindsOf), telling: kindsOf(telling) };
}

/** Kinds one of which is in every text that meets one of these. */
export function tellingOf(list: readonly Needs[]): Kinds {
  const union = { signs: 0, upper: 0, lower: 0 };
  for (const { telling } of list) {
    union.signs |= telling.signs;
    union.upper |= telling.upper;
    union.lower |= telling.lower;
  }
  return union;
}

export function kindsOf(tokens: string): Kinds {
  let signs = 0;
  let upper = 0;
  let lower = 0;
  for (let at = 0; at < tokens.length; at++) {
    const code = tokens.charCodeAt(at);
    const bit = 1 << (code & 31);
    if (code < 0x40) signs |= bit;
    else if (code < 0x60) upper |= bit;
    else lower |= bit;
  }
  return { signs, upper, lower };
}

/** Whether a text of these kinds can be one that needs those. */
export function meets(kinds: Kinds, { all, some }: Needs): boolean {
  const { signs, upper, lower } = kinds;
  if ((signs & all.signs) !== all.signs || (upper & all.upper) !== all.upper) return false;
  return (lower & all.lower) === all.lower && some.every((one) => overlap(kinds, one));
}

export function overlap(a: Kinds, b: Kinds): boolean {
  return ((a.signs & b.signs) | (a.upper & b.upper) | (a.lower & b.lower)) !== 0;
}

export function codeOf(kind: string): number {
  return kind.charCodeAt(0);
}

export function codesOf(kinds: string): ReadonlySet<number> {
  return new Set(kinds.split("").map(codeOf));
}
