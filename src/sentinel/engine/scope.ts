import type { PackageRule, SentinelPackage } from "../package.ts";
import type { Override, SentinelSettings, Uncounted } from "../verdict.ts";
import type { Collection } from "../variables.ts";
import { type Compiled, type Rule, type Selector, selectorOf } from "./plan.ts";
import { selects, type Scope } from "./matching.ts";
import { pathPattern } from "./paths.ts";
import { tally } from "./tally.ts";

/** What runs for one request, and what of it counts. */
export interface RequestScope extends Scope {
  /** Null where a match of the rule counts. */
  readonly uncounted: (rule: Rule) => Uncounted | null;
}

interface Exclusion {
  /** By rule index: whether it is about the rule. */
  readonly rules: readonly boolean[];
  readonly paths: readonly RegExp[];
  readonly parameters: readonly Selector[];
  readonly expires: number;
}

interface Resolved {
  readonly running: Uint8Array;
  readonly uncountedOf: RequestScope["uncounted"];
  readonly paths: readonly { readonly pattern: RegExp; readonly mode: Override }[];
}

/** Settings in force and the ones just before; more are not kept. */
const KEPT = 8;

/** Resolves operators' overrides once a settings object, and exclusions once a request. */
export class Scopes {
  private readonly pkg: SentinelPackage;
  private readonly compiled: Compiled;
  private readonly exclusions: readonly Exclusion[];
  private readonly resolved = new WeakMap<SentinelSettings, Resolved>();
  /** By content: the same settings come as a new object whenever the snapshot is fetched. */
  private readonly known = new Map<string, Resolved>();

  constructor(pkg: SentinelPackage, compiled: Compiled) {
    this.pkg = pkg;
    this.compiled = compiled;
    const pattern = (index: number): RegExp => {
      const expression = pkg.expressions[index];
      if (expression === undefined) throw new Error("package: a selector's expression is missing");
      return new RegExp(expression.source, expression.flags);
    };
    this.exclusions = pkg.exclusions.map((exclusion) => ({
      rules: compiled.rules.map(
        ({ source }) =>
          exclusion.rules.includes(source.id) || exclusion.tags.some((tag) => source.tags.includes(tag)),
      ),
      paths: exclusion.paths.map(pathPattern),
      parameters: exclusion.parameters.map((target) => selectorOf(target, pattern)),
      expires: exclusion.expires,
    }));
  }

  /** `path` null: the path is written ambiguously, so that nothing bound to a path applies. */
  of(settings: SentinelSettings, path: string | null, now: number): RequestScope {
    const resolved = this.resolve(settings);
    const { running, uncountedOf } = resolved;
    return {
      running,
      rules: resolved,
      uncounted: uncountedOf,
      blocks: (findings) => tally(findings, uncountedOf, this.pkg.settings).blocks,
      excluded: (rule, collection, name) =>
        this.exclusions.some(
          (exclusion) =>
            exclusion.rules[rule.index] === true &&
            isInForce(exclusion, path, now) &&
            covers(exclusion, collection, name),
        ),
    };
  }

  /** The mode an operator set for a path; null: none, or the path is written ambiguously. */
  modeOf(settings: SentinelSettings, path: string | null): Override | null {
    if (path === null || settings.paths.length === 0) return null;
    return this.resolve(settings).paths.find(({ pattern }) => pattern.test(path))?.mode ?? null;
  }

  private resolve(settings: SentinelSettings): Resolved {
    const resolved = this.resolved.get(settings);
    if (resolved !== undefined) return resolved;
    const content = JSON.stringify(settings);
    const known = this.known.get(content) ?? this.compute(settings);
    if (this.known.size >= KEPT) this.known.clear();
    this.known.set(content, known);
    this.resolved.set(settings, known);
    return known;
  }

  private compute(settings: SentinelSettings): Resolved {
    const running = new Uint8Array(this.compiled.rules.length);
    const paranoia = settings.paranoia ?? this.pkg.settings.paranoia;
    const uncounted = this.compiled.rules.map(({ index, source }) => {
      const override = overrideOf(settings, source);
      running[index] =
        override === "off" ||
        (override === null && source.paranoia > Math.max(paranoia.block, paranoia.watch))
          ? 0
          : 1;
      if (override === "block") return null;
      if (override === "monitor") return "override";
      if (source.shadow) return "shadow";
      return source.paranoia > paranoia.block ? "paranoia" : null;
    });
    const paths = settings.paths.map(({ path, mode }) => ({ pattern: pathPattern(path), mode }));
    return {
      running,
      uncountedOf: (rule) => uncounted[rule.index] ?? null,
      paths,
    };
  }
}

/** What overrides may name under a package: rules and rate rules by id, tags and classes as `tag:name`. */
export function overrideKeys({ rules, rates }: SentinelPackage): Set<string> {
  return new Set([...rules.flatMap(keysOf), ...rates.map(({ id }) => id)]);
}

function keysOf({ id, tags, class: className }: PackageRule): string[] {
  return [id, ...tags.map((tag) => `tag:${tag}`), `tag:${className}`];
}

/** The rule's own override, else the first of its tags'. */
function overrideOf({ rules }: SentinelSettings, rule: PackageRule): Override | null {
  for (const key of keysOf(rule)) {
    const override = rules[key];
    if (override !== undefined) return override;
  }
  return null;
}

function isInForce({ paths, expires }: Exclusion, path: string | null, now: number): boolean {
  return (
    now < expires && (paths.length === 0 || (path !== null && paths.some((pattern) => pattern.test(path))))
  );
}

function covers({ parameters }: Exclusion, collection: Collection, name: string): boolean {
  return parameters.length === 0 || parameters.some((selector) => selects(selector, { collection, name }));
}
