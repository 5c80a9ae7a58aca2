import { formDecode } from "../transformations/percent.ts";

/** Pairs of a query or form, each decoded once; `&` and (as some servers do not) no `;` separates them. */
export function* formPairs(text: string): Generator<readonly [string, string]> {
  let from = 0;
  while (from <= text.length) {
    const end = text.indexOf("&", from);
    const pair = text.slice(from, end < 0 ? text.length : end);
    if (pair !== "") yield decodePair(pair);
    if (end < 0) return;
    from = end + 1;
  }
}

function decodePair(pair: string): readonly [string, string] {
  const equals = pair.indexOf("=");
  const name = equals < 0 ? pair : pair.slice(0, equals);
  const value = equals < 0 ? "" : pair.slice(equals + 1);
  return [formDecode(name), formDecode(value)];
}
