/**
 * The waiting room's decisions under a flash sale: a discrete-event simulation of
 * visitors, isolates, sites, gates and the room object, with the code that runs at
 * the edge (GateKeeper, Room, watermark, estimates, polls) and nothing in its place.
 * Exit status 1 where an aim is missed.
 *
 *   node bench/queue-simulation.ts [--full] [--only TEXT] [--svg FILE] [--json FILE]
 *
 * Without --full every size is a twentieth; the shape of the sale is the same.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { drawChart } from "./queue-chart.ts";
import type { Outcome } from "./sale/figures.ts";
import { flashSale, type Scenario, scenarios } from "./sale/scenarios.ts";
import { simulate } from "./sale/world.ts";

interface Aim {
  readonly figure: string;
  readonly aim: string;
  readonly value: (outcome: Outcome) => number;
  readonly met: (value: number) => boolean;
  readonly show: (value: number) => string;
}

const percent = (value: number): string => `${(value * 100).toFixed(2)}%`;
const AIMS: readonly Aim[] = [
  {
    figure: "most in any 60 s, of N",
    aim: "<= 1.00",
    value: ({ peak }) => peak,
    met: (value) => value <= 1,
    show: (value) => value.toFixed(4),
  },
  {
    figure: "used while people wait",
    aim: ">= 95%",
    value: ({ used }) => used,
    met: (value) => value >= 0.95,
    show: percent,
  },
  {
    figure: "hottest object, calls/s",
    aim: "<= 700",
    value: ({ hottest }) => hottest.perSecond,
    met: (value) => value <= 700,
    show: (value) => value.toFixed(0),
  },
  {
    figure: "pairs out of order",
    aim: "<= 0.5%",
    value: ({ inversions }) => inversions,
    met: (value) => value <= 0.005,
    show: percent,
  },
  {
    figure: "estimate error, median",
    aim: "<= 10%",
    value: ({ estimateError }) => estimateError,
    met: (value) => value <= 0.1,
    show: percent,
  },
  {
    figure: "left, still counted, p99 s",
    aim: "<= 30",
    value: ({ countedAfterLeaving }) => countedAfterLeaving,
    met: (value) => value <= 30,
    show: (value) => value.toFixed(1),
  },
];

type Row = Record<string, string | number>;

function rowOf(scenario: Scenario, outcome: Outcome, seconds: number): Row {
  const row: Row = { scenario: scenario.name };
  for (const { figure, aim, value, show } of AIMS) row[`${figure} (${aim})`] = show(value(outcome));
  const missed = AIMS.filter(({ value, met }) => !met(value(outcome)));
  row["verdict"] = missed.length === 0 ? "PASS" : `FAIL: ${missed.map(({ figure }) => figure).join("; ")}`;
  return {
    ...row,
    people: outcome.people,
    admitted: outcome.admitted,
    "room, calls/s": outcome.roomPerSecond,
    "run, s": seconds.toFixed(0),
  };
}

/** As GitHub's Markdown, so that it can be put into docs as it is. */
function table(rows: readonly Row[]): string {
  const names = Object.keys(rows[0] ?? {});
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(" | ")} |\n`;
  const body = rows.map((row) => line(names.map((name) => row[name] ?? "")));
  return line(names) + line(names.map(() => "---")) + body.join("");
}

function main(): void {
  const { values } = parseArgs({
    options: {
      full: { type: "boolean" },
      only: { type: "string" },
      svg: { type: "string" },
      json: { type: "string" },
    },
  });
  const scale = values.full ? 1 : 0.05;
  const only = values.only ?? "";
  const rows: Row[] = [];
  for (const scenario of scenarios(scale).filter(({ name }) => name.includes(only))) {
    const begun = performance.now();
    const outcome = simulate(scenario);
    const row = rowOf(scenario, outcome, (performance.now() - begun) / 1000);
    rows.push(row);
    process.stderr.write(`${scenario.name}: ${row["verdict"]}\n`);
    if (row["verdict"] !== "PASS") process.exitCode = 1;
    if (scenario.name === flashSale(1).name && values.svg !== undefined) {
      writeFileSync(values.svg, drawChart(outcome.samples, scenario.perMinute));
    }
  }
  process.stdout.write(table(rows));
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(rows, null, 2));
}

main();
