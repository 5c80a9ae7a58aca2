import type { Memory } from "./engine/memory.ts";
import type { Severity } from "./package.ts";

/** A request as the inspection sees it. Strings may hold any characters; those above U+00FF are taken as their UTF-8 bytes. */
export interface InspectionRequest {
  readonly method: string;
  /** Path and query as on the wire. */
  readonly target: string;
  readonly protocol: string;
  readonly headers: readonly (readonly [string, string])[];
  /** The inspected prefix; empty where there is no body or none was asked for. */
  readonly body: Uint8Array;
  /** False where the body goes on after the prefix. */
  readonly bodyComplete: boolean;
  readonly clientIp: string;
}

export type Override = "off" | "monitor" | "block";

/** What operators changed at run time, over the package. */
export interface SentinelSettings {
  /** By rule id, or `tag:name`: `off` does not run it, `monitor` records and never counts it, `block` counts it even where it is shadowed. */
  readonly rules: Readonly<Record<string, Override>>;
  /** The first whose pattern matches the path wins: `off` inspects nothing there. */
  readonly paths: readonly { readonly path: string; readonly mode: Override }[];
  readonly paranoia?: { readonly block: number; readonly watch: number };
}

export const NO_OVERRIDES: SentinelSettings = { rules: {}, paths: [] };

/** The budget that a request exceeded. */
export type BudgetReason = "head" | "values" | "nesting" | "parts" | "inflated" | "work" | "body";

/** Why a match did not count. */
export type Uncounted = "shadow" | "paranoia" | "override";

export interface RuleMatch {
  readonly rule: string;
  readonly class: string;
  readonly description: string;
  readonly severity: Severity;
  readonly tags: readonly string[];
  readonly score: number;
  /** Null where the match counts. */
  readonly uncounted: Uncounted | null;
  /** Where it was found, as rules write it: `args:q`. */
  readonly where: string;
  /** What was found, at most 80 chars, secrets masked. */
  readonly excerpt: string;
}

/** Independent of the global mode: the edge applies block or monitor. */
export interface Verdict {
  readonly outcome: "pass" | "block";
  /** Sum of what counts. */
  readonly score: number;
  readonly classes: Readonly<Record<string, number>>;
  /** Sum including what is only watched (shadow rules, the watched paranoia level). */
  readonly watched: number;
  readonly matches: readonly RuleMatch[];
  readonly budget: BudgetReason | null;
  /** The mode an operator set for this path; null: the global one. */
  readonly mode: Override | null;
  /** Deterministic measure of the work done, about 1 ns each. */
  readonly work: number;
  /** What rules remember of the request, for those that look at its answer; nobody else's to read. */
  readonly carried?: Memory;
}

export const PASS: Verdict = {
  outcome: "pass",
  score: 0,
  classes: {},
  watched: 0,
  matches: [],
  budget: null,
  mode: null,
  work: 0,
};
