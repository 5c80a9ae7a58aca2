import type { Finding } from "./engine/matching.ts";
import type { RequestScope } from "./engine/scope.ts";
import type { Transaction } from "./engine/transaction.ts";
import type { SentinelPackage } from "./package.ts";
import type { BudgetReason, Override, RuleMatch, Verdict } from "./verdict.ts";

interface Scored {
  readonly pkg: SentinelPackage;
  readonly findings: readonly Finding[];
  readonly scope: RequestScope;
  readonly budget: BudgetReason | null;
  readonly mode: Override | null;
  /** Null where nothing could be looked at. */
  readonly tx: Transaction | null;
}

/** Adds up what was found. Blocks on a score at its threshold, on a rule that blocks by itself, and on an exceeded budget. */
export function score({ pkg, findings, scope, budget, mode, tx }: Scored): Verdict {
  const { thresholds } = pkg.settings;
  const classes: Record<string, number> = {};
  let total = 0;
  let watched = 0;
  let blocks = budget !== null;
  const matches: RuleMatch[] = [];
  for (const { rule, where, text } of findings.toSorted((a, b) => a.rule.index - b.rule.index)) {
    const { source } = rule;
    const uncounted = scope.uncounted(rule);
    const counts = source.action !== "pass";
    if (counts) watched += source.score;
    if (counts && uncounted === null) {
      total += source.score;
      classes[source.class] = (classes[source.class] ?? 0) + source.score;
      blocks ||= source.action === "block";
    }
    const { id, class: name, description, severity, tags } = source;
    matches.push({
      rule: id,
      class: name,
      description,
      severity,
      tags,
      score: counts ? source.score : 0,
      uncounted,
      where,
      excerpt: tx?.excerpts === false ? "" : excerpt(where, text),
    });
  }
  blocks ||=
    total >= thresholds.total ||
    Object.entries(classes).some(([name, sum]) => sum >= (thresholds.classes[name] ?? Infinity));
  const outcome = blocks ? "block" : "pass";
  const work = tx?.scanner.work ?? 0;
  return { outcome, score: total, classes, watched, matches, budget, mode, work };
}

const SECRET = /pass|pwd|secret|token|auth|card|cvv|cvc|session|sid$/i;

/** At most 80 printable chars; nothing of fields that hold secrets, no long runs of digits. */
function excerpt(where: string, text: string): string {
  if (SECRET.test(where)) return "[redacted]";
  const short = text.slice(0, 80).replace(/[0-9](?:[ -]?[0-9]){11,}/g, "[digits]");
  return short.replace(/[^\x20-\x7e]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
