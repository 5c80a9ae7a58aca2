import type { Finding } from "./engine/matching.ts";
import type { RequestScope } from "./engine/scope.ts";
import { tally } from "./engine/tally.ts";
import type { Transaction } from "./engine/transaction.ts";
import type { SentinelPackage } from "./package.ts";
import { type BudgetReason, type Override, PASS, type RuleMatch, type Verdict } from "./verdict.ts";

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
  const work = tx?.scanner.work ?? 0;
  if (findings.length === 0)
    return { ...PASS, outcome: budget === null ? "pass" : "block", budget, mode, work };
  const { total, classes, watched, blocks } = tally(findings, scope.uncounted, pkg.settings);
  const matches: RuleMatch[] = findings
    .toSorted((a, b) => a.rule.index - b.rule.index)
    .map(({ rule, where, text }) => {
      const { id, class: name, description, severity, tags, action, score: points } = rule.source;
      return {
        rule: id,
        class: name,
        description,
        severity,
        tags,
        score: action === "pass" ? 0 : points,
        uncounted: scope.uncounted(rule),
        where,
        excerpt: tx?.excerpts === false ? "" : excerpt(where, text),
      };
    });
  const outcome = blocks || budget !== null ? "block" : "pass";
  return { outcome, score: total, classes, watched, matches, budget, mode, work };
}

const SECRET = /pass|pwd|secret|token|auth|card|cvv|cvc|session|sid$/i;

/** At most 80 printable chars; nothing of fields that hold secrets, no long runs of digits. */
function excerpt(where: string, text: string): string {
  if (SECRET.test(where)) return "[redacted]";
  const short = text.slice(0, 80).replace(/[0-9](?:[ -]?[0-9]){11,}/g, "[digits]");
  return short.replace(/[^\x20-\x7e]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
