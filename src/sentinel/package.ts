/**
 * The intermediate form: what front ends (YAML today) compile to and what
 * `hydrate` turns into a plan. A self-contained JSON value. Rules are ordered
 * and carry their phase, conditions are chained and say which forms of a value
 * they see, so that a front end with sequential semantics fits as well.
 */
export interface SentinelPackage {
  readonly format: 1;
  /** SHA-256 of the content, first 16 hexadecimal digits; equal rules give equal versions. */
  readonly version: string;
  readonly settings: PackageSettings;
  readonly rules: readonly PackageRule[];
  readonly expressions: readonly PackageExpression[];
  /** Lower-case strings of which the prefilter's one automaton is built. */
  readonly literals: readonly string[];
  readonly lists: readonly (readonly string[])[];
  readonly exclusions: readonly PackageExclusion[];
  readonly rates: readonly PackageRate[];
}

export interface PackageSettings {
  readonly thresholds: { readonly total: number; readonly classes: Readonly<Record<string, number>> };
  readonly paranoia: { readonly block: number; readonly watch: number };
  readonly limits: Limits;
  readonly beyond: "pass" | "reject";
}

/** Whole-request budgets; each has the name that a verdict gives when it is exceeded. */
export interface Limits {
  /** Inspected prefix of the body in bytes. */
  readonly body: number;
  /** Bytes a compressed prefix may grow to. */
  readonly inflated: number;
  /** Bytes of target, names and values of headers together. */
  readonly head: number;
  /** Parameters, leaves, cookies, headers and parts together. */
  readonly values: number;
  /** Depth of JSON, XML and GraphQL. */
  readonly nesting: number;
  /** Parts of a multipart body. */
  readonly parts: number;
  /** Units of matching work (1 to 2 ns each), beside an allowance for every byte of the request. */
  readonly work: number;
}

export type Severity = "critical" | "error" | "warning" | "notice";
export type Phase = 1 | 2 | 3 | 4;

export interface PackageRule {
  readonly id: string;
  readonly class: string;
  readonly description: string;
  readonly phase: Phase;
  readonly severity: Severity;
  readonly score: number;
  readonly paranoia: number;
  readonly tags: readonly string[];
  readonly action: "score" | "block";
  readonly shadow: boolean;
  /** All must hold, in this order. */
  readonly conditions: readonly PackageCondition[];
}

export interface PackageCondition {
  readonly targets: readonly PackageTarget[];
  readonly transforms: readonly string[];
  /** Whether peeled forms of a value are seen beside the value as parsed. */
  readonly peel: boolean;
  readonly operator: PackageOperator;
  /** Indexes of literals of which a value that can match contains at least one; null: none known, always run. */
  readonly literals: readonly number[] | null;
}

export interface PackageTarget {
  readonly variable: string;
  /** Lower-case name of the one entry meant. */
  readonly entry?: string;
  /** Index of the expression that names of entries must match. */
  readonly pattern?: number;
  readonly count?: true;
  readonly not?: true;
}

export interface PackageOperator {
  readonly name: string;
  readonly negate: boolean;
  readonly expression?: number;
  readonly list?: number;
  readonly number?: number;
}

/**
 * `native` is proven linear (or bounded a start) and runs on V8; `re2` runs on
 * the linear engine; `short` runs on V8 for values of up to `limit` chars and
 * never beyond (`rules check` says so).
 */
export type ExpressionEngine = "native" | "re2" | "short";

export interface PackageExpression {
  readonly source: string;
  readonly flags: string;
  readonly engine: ExpressionEngine;
  readonly limit: number;
  /** Work units a char of input. */
  readonly weight: number;
  /** How many chars a match can take; 0: not known. Long texts are looked at around literals only. */
  readonly span: number;
}

export interface PackageExclusion {
  readonly rules: readonly string[];
  readonly tags: readonly string[];
  /** Path patterns; empty: every path. */
  readonly paths: readonly string[];
  /** Empty: the rule is off there. */
  readonly parameters: readonly PackageTarget[];
  readonly reason: string;
  /** Milliseconds since the epoch; not in force from then on. */
  readonly expires: number;
}

export interface PackageRate {
  readonly id: string;
  readonly description: string;
  readonly methods: readonly string[];
  readonly paths: readonly string[];
  readonly key: readonly RateKeyPart[];
  readonly limit: string;
  readonly action: "block" | "monitor";
}

export interface RateKeyPart {
  readonly from: "ip" | "header" | "cookie" | "arg";
  readonly name: string;
}

export const DEFAULT_SETTINGS: PackageSettings = {
  thresholds: { total: 5, classes: {} },
  paranoia: { block: 1, watch: 2 },
  limits: {
    body: 131_072,
    inflated: 262_144,
    head: 65_536,
    values: 4_000,
    nesting: 32,
    parts: 128,
    work: 3_000_000,
  },
  beyond: "pass",
};
