import { join } from "node:path";
import { type Fault, type PolicyFile, readPolicy } from "../../authoring/index.ts";
import type { CacheClass, CompiledCachePolicy, Dimension } from "../compiled.ts";
import { type CacheFile, cacheFile } from "./schema.ts";

const FILE = "cache.yaml";
const MAX_MEMORY = 67_108_864;
const MAX_OBJECT = 16_777_216;

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

/** Faults that span several values. */
function crossFaults(source: PolicyFile<CacheFile>, file: CacheFile): Fault[] {
  const faults: Fault[] = [];
  const report = (path: readonly PropertyKey[], message: string, remedy: string): void => {
    faults.push({ ...source.locate(path), message: `${path.join(".")}: ${message}`, remedy });
  };
  if (file.limits.memory > MAX_MEMORY)
    report(["limits", "memory"], "an isolate has 128 MB in all", "give the cache 64MB or less");
  if (file.limits.object > MAX_OBJECT)
    report(["limits", "object"], "too large to be held while it arrives", "write 16MB or less");
  const seen = new Map<string, string>();
  for (const [name, given] of Object.entries(file.classes)) {
    for (const [index, wanted] of given.dimensions.entries()) {
      if (!(wanted in file.dimensions))
        report(
          ["classes", name, "dimensions", index],
          `there is no dimension ${wanted}`,
          "declare it under dimensions",
        );
    }
    for (const [index, pattern] of given.match.entries()) {
      const owner = seen.get(pattern);
      if (owner !== undefined)
        report(
          ["classes", name, "match", index],
          `${pattern} is already matched by ${owner}`,
          "remove one of the two",
        );
      seen.set(pattern, name);
    }
    if (given.headers !== "all" && given.headers.includes("cookie")) {
      report(
        ["classes", name, "headers"],
        "a class cannot be keyed by all cookies",
        "declare a dimension with `cookie:` for the one that counts",
      );
    }
  }
  return faults;
}
