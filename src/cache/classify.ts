import type { CacheClass, CompiledCachePolicy, Dimension } from "./compiled.ts";

/** Why a path has its class: a closed union for logs and `edge cache explain`. */
export type ClassReason = "matched" | "unmatched" | "ambiguous-path" | "shadow-of-never";

export interface Classified {
  /** Undefined: nothing of this path is read or stored. */
  readonly rules: CacheClass | undefined;
  readonly name: string;
  /** Whether its pages may hold fragments to compose, stored or not. */
  readonly fragments: boolean;
  readonly reason: ClassReason;
  /** The pattern that matched, where one did. */
  readonly pattern: string | undefined;
}

interface HydratedClass {
  readonly rules: CacheClass;
  readonly patterns: readonly RegExp[];
}

const REMEMBERED = 4096;
const LONGEST_REMEMBERED = 256;
/** Bytes on whose meaning an origin and a cache may differ: encoded separators, dots and controls, backslashes, path parameters, empty segments. */
const AMBIGUOUS = /%(?:2f|5c|2e|00|0[9ad]|23|3b|3f|25)|[\\;]|\/\/|[^\x21-\x7e]|(?:^|\/)\.\.?(?:\/|$)/i;

/** Finds a path's class. Compiled once an isolate; answers are remembered for the most recent paths. */
export class Classifier {
  readonly dimensions: ReadonlyMap<string, Dimension>;
  readonly #classes: readonly HydratedClass[];
  readonly #remembered = new Map<string, Classified>();

  constructor(policy: CompiledCachePolicy) {
    this.#classes = policy.classes.map((rules) => ({
      rules,
      patterns: rules.patterns.map((source) => new RegExp(source)),
    }));
    this.dimensions = new Map(policy.dimensions.map((dimension) => [dimension.name, dimension]));
  }

  /** `path` is canonical and without query. */
  classOf(path: string): Classified {
    const known = this.#remembered.get(path);
    if (known !== undefined) return known;
    const found = this.#find(path);
    if (this.#remembered.size >= REMEMBERED) this.#remembered.clear();
    if (path.length <= LONGEST_REMEMBERED) this.#remembered.set(path, found);
    return found;
  }

  #find(path: string): Classified {
    if (AMBIGUOUS.test(path)) return unclassified("ambiguous-path");
    const match = this.#match(path) ?? unclassified("unmatched");
    const folded = decoded(path).toLowerCase();
    if (match.rules === undefined || folded === path) return match;
    // An origin may read a path without letter case or with its octets decoded:
    // what some origin could take for a private page is not cached either.
    const shadow = this.#match(folded);
    return shadow !== undefined && shadow.rules === undefined
      ? { ...shadow, reason: "shadow-of-never" }
      : match;
  }

  #match(path: string): Classified | undefined {
    for (const { rules, patterns } of this.#classes) {
      const index = patterns.findIndex((pattern) => pattern.test(path));
      if (index < 0) continue;
      const { name, fragments, mode, match } = rules;
      return {
        rules: mode === "never" ? undefined : rules,
        name,
        fragments,
        reason: "matched",
        pattern: match[index],
      };
    }
    return undefined;
  }
}

function unclassified(reason: ClassReason): Classified {
  return { rules: undefined, name: "none", fragments: false, reason, pattern: undefined };
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
