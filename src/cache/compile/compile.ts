import { join } from "node:path";
import { type Fault, type PolicyFile, readPolicy } from "../../authoring/index.ts";
import type { CacheClass, CompiledCachePolicy, Dimension } from "../compiled.ts";
import { UNCLASSIFIED } from "../classify.ts";
import { isNeverForwarded } from "../origin-request.ts";
import { type CacheFile, cacheFile } from "./schema.ts";

const FILE = "cache.yaml";
const MAX_MEMORY = 67_108_864;
const MAX_OBJECT = 16_777_216;
/** As the memory tier has it. */
const LARGEST_SHARE = 8;

/** Reads and compiles `<rulesDir>/cache.yaml`; every fault at once, each with line, column and remedy. */
export function compileCache(rulesDir: string): {
  readonly value: CompiledCachePolicy | undefined;
  readonly faults: readonly Fault[];
} {
  const source = readPolicy(join(rulesDir, FILE), cacheFile);
  if (source.value === undefined) return { value: undefined, faults: source.faults };
  const faults = [...source.faults, ...crossFaults(source, source.value)];
  return { value: faults.length === 0 ? compiled(source.value) : undefined, faults };
}

function compiled(file: CacheFile): CompiledCachePolicy {
  const { paths, depth, count, deadline } = file.fragments;
  return {
    memoryBytes: file.limits.memory,
    objectBytes: file.limits.object,
    fragments: { prefixes: paths, depth, count, deadline: deadline * 1000 },
    dimensions: Object.entries(file.dimensions).map(([name, given]): Dimension => ({
      name,
      source: given.header === undefined ? "cookie" : "header",
      field: given.header ?? given.cookie ?? "",
      values: given.values,
      contains: given.contains,
      fallback: given.default,
    })),
    classes: Object.entries(file.classes).map(([name, given]) => compiledClass(name, given)),
  };
}

function compiledClass(name: string, given: CacheFile["classes"][string]): CacheClass {
  const { lifetime, stale } = given;
  return {
    name,
    match: given.match,
    patterns: given.match.map(patternSource),
    mode: given.cache === "never" ? "never" : "cache",
    query: given.query,
    headers: given.headers,
    dimensions: given.dimensions,
    statuses: given.statuses,
    types: given.types,
    clientDirectives: given["follow-client-directives"],
    lifetime: {
      fallback: lifetime.default,
      max: lifetime.max,
      heuristic: lifetime.heuristic,
      negative: lifetime.negative,
    },
    stale: { whileRevalidate: stale["while-revalidate"], ifError: stale["if-error"] },
    jitter: given.jitter / 100,
    fragments: given.fragments,
  };
}

/** `*`: one segment; a `**` at the end: the folder itself and everything below. No other wildcard, so matching is linear. */
function patternSource(pattern: string): string {
  const folder = pattern.endsWith("/**");
  const parts = (folder ? pattern.slice(0, -3) : pattern)
    .split("*")
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return `^${parts.join("[^/]+")}${folder ? "(?:/.*)?" : ""}$`;
}

type Report = (path: readonly PropertyKey[], message: string, remedy: string) => void;

/** Faults that span several values. */
function crossFaults(source: PolicyFile<CacheFile>, file: CacheFile): Fault[] {
  const faults: Fault[] = [];
  const report: Report = (path, message, remedy) => {
    faults.push({ ...source.locate(path), message: `${path.join(".")}: ${message}`, remedy });
  };
  limitFaults(file, report);
  for (const [name, given] of Object.entries(file.classes)) classFaults(name, given, file, report);
  orderFaults(file, report);
  return faults;
}

function limitFaults({ limits }: CacheFile, report: Report): void {
  const { memory, object } = limits;
  if (memory > MAX_MEMORY)
    report(["limits", "memory"], "an isolate has 128 MB in all", "give the cache 64MB or less");
  if (object > MAX_OBJECT)
    report(["limits", "object"], "too large to be held while it arrives", "write 16MB or less");
  else if (object > memory / LARGEST_SHARE)
    report(
      ["limits", "object"],
      "more than an eighth of `memory`, which keeps none so large",
      "lower it, or raise memory",
    );
}

function classFaults(
  name: string,
  given: CacheFile["classes"][string],
  file: CacheFile,
  report: Report,
): void {
  const at = (...path: readonly PropertyKey[]): PropertyKey[] => ["classes", name, ...path];
  if (name === UNCLASSIFIED) report(at(), "is what paths of no class are called", "choose another name");
  for (const [index, wanted] of given.dimensions.entries()) {
    if (!Object.hasOwn(file.dimensions, wanted))
      report(at("dimensions", index), `there is no dimension ${wanted}`, "declare it under dimensions");
  }
  const { default: fallback, max, negative } = given.lifetime;
  for (const [key, lifetime] of [
    ["default", fallback],
    ["negative", negative],
  ] as const)
    if (max !== null && lifetime !== null && lifetime > max)
      report(at("lifetime", key), "is longer than `max`, which cuts it", "lower it, or raise max");
  if (given.headers === "all") return;
  for (const [index, header] of given.headers.entries()) {
    if (header === "cookie")
      report(
        at("headers", index),
        "a class cannot be keyed by all cookies",
        "declare a dimension with `cookie:` for the one that counts",
      );
    else if (isNeverForwarded(header))
      report(at("headers", index), `${header} of a client never reaches the origin`, "remove it");
  }
}

/** The first class that matches a path has it: nothing may hide what a later one says. */
function orderFaults(file: CacheFile, report: Report): void {
  const earlier: { readonly pattern: string; readonly owner: string; readonly keeps: boolean }[] = [];
  for (const [name, given] of Object.entries(file.classes)) {
    for (const [index, pattern] of given.match.entries()) {
      const samples = samplesOf(pattern);
      const never = given.cache === "never";
      const whole = earlier.find((other) => samples.every((path) => matches(other.pattern, path)));
      const part = earlier.find(
        (other) => other.keeps && never && samples.some((path) => matches(other.pattern, path)),
      );
      if (whole !== undefined)
        report(
          ["classes", name, "match", index],
          `${pattern} is already matched by ${whole.pattern} of ${whole.owner}`,
          "remove one of the two, or move this class ahead",
        );
      else if (part !== undefined)
        report(
          ["classes", name, "match", index],
          `paths of ${pattern}, which is never to be cached, are cached by ${part.pattern} of ${part.owner}`,
          "move this class ahead",
        );
      earlier.push({ pattern, owner: name, keeps: !never });
    }
  }
}

/** Paths that a pattern stands for: with other segments than anybody writes, and none, one and two below a folder. */
function samplesOf(pattern: string): string[] {
  const folder = pattern.endsWith("/**");
  const base = (folder ? pattern.slice(0, -3) : pattern).replaceAll("*", "\u{1F6D2}");
  return folder ? [base, `${base}/\u{1F6D2}`, `${base}/\u{1F6D2}/\u{1F6D2}`] : [base];
}

function matches(pattern: string, path: string): boolean {
  return new RegExp(patternSource(pattern)).test(path);
}
