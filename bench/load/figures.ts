/** What came out of a load test: the cap and the order from what the gates have stored, the rest from the visitors. */
import { mostWithin } from "../../test/support/node/queuer.ts";
import type { Crowd } from "./crowd.ts";
import type { Admission } from "./edge.ts";

const PAIRS = 400_000;
const WINDOW_MS = 60_000;

export interface Outage {
  /** ms since the epoch. */
  readonly from: number;
  readonly to: number;
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = Float64Array.from(values).toSorted();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

/** Share of pairs of visitors admitted against their order. */
export function inversions(visits: readonly { readonly issuedAt: number; readonly at: number }[]): number {
  let inverted = 0;
  const pick = (): number => Math.floor(Math.random() * visits.length);
  for (let pair = 0; pair < PAIRS; pair++) {
    const [a, b] = [visits[pick()], visits[pick()]];
    if (a !== undefined && b !== undefined && (a.issuedAt - b.issuedAt) * (a.at - b.at) < 0) inverted += 1;
  }
  return inverted / PAIRS;
}

/** How far from their place in the order visitors were admitted, in seconds of the rate. */
export function displacements(
  visits: readonly { readonly issuedAt: number; readonly at: number }[],
  perMinute: number,
): number[] {
  const inOrder = visits.toSorted((a, b) => a.issuedAt - b.issuedAt);
  const ranks = new Map(inOrder.toSorted((a, b) => a.at - b.at).map((visit, rank) => [visit, rank]));
  return inOrder.map((visit, rank) => (Math.abs(rank - (ranks.get(visit) ?? rank)) * 60) / perMinute);
}

/**
 * Admitted while people waited, as a share of what N allows; seconds of the
 * outage do not count. As in the simulation: from the first moment with a line of
 * five seconds' worth to the last.
 */
export function used(
  issued: readonly number[],
  admitted: readonly number[],
  perMinute: number,
  outage: Outage | null,
): number {
  const changes = [...issued.map((at) => ({ at, by: 1 })), ...admitted.map((at) => ({ at, by: -1 }))];
  changes.sort((a, b) => a.at - b.at);
  const long = perMinute / 12;
  let [waiting, from, to] = [0, Number.NaN, Number.NaN];
  for (const { at, by } of changes) {
    waiting += by;
    if (waiting <= long) continue;
    if (Number.isNaN(from)) from = at;
    to = at;
  }
  const out = outage === null ? 0 : Math.max(0, Math.min(to, outage.to) - Math.max(from, outage.from));
  const let_in = admitted.filter((at) => at >= from && at < to).length;
  return let_in / ((perMinute * (to - from - out)) / WINDOW_MS);
}

function byTenSeconds(times: readonly number[]): number[] {
  const counts: number[] = [];
  for (const at of times) {
    const slot = Math.floor((at - (times[0] ?? 0)) / 10_000);
    counts[slot] = (counts[slot] ?? 0) + 1;
  }
  return Array.from(counts, (count) => count ?? 0);
}

export interface Run {
  readonly crowd: Crowd;
  readonly admissions: readonly Admission[];
  readonly perMinute: number;
  readonly seconds: number;
  readonly outage: Outage | null;
  readonly most: { readonly gate: number; readonly room: number; readonly waiting: number };
  readonly edgeCpu: ReadonlyMap<string, number>;
}

/** Prints the figures. @returns whether what is promised was kept */
export function report(run: Run, print: (line: string) => void): boolean {
  const { crowd, admissions, perMinute, outage } = run;
  const times = admissions.map(({ at }) => at).toSorted((a, b) => a - b);
  const byTicket = new Map(admissions.map(({ ticket, at }) => [ticket, at]));
  const visits = crowd.visitors.flatMap(({ ticket }) => {
    const at = ticket === null ? undefined : byTicket.get(ticket.id);
    return ticket === null || at === undefined ? [] : [{ issuedAt: ticket.issuedAt, at }];
  });
  const issued = crowd.visitors.flatMap(({ ticket }) => (ticket === null ? [] : [ticket.issuedAt]));
  const seen = crowd.visitors.flatMap(({ admittedAt }) => (admittedAt > 0 ? [admittedAt] : []));
  const peak = mostWithin(times, WINDOW_MS);
  const seenPeak = mostWithin(
    seen.toSorted((a, b) => a - b),
    WINDOW_MS,
  );
  const percent = (share: number, digits = 2): string => `${(100 * share).toFixed(digits)}%`;
  const use = used(issued, times, perMinute, outage);
  const { pages, polls, entries } = crowd.requests;
  const own = process.cpuUsage();
  const cpu = [...run.edgeCpu, ["visitors", (own.user + own.system) / 1e6] as const];
  const rows: [string, string | number][] = [
    ["visitors", crowd.visitors.length],
    ["admitted, as the gates have stored it", admissions.length],
    ["admitted, as visitors have heard", seen.length],
    ["reached the storefront", crowd.reached],
    ["places lost", crowd.lostPlaces],
    ["run, s", run.seconds.toFixed(1)],
    ["outage, s", outage === null ? "none" : ((outage.to - outage.from) / 1000).toFixed(1)],
    ["N", perMinute],
    ["most admitted in any 60 s, gates", `${peak} (${percent(peak / perMinute)} of N)`],
    ["most admitted in any 60 s, visitors", `${seenPeak} (${percent(seenPeak / perMinute)} of N)`],
    ["used while people waited, without the outage", percent(use)],
    ["admitted by 10 s", byTenSeconds(times).join(" ")],
    ["pairs out of order", percent(inversions(visits), 3)],
    [
      "from their place in the order, s, p50 / p95 / p99",
      [0.5, 0.95, 0.99].map((q) => quantile(displacements(visits, perMinute), q).toFixed(1)).join(" / "),
    ],
    ["most people waiting at once", run.most.waiting],
    ["requests: pages, polls, entries", `${pages}, ${polls}, ${entries}`],
    ["requests a second", Math.round(crowd.asked / run.seconds)],
    [
      "processor a request, ms",
      cpu.map(([name, seconds]) => `${name} ${((1000 * seconds) / crowd.asked).toFixed(3)}`).join(", "),
    ],
    ["requests failed while the edge was dead", crowd.failures.down],
    ["requests failed otherwise", crowd.failures.up],
    [
      "answers that were not the room's",
      [...crowd.strange]
        .map(([status, { count, cookies }]) => `${count} of ${status} (${cookies})`)
        .join(", ") || "none",
    ],
    [
      "latency p50 / p95 / p99, ms",
      [0.5, 0.95, 0.99].map((q) => quantile(crowd.latencies, q).toFixed(0)).join(" / "),
    ],
    ["calls of the busiest gate, of the room, a second", `${run.most.gate} / ${run.most.room}`],
  ];
  for (const [name, value] of rows) print(`${name.padEnd(50)} ${value}`);
  return (
    peak <= perMinute &&
    seen.length === crowd.visitors.length &&
    crowd.reached === seen.length &&
    crowd.lostPlaces === 0
  );
}
