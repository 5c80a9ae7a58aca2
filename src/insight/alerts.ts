/** Which alerts are worth a message, pure: each trouble is said once, again when it grows or lasts, and when it is over. */
import type { ObjectiveStatus, Severity } from "./slo.ts";

export interface Firing {
  /** Objective and group. */
  readonly key: string;
  readonly severity: Severity;
  readonly summary: string;
}

export interface OpenAlert extends Firing {
  /** When it began, was last seen and last told; ms. */
  readonly since: number;
  readonly seenAt: number;
  readonly toldAt: number;
}

export interface AlertMessage {
  readonly status: "firing" | "resolved";
  readonly key: string;
  readonly severity: Severity;
  readonly summary: string;
  readonly since: number;
  readonly at: number;
}

const REMIND_MS = 4 * 3_600_000;
/** An alert that flickers is one alert. */
const OVER_AFTER_MS = 5 * 60_000;

export function firingOf(statuses: readonly ObjectiveStatus[]): Firing[] {
  return statuses.flatMap((status) => {
    const { objective, group, alert, burn, budgetLeft, target } = status;
    if (alert === null) return [];
    const summary =
      `${objective} of ${group} (${target * 100}%) burns its budget ` +
      `${burn["1h"].toFixed(1)}x over 1 h, ${burn["6h"].toFixed(1)}x over 6 h; ${Math.max(budgetLeft * 100, 0).toFixed(0)}% of 30 days' budget left`;
    return [{ key: `${objective}/${group}`, severity: alert, summary }];
  });
}

/** The open alerts after an evaluation, and what there is to tell. */
export function settleAlerts(
  open: readonly OpenAlert[],
  firing: readonly Firing[],
  now: number,
): { readonly open: readonly OpenAlert[]; readonly messages: readonly AlertMessage[] } {
  const messages: AlertMessage[] = [];
  const kept = firing.map((alert): OpenAlert => {
    const before = open.find(({ key }) => key === alert.key);
    const grown = before?.severity === "ticket" && alert.severity === "page";
    const tell = before === undefined || grown || now - before.toldAt >= REMIND_MS;
    const since = before?.since ?? now;
    if (tell) messages.push({ ...alert, status: "firing", since, at: now });
    return { ...alert, since, seenAt: now, toldAt: tell ? now : (before?.toldAt ?? now) };
  });
  for (const alert of open) {
    if (firing.some(({ key }) => key === alert.key)) continue;
    if (now - alert.seenAt < OVER_AFTER_MS) kept.push(alert);
    else {
      const { key, severity, summary, since } = alert;
      messages.push({ status: "resolved", key, severity, summary, since, at: now });
    }
  }
  return { open: kept, messages };
}

/** Milliseconds to wait before the next try to deliver after `tries` failed; null: give up. */
export function retryDelay(tries: number): number | null {
  return tries >= 12 ? null : Math.min(15_000 * 2 ** tries, 3_600_000);
}
