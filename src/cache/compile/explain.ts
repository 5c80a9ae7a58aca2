import { type CanonicalTarget, canonicalize } from "../../http/canonical.ts";
import { isByteRange } from "../conditions.ts";
import { type Classified, Classifier } from "../classify.ts";
import type { CacheClass, CompiledCachePolicy } from "../compiled.ts";
import { keyOf } from "../key.ts";
import { originHeaders } from "../origin-request.ts";

/** What the policy makes of one request: pairs of a label and its text, in the order to be read. */
export type Explanation = readonly (readonly [string, string])[];

/** A request as an operator has it. */
export interface ExplainedRequest {
  readonly method: string;
  /** Absolute, as the client writes it. */
  readonly url: string;
  readonly headers: Headers;
  readonly hasBody: boolean;
}

/**
 * Explains class, key, variance and lifetime of a request to the store at `domain`. Pure.
 * @param refused what the gateway refuses before the cache is asked, in words; undefined where it does not
 */
export function explain(
  policy: CompiledCachePolicy,
  domain: string,
  request: ExplainedRequest,
  refused: (target: CanonicalTarget, request: ExplainedRequest) => string | undefined,
): Explanation {
  const target = canonicalize(request.url);
  const { path, query, faults } = target;
  const before: [string, string][] = [
    ["request", `${request.method} ${path}${query === "" ? "" : `?${query}`}`],
  ];
  const written = target.rawTarget.split("#", 1)[0] ?? "";
  if (written !== `${path}${query === "" ? "" : `?${query}`}`) before.push(["written as", written]);
  if (!isOwnHost(target.authority, domain))
    return [
      ...before,
      ["host", `${target.authority} is not ${domain}`],
      ["cached", "no: the edge answers 421"],
    ];
  if (request.method === "TRACE" || request.method === "CONNECT")
    return [...before, ["cached", "no: the edge answers 405"]];
  if (faults.length > 0)
    return [...before, ["cached", `no: the edge refuses the target with 400 or 414 (${faults.join(", ")})`]];
  const gateway = refused(target, request);
  if (gateway !== undefined) return [...before, ["cached", `no: ${gateway}`]];
  const classifier = new Classifier(policy);
  const classified = classifier.classOf(path);
  before.push(["class", classText(classified)]);
  const { rules } = classified;
  const refusal = refusalOf(request, classified, path);
  if (rules === undefined || refusal !== undefined) return [...before, ["cached", `no: ${refusal ?? ""}`]];
  return [...before, ...ofCacheable(policy, domain, request, rules, target)];
}

/** The domain under a port that the edge answers at, or this machine as `serve` is reached. */
function isOwnHost(authority: string, domain: string): boolean {
  const names = [domain, `${domain}:80`, `${domain}:443`];
  return names.includes(authority) || /^(?:127\.0\.0\.1|localhost)(?::\d+)?$/.test(authority);
}

function ofCacheable(
  policy: CompiledCachePolicy,
  domain: string,
  { headers, method }: ExplainedRequest,
  rules: CacheClass,
  { path, query }: CanonicalTarget,
): Explanation {
  const { dimensions } = new Classifier(policy);
  const key = keyOf(domain, path, query, headers, rules, dimensions);
  if (key === undefined) return [["cached", "no: its key would be too long"]];
  const sent = originHeaders(headers, rules, key, dimensions);
  return [
    ["cached", cachedText(method, headers)],
    ["key", key.target],
    ["not in the key", dropped(query, key.target) || "nothing"],
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
    [
      "fragments",
      rules.fragments ? 'composed, where Surrogate-Control says content="ESI/1.0"' : "not composed",
    ],
    ["client directives", rules.clientDirectives ? "followed" : "ignored"],
  ];
}

const WHY = {
  matched: "the class says never",
  unmatched: "no class matches the path; add one to rules/cache.yaml to have it cached",
  "ambiguous-path": "the path can be read in two ways (encoded separators, dots, controls, `;`, `//`)",
  "shadow-of-never": "read without letter case or encoding it is a path that is never cached",
} as const;

function classText({ name, pattern }: Classified): string {
  return pattern === undefined ? name : `${name} (by ${pattern})`;
}

/** Why a request passes by the cache whatever the answer; undefined where it does not. */
function refusalOf(
  { method, headers, hasBody }: ExplainedRequest,
  { rules, reason }: Classified,
  path: string,
): string | undefined {
  if (method !== "GET" && method !== "HEAD") {
    const unsafe = method !== "OPTIONS" && rules !== undefined;
    return `${method} goes to the origin${unsafe ? `, and where that takes it (below 400) ${path} is purged` : ""}`;
  }
  if (rules === undefined) return WHY[reason];
  if (hasBody) return "a body makes a GET its own";
  return headers.has("upgrade") ? "it asks for another protocol" : undefined;
}

function cachedText(method: string, headers: Headers): string {
  if (headers.has("authorization"))
    return "only where the response says public, s-maxage or must-revalidate (Authorization); never from what is stored";
  if (method === "HEAD")
    return "answered from a stored GET; without one it goes to the origin, and nothing is stored";
  const range = headers.get("range");
  if (range !== null && isByteRange(range))
    return "answered from a stored response; without one the range goes to the origin, and nothing is stored";
  return "yes, where the response allows it";
}

/** Names of parameters of the query that are not in the key. */
function dropped(query: string, target: string): string {
  const kept = new Set(new URLSearchParams(target.split("?", 2)[1] ?? "").keys());
  return [...new Set(new URLSearchParams(query).keys())].filter((name) => !kept.has(name)).join(", ");
}

function lifetimeText({ lifetime, jitter }: CacheClass): string {
  const parts = ["as the origin says (CDN-Cache-Control, Surrogate-Control, s-maxage, max-age, Expires)"];
  if (lifetime.heuristic) parts.push("else a tenth of the time since Last-Modified");
  if (lifetime.fallback !== null) parts.push(`else ${durationText(lifetime.fallback)}`);
  if (lifetime.negative !== null) parts.push(`404 and 410 else ${durationText(lifetime.negative)}`);
  if (lifetime.max !== null) parts.push(`at most ${durationText(lifetime.max)}`);
  if (jitter > 0) parts.push(`shortened at random by up to ${Math.round(jitter * 100)}%`);
  return parts.join("; ");
}

function staleText({ stale }: CacheClass): string {
  const windows = [
    `${durationText(stale.whileRevalidate)} while it is fetched anew`,
    `${durationText(stale.ifError)} where the origin fails`,
  ];
  return `as the origin says, else ${windows.join(", ")}`;
}

/** As rules/cache.yaml writes it. */
function durationText(seconds: number): string {
  for (const [unit, length] of [
    ["d", 86_400],
    ["h", 3600],
    ["m", 60],
  ] as const)
    if (seconds > 0 && seconds % length === 0) return `${seconds / length}${unit}`;
  return `${seconds}s`;
}
