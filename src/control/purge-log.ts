/**
 * The list of purges that stored responses are held against. A purge matters
 * only while something older than it can still be in a cache, so the list is
 * bounded by the longest lifetime; the same purge said twice is one entry; and a
 * list that still grows too long is shortened by purging more, never less.
 */
import type { PurgeKind } from "./state.ts";

export interface Purge {
  /** The control version that made it; later purges have higher ids. 0 where a shopper's request did, and no decision. */
  readonly id: number;
  readonly kind: PurgeKind;
  /** Tag, absolute URL or URL prefix; empty for `all`. */
  readonly value: string;
  /** Soft: what it hits is stale, not gone. */
  readonly soft: boolean;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** What an accepted unsafe request made invalid: a URL from its path on, or a tag. */
export interface Invalidation {
  readonly kind: "tag" | "url";
  readonly value: string;
}

export interface InvalidationAnswer {
  /** How many were not taken. */
  readonly refused: number;
  /** For so long the isolate is to send none, ms. */
  readonly restMs: number;
}

export const MAX_PURGES = 4096;
/** Of all values together: every isolate reads the list. */
export const MAX_CHARACTERS = 262_144;

/**
 * The list after adding `added`: without what is older than `keepMs`, duplicates
 * merged into the newest, a hard `all` in place of everything before it.
 */
export function addPurges(
  list: readonly Purge[],
  added: readonly Purge[],
  { now, keepMs }: { readonly now: number; readonly keepMs: number },
): readonly Purge[] {
  const merged = new Map<string, Purge>();
  for (const purge of [...list, ...added]) {
    if (now - purge.at > keepMs) continue;
    if (purge.kind === "all" && !purge.soft) merged.clear();
    const key = purgeKey(purge);
    merged.delete(key);
    merged.set(key, purge);
  }
  return shorten([...merged.values()]);
}

/** What makes two purges the same: the later one is all there is to remember. */
export function purgeKey({ kind, value, soft }: Purge): string {
  return `${soft ? "s" : "h"}${kind}:${value}`;
}

/** Replaces the older half of a list that is too long or too large by one purge of everything, as hard as the hardest of them; again until it fits. */
function shorten(list: readonly Purge[]): readonly Purge[] {
  const characters = list.reduce((sum, { value }) => sum + value.length, 0);
  if (list.length <= MAX_PURGES && characters <= MAX_CHARACTERS) return list;
  const half = Math.ceil(list.length / 2);
  const [folded, kept] = [list.slice(0, half), list.slice(half)];
  const last = folded.at(-1);
  if (last === undefined || kept.length === 0) return list;
  const all: Purge = { ...last, kind: "all", value: "", soft: folded.every((purge) => purge.soft) };
  // A later one of everything, as hard, says it already.
  const said = kept.some((purge) => purgeKey(purge) === purgeKey(all));
  return shorten(said ? kept : [all, ...kept]);
}
