import type { Answer } from "../http/answer.ts";
import { keptQuery, targetOf } from "./key.ts";
import type { CacheInput, Invalidated } from "./passage.ts";
import type { CacheClass } from "./compiled.ts";
import { cacheGroups } from "./tags.ts";

/**
 * What an accepted unsafe request makes invalid: its own URL, those that
 * `Location` and `Content-Location` name on the same host (RFC 9111 section 4.4),
 * and the groups of `Cache-Group-Invalidation` (RFC 9875 section 3).
 */
export function invalidatedBy(
  { request, path, query }: CacheInput,
  { headers, status }: Answer,
  classOf: (path: string) => CacheClass | undefined,
): Invalidated[] {
  const urls = new Set<string>();
  const add = (at: string, search: string): void => {
    const rules = classOf(at);
    if (rules === undefined) return;
    urls.add(targetOf(at, search === "" ? "" : keptQuery(search, rules.query)));
  };
  add(path, query);
  // A redirect's Location is where to go next, not what was changed.
  const redirects = status >= 300;
  for (const field of redirects ? ["content-location"] : ["location", "content-location"]) {
    const value = headers.get(field);
    const url = value === null ? null : URL.parse(value, request.url);
    if (url !== null && url.host === new URL(request.url).host) add(url.pathname, url.search.slice(1));
  }
  const groups = cacheGroups(headers.get("cache-group-invalidation"));
  return [
    ...[...urls].map((value) => ({ kind: "url" as const, value })),
    ...groups.map((value) => ({ kind: "tag" as const, value })),
  ];
}
