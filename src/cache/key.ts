import type { FieldReader } from "../http/fields.ts";
import { cookieValue } from "../http/headers.ts";
import type { CacheClass, Dimension } from "./compiled.ts";
import { lengthPrefixed } from "./vary.ts";

/** What is stored under, and exactly what the origin is asked. */
export interface CacheKey {
  /** Length-prefixed parts, so that no part can pose as another. */
  readonly text: string;
  /** Path and kept query: what purges name. */
  readonly target: string;
  /** Dimension -> value. */
  readonly dimensions: readonly (readonly [string, string])[];
}

const MAX_KEY = 8192;

/** The key of a request; undefined where it is too long to be stored under. `query` without `?`. */
export function keyOf(
  host: string,
  path: string,
  query: string,
  headers: FieldReader,
  rules: CacheClass,
  known: ReadonlyMap<string, Dimension>,
): CacheKey | undefined {
  const kept = query === "" ? "" : keptQuery(query, rules.query);
  const target = targetOf(path, kept);
  const dimensions: (readonly [string, string])[] = [];
  let text = lengthPrefixed(rules.name) + lengthPrefixed(host) + lengthPrefixed(path) + lengthPrefixed(kept);
  for (const name of rules.dimensions) {
    const value = dimensionValue(known.get(name), headers);
    dimensions.push([name, value]);
    text += lengthPrefixed(name) + lengthPrefixed(value);
  }
  return text.length > MAX_KEY ? undefined : { text, target, dimensions };
}

/** Path and kept query as purges and invalidations name them. */
export function targetOf(path: string, kept: string): string {
  return kept === "" ? path : `${path}?${kept}`;
}

/**
 * The query parameters that the class keys by, sorted by name, repeated ones in
 * their order. Split at `&` alone: `;` is part of a value here, and a value that
 * holds one is sent with it encoded, so that no origin can split it again
 * (parameter cloaking).
 */
export function keptQuery(query: string, allowed: CacheClass["query"]): string {
  if (allowed === "all") return query;
  const parameters: (readonly [string, string])[] = [];
  for (const part of query.split("&")) {
    const cut = part.indexOf("=");
    const name = component(cut < 0 ? part : part.slice(0, cut));
    if (name === undefined || !allowed.includes(name)) continue;
    const value = cut < 0 ? "" : component(part.slice(cut + 1));
    if (value !== undefined) parameters.push([name, value]);
  }
  return parameters
    .toSorted(([left], [right]) => (left < right ? -1 : Number(left > right)))
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join("&");
}

function component(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}

/** The value of a declared dimension: one of its closed set, whatever the client sends. */
export function dimensionValue(dimension: Dimension | undefined, headers: FieldReader): string {
  if (dimension === undefined) return "";
  const raw =
    dimension.source === "header" ? headers.get(dimension.field) : cookieValue(headers, dimension.field);
  const value = (raw ?? "").trim().toLowerCase();
  if (dimension.values.includes(value)) return value;
  for (const [name, fragments] of Object.entries(dimension.contains))
    if (fragments.some((part) => value.includes(part))) return name;
  return dimension.fallback;
}
