/**
 * The intermediate form: what front ends compile to and what the engine turns
 * into a plan. A self-contained JSON value. There are two kinds of rules in it:
 * those that stand for themselves (YAML), which run in whatever order is
 * cheapest, and `sequenced` ones, which run in the order of the list, phase by
 * phase, and act on each other: the semantics of SecLang, for a front end that
 * reads it. What SecLang says by name (markers, `skip`, rules by id and tag) the
 * front end resolves to indexes, so that nothing is looked up while a request waits.
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
  /** Units of matching work (1 to 2 ns each) at the most; a request of few bytes has fewer. */
  readonly work: number;
}

export type Severity = "critical" | "error" | "warning" | "notice";
/** 1 head, 2 body of the request; 3 head, 4 body of the answer. SecLang's fifth only writes logs: the record says what it would. */
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
  /** `pass` is recorded and counts nothing: what the rule does is in its effects. */
  readonly action: "score" | "block" | "pass";
  readonly shadow: boolean;
  /** All must hold, in this order; none hold always. */
  readonly conditions: readonly PackageCondition[];
  /** Runs in its place among the sequenced rules of its phase, and once for each. */
  readonly sequenced?: true;
  /** Where a sequence goes on once the rule matched; absent: at the next rule. */
  readonly skip?: PackageSkip;
}

/** The index of a rule further on, or the end of the phase, of the request (phases 1 and 2), of all phases. */
export type PackageSkip = number | "phase" | "request" | "all";

/** What a condition of a sequenced rule does for every value on which it holds, whether or not those behind it hold. */
export type PackageEffect =
  | {
      readonly do: "set";
      readonly name: PackageTemplate;
      readonly value: PackageTemplate;
      /** As numbers, onto what is there; absent: in its place. */
      readonly by?: "add" | "subtract";
    }
  | { readonly do: "unset"; readonly name: PackageTemplate }
  /** For the rest of the request these rules, by index, do not run; or do not look at these targets. */
  | { readonly do: "remove-rules"; readonly rules: readonly number[] }
  | {
      readonly do: "remove-targets";
      readonly rules: readonly number[];
      readonly targets: readonly PackageTarget[];
    }
  /** Phase 1: the body is read as this, whatever it declares; `text` gives it to the variable `body`. */
  | { readonly do: "read-body"; readonly as: "form" | "multipart" | "json" | "xml" | "text" }
  /** Whether the record shows what was found. */
  | { readonly do: "audit"; readonly excerpts: boolean };

/** Text with values of the request put in; each the first of its variable, the empty text where there is none. */
export type PackageTemplate = readonly (string | PackageReference)[];

export interface PackageReference {
  readonly variable: string;
  /** Lower-case name of the entry. */
  readonly entry?: string;
}

export interface PackageCondition {
  readonly targets: readonly PackageTarget[];
  readonly transforms: readonly string[];
  /** Whether peeled forms of a value are seen beside the value as parsed. */
  readonly peel: boolean;
  readonly operator: PackageOperator;
  /** An expression's groups become entries `0` to `9` of `tx`. */
  readonly capture?: true;
  /** The operator is asked after every step of the chain that changes the value, the value itself included, not after the last alone. */
  readonly every?: true;
  readonly effects?: readonly PackageEffect[];
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
  /** In place of a list or number that is known only while a request is looked at. */
  readonly templates?: readonly PackageTemplate[];
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
  /** Work units a char of input that is not made for the expression. */
  readonly weight: number;
  /** Work units a char of a text that is nothing but its worst, and for one place in it where a literal ends. */
  readonly worst: number;
  readonly burst: number;
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
    work: 30_000_000,
  },
  beyond: "pass",
};
