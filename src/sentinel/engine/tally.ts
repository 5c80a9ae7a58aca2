import type { PackageSettings } from "../package.ts";
import type { Uncounted } from "../verdict.ts";
import type { Finding } from "./matching.ts";
import type { Rule } from "./plan.ts";

export interface Tally {
  readonly total: number;
  readonly classes: Readonly<Record<string, number>>;
  /** Sum including what is only watched. */
  readonly watched: number;
  /** At a threshold, or by a rule that blocks by itself. */
  readonly blocks: boolean;
}

/** Adds up the scores of what was found; `uncounted` says of which rules a match does not count. */
export function tally(
  findings: readonly Finding[],
  uncounted: (rule: Rule) => Uncounted | null,
  { thresholds }: PackageSettings,
): Tally {
  const classes: Record<string, number> = {};
  let total = 0;
  let watched = 0;
  let blocks = false;
  for (const { rule } of findings) {
    const { action, class: name, score } = rule.source;
    if (action === "pass") continue;
    watched += score;
    if (uncounted(rule) !== null) continue;
    total += score;
    classes[name] = (classes[name] ?? 0) + score;
    blocks ||= action === "block" || classes[name] >= (thresholds.classes[name] ?? Infinity);
  }
  return { total, classes, watched, blocks: blocks || total >= thresholds.total };
}
