import { parseList } from "structured-headers";
import { listMembers } from "./fields.ts";

const MAX_TAGS = 8192;
const FNV_PRIME = 0x01000193;
const SEED_HIGH = 0x811c9dc5;
const SEED_LOW = 0x2f0b4a27;
const HIGH_BITS = 0x1fffff;
const TWO_32 = 0x1_0000_0000;

/**
 * A tag as a 53-bit number (two FNV-1a halves). A collision purges too much,
 * never too little. Tags are compared caselessly, as Cloudflare's are.
 */
export function hashTag(tag: string): number {
  return hashText(tag.toLowerCase());
}

/** As `hashTag`, with regard to letter case: what strangers choose, and may be long, is remembered so. */
export function hashText(text: string): number {
  let high = SEED_HIGH;
  let low = SEED_LOW;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    high = Math.imul(high ^ code, FNV_PRIME);
    low = Math.imul(low ^ code, FNV_PRIME) ^ (high >>> 15);
  }
  return ((high >>> 0) & HIGH_BITS) * TWO_32 + (low >>> 0);
}

/**
 * The tags of a response: `Cache-Tag` (commas), `Surrogate-Key` (spaces) and
 * RFC 9875 `Cache-Groups` (a list of strings). Lists of 64 KB are taken in; past
 * 8,192 tags the rest is not kept and `anyTag` has every tag purge hit it.
 */
export function responseTags(headers: Headers): {
  readonly tags: readonly number[];
  readonly anyTag: boolean;
} {
  const hashes = new Set<number>();
  for (const name of tagNames(headers)) {
    if (hashes.size === MAX_TAGS) return { tags: [...hashes], anyTag: true };
    hashes.add(hashTag(name));
  }
  return { tags: [...hashes], anyTag: false };
}

function* tagNames(headers: Headers): Generator<string> {
  for (const part of (headers.get("cache-tag") ?? "").split(",")) if (part.trim() !== "") yield part.trim();
  for (const part of (headers.get("surrogate-key") ?? "").split(/[\s,]+/)) if (part !== "") yield part;
  yield* cacheGroups(headers.get("cache-groups"));
}

/** Members of `Cache-Groups` or `Cache-Group-Invalidation` (RFC 9875): a list of strings; what else is in it is skipped. */
export function cacheGroups(field: string | null): string[] {
  return listMembers(field ?? "", "escapes").flatMap((member) => {
    const group = /^"((?:[^"\\]|\\["\\])*)"/.exec(member)?.[1];
    return group === undefined ? [] : [group.replace(/\\(.)/g, "$1")];
  });
}

/** Whether a field of groups is a list of strings and nothing else (RFC 9651 section 3.1). */
export function isGroupList(field: string): boolean {
  try {
    return parseList(field).every(([value]) => typeof value === "string");
  } catch {
    return false;
  }
}

/** Whether a response has more tags than are kept. */
export function hasTooManyTags(headers: Headers): boolean {
  const longest = (headers.get("cache-tag")?.length ?? 0) + (headers.get("surrogate-key")?.length ?? 0);
  return longest > 2 * MAX_TAGS && responseTags(headers).anyTag;
}
