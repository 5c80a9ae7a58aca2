import { percentDecode } from "../transformations/percent.ts";

/** Pairs of a query or form (WHATWG URL, 5.1), each decoded once; the signs of a plus are turned into spaces all at once. */
export function formPairs(form: string): (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = [];
  for (const pair of form.replaceAll("+", " ").split("&")) if (pair !== "") pairs.push(decodePair(pair));
  return pairs;
}

function decodePair(pair: string): readonly [string, string] {
  const equals = pair.indexOf("=");
  if (equals < 0) return [percentDecode(pair), ""];
  return [percentDecode(pair.slice(0, equals)), percentDecode(pair.slice(equals + 1))];
}
