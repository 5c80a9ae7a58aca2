/**
 * What of a message cannot be read as its grammar says. Every reader of a field
 * takes the safest reading by itself; this only says that there was something to
 * be told, so that an origin's mistake shows in the metrics and not in the bill.
 */
import { isEntityTag } from "./conditions.ts";
import { parseHttpDate } from "./dates.ts";
import { isCacheControl, isSurrogateControl, isTargetedControl } from "./directives.ts";
import type { MalformedPart } from "./events.ts";
import { hasTooManyTags, isGroupList } from "./tags.ts";
import { varyNames } from "./vary.ts";

/** The whole check of one field, by its name. */
const CHECKS: readonly (readonly [MalformedPart, string, (value: string, now: number) => boolean])[] = [
  ["age", "age", (value) => /^\d+$/.test(value)],
  ["cache-control", "cache-control", isCacheControl],
  ["cdn-cache-control", "cdn-cache-control", isTargetedControl],
  ["surrogate-control", "surrogate-control", isSurrogateControl],
  ["vary", "vary", (value) => value.trim() === "*" || varyNames(value) !== undefined],
  ["etag", "etag", isEntityTag],
  ["date", "date", (value, now) => parseHttpDate(value, now) !== undefined],
  ["last-modified", "last-modified", (value, now) => parseHttpDate(value, now) !== undefined],
  // RFC 9111 section 5.3 knows these two, and what they mean.
  ["expires", "expires", (value, now) => /^(?:0|-1)$/.test(value) || parseHttpDate(value, now) !== undefined],
  ["tags", "cache-groups", isGroupList],
];

/** What of an origin's answer is malformed. Never throws. */
export function malformedFields(headers: Headers, now: number): MalformedPart[] {
  const found: MalformedPart[] = [];
  for (const [part, field, isWellFormed] of CHECKS) {
    const value = headers.get(field);
    if (value !== null && !isWellFormed(value, now)) found.push(part);
  }
  if (hasTooManyTags(headers) && !found.includes("tags")) found.push("tags");
  return found;
}
