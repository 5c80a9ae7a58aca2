import { percentDecode } from "../transformations/percent.ts";

/** Pairs of a query or form (WHATWG URL, 5.1), each decoded once; the signs of a plus are turned into spaces all at once. */
export function* formPairs(form: string): Generator<readonly [string, string]> {
  const text = form.replace(/\+/g, " ");
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
  if (equals < 0) return [percentDecode(pair), ""];
  return [percentDecode(pair.slice(0, equals)), percentDecode(pair.slice(equals + 1))];
}
