/**
 * Objectives, burn rates and alerts, pure. After "Alerting on SLOs", chapter 5 of
 * The Site Reliability Workbook (O'Reilly, 2018): an alert needs a long window, so
 * that it means something, and a short one, so that it ends when the trouble does.
 */
import { parseSeries, type Sample } from "./series.ts";

/** Share of good events that is promised, by objective. What counts as good is in measure.ts. */
export const OBJECTIVES = {
  availability: 0.999,
  latency: 0.99,
  "queue-wait": 0.95,
  "false-positives": 0.999,
} as const satisfies Readonly<Record<string, number>>;

/** What wakes nobody: an attack that carries a session's cookie looks like a false positive until somebody has looked. */
const TICKETS_ONLY: ReadonlySet<string> = new Set<keyof typeof OBJECTIVES>(["false-positives"]);

export type ObjectiveName = keyof typeof OBJECTIVES;
export type Severity = "page" | "ticket";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

export const WINDOWS = {
  "5m": 5 * MINUTE_MS,
  "30m": 30 * MINUTE_MS,
  "1h": HOUR_MS,
  "6h": 6 * HOUR_MS,
  "3d": 72 * HOUR_MS,
  "30d": 720 * HOUR_MS,
} as const satisfies Readonly<Record<string, number>>;

export type WindowName = keyof typeof WINDOWS;

/** The budget of 30 days is gone in 2 days at 14.4, in 5 at 6, in 30 at 1. */
const POLICIES: readonly {
  readonly severity: Severity;
  readonly rate: number;
  readonly long: WindowName;
  readonly short: WindowName;
}[] = [
  { severity: "page", rate: 14.4, long: "1h", short: "5m" },
  { severity: "page", rate: 6, long: "6h", short: "30m" },
  { severity: "ticket", rate: 1, long: "3d", short: "6h" },
];

/** One failure among few visitors at night is no incident. */
const MIN_BAD_EVENTS = 10;

/** Good and bad events of one objective and group in one window. */
export interface Count {
  readonly good: number;
  readonly bad: number;
}

export interface ObjectiveStatus {
  readonly objective: ObjectiveName;
  /** Route class, room or population that it is kept for. */
  readonly group: string;
  readonly target: number;
  /** How many times faster than allowed the budget burns, by window; 0 without events. */
  readonly burn: Readonly<Record<WindowName, number>>;
  /** Share of the 30 days' budget that is left; below 0 it is overspent. */
  readonly budgetLeft: number;
  readonly events: number;
  readonly alert: Severity | null;
}

export function burnRate({ good, bad }: Count, target: number): number {
  const total = good + bad;
  return total === 0 ? 0 : bad / total / (1 - target);
}

/** The state of every objective that has events, from the sums of `edge_slo_events_total` in each window. */
export function evaluateObjectives(
  windows: Readonly<Record<WindowName, Iterable<Sample>>>,
): ObjectiveStatus[] {
  const counts = new Map<string, Record<WindowName, Count>>();
  for (const name of windowNames()) {
    for (const [series, sum] of windows[name]) {
      const { slo, group, good } = parseSeries(series).labels;
      if (slo === undefined || group === undefined) continue;
      const key = `${slo}\n${group}`;
      const entry = counts.get(key) ?? noCounts();
      counts.set(key, entry);
      const { good: goods, bad } = entry[name];
      entry[name] = good === "true" ? { good: goods + sum, bad } : { good: goods, bad: bad + sum };
    }
  }
  return [...counts].flatMap(([key, byWindow]) => {
    const [name = "", group = ""] = key.split("\n");
    return isObjective(name) ? [statusOf(name, group, byWindow)] : [];
  });
}

function statusOf(
  objective: ObjectiveName,
  group: string,
  counts: Readonly<Record<WindowName, Count>>,
): ObjectiveStatus {
  const target = OBJECTIVES[objective];
  const rate = (window: WindowName): number => burnRate(counts[window], target);
  const firing = POLICIES.find(
    (policy) =>
      rate(policy.long) >= policy.rate &&
      rate(policy.short) >= policy.rate &&
      counts[policy.long].bad >= MIN_BAD_EVENTS,
  );
  return {
    objective,
    group,
    target,
    burn: {
      "5m": rate("5m"),
      "30m": rate("30m"),
      "1h": rate("1h"),
      "6h": rate("6h"),
      "3d": rate("3d"),
      "30d": rate("30d"),
    },
    budgetLeft: 1 - rate("30d"),
    events: counts["30d"].good + counts["30d"].bad,
    alert: firing === undefined ? null : TICKETS_ONLY.has(objective) ? "ticket" : firing.severity,
  };
}

export function windowNames(): readonly WindowName[] {
  return ["5m", "30m", "1h", "6h", "3d", "30d"];
}

function noCounts(): Record<WindowName, Count> {
  const none: Count = { good: 0, bad: 0 };
  return { "5m": none, "30m": none, "1h": none, "6h": none, "3d": none, "30d": none };
}

function isObjective(name: string): name is ObjectiveName {
  return Object.hasOwn(OBJECTIVES, name);
}
