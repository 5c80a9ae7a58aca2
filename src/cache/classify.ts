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

/** The class of paths of none, in `Served` and metrics. */
export const UNCLASSIFIED = "none";

/** Whether an origin may read a canonical path as another one: such a path has no class. */
export function isAmbiguous(path: string): boolean {
  return AMBIGUOUS.test(path);
}

interface HydratedClass {
  readonly rules: CacheClass;
  readonly patterns: readonly RegExp[];
  /** The same in any letter case. */
  readonly caseless: readonly RegExp[];
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
      caseless: rules.patterns.map((source) => new RegExp(source, "i")),
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
    if (isAmbiguous(path)) return unclassified("ambiguous-path");
    const match = this.#match(path, "patterns") ?? unclassified("unmatched");
    if (match.rules === undefined) return match;
    // An origin may read a path, and a rule its author's own, without letter case:
    // what some origin could take for a private page is not cached either.
    const shadow = this.#match(encodeURI(decoded(path).toLowerCase()), "caseless");
    return shadow !== undefined && shadow.rules === undefined
      ? { ...shadow, reason: "shadow-of-never" }
      : match;
  }

  #match(path: string, reading: "patterns" | "caseless"): Classified | undefined {
    for (const { rules, [reading]: patterns } of this.#classes) {
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
  return { rules: undefined, name: UNCLASSIFIED, fragments: false, reason, pattern: undefined };
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
