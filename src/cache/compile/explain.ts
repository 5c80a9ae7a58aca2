import { Classifier } from "../classify.ts";
import { keyOf } from "../key.ts";
import { originHeaders } from "../origin-request.ts";
import type { CacheClass, CompiledCachePolicy } from "../compiled.ts";

/** What the policy makes of one request: pairs of a label and its text, in the order to be read. */
export type Explanation = readonly (readonly [string, string])[];

/** Explains class, key, variance and lifetime of a GET for `url` with `headers`. Pure. */
export function explain(policy: CompiledCachePolicy, url: URL, headers: Headers): Explanation {
  const classifier = new Classifier(policy);
  const { rules, name, reason, pattern } = classifier.classOf(url.pathname);
  const lines: [string, string][] = [["class", pattern === undefined ? name : `${name} (by ${pattern})`]];
  if (rules === undefined) return [...lines, ["cached", `no: ${WHY[reason]}`]];
  const key = keyOf(url.host, url.pathname, url.search.slice(1), headers, rules, classifier.dimensions);
  if (key === undefined) return [...lines, ["cached", "no: its key would be too long"]];
  const sent = originHeaders(headers, rules, key, classifier.dimensions);
  return [
    ...lines,
    ["cached", "yes, where the response allows it"],
    ["key", key.target],
    ["not in the key", dropped(url, key.target) || "nothing"],
    ["dimensions", key.dimensions.map(([dimension, value]) => `${dimension}=${value}`).join(", ") || "none"],
    [
      "may vary by",
      rules.headers === "all"
        ? "any header the response names in Vary"
        : rules.headers.join(", ") || "nothing else",
    ],
    ["origin is sent", [...sent.keys()].join(", ")],
    ["lifetime", lifetimeText(rules)],
    ["stale", staleText(rules)],
    ["stored statuses", rules.statuses === "all" ? "any" : rules.statuses.join(", ")],
    ["stored types", rules.types === "all" ? "any" : rules.types.join(", ")],
    ["client directives", rules.clientDirectives ? "followed" : "ignored"],
  ];
}

const WHY = {
  matched: "the class says never",
  unmatched: "no class matches the path",
  "ambiguous-path": "the path can be read in two ways (encoded separators, dots, controls, `;`, `//`)",
  "shadow-of-never": "read without letter case or encoding it is a path that is never cached",
} as const;

function dropped(url: URL, target: string): string {
  const kept = new Set(new URL(target, url).searchParams.keys());
  return [...new Set(url.searchParams.keys())].filter((name) => !kept.has(name)).join(", ");
}

function lifetimeText({ lifetime, jitter }: CacheClass): string {
  const parts = ["as the origin says (CDN-Cache-Control, Surrogate-Control, s-maxage, max-age, Expires)"];
  if (lifetime.heuristic) parts.push("else a tenth of the time since Last-Modified");
  if (lifetime.fallback !== null) parts.push(`else ${lifetime.fallback} s`);
  if (lifetime.negative !== null) parts.push(`404 and 410 else ${lifetime.negative} s`);
  if (lifetime.max !== null) parts.push(`at most ${lifetime.max} s`);
  if (jitter > 0) parts.push(`shortened at random by up to ${Math.round(jitter * 100)}%`);
  return parts.join("; ");
}

function staleText({ stale }: CacheClass): string {
  return `as the origin says, else ${stale.whileRevalidate} s while it is fetched anew, ${stale.ifError} s where the origin fails`;
}
