/** A quarter of a minute of a simulated sale. */
export interface Sample {
  readonly minute: number;
  readonly arrivedPerMinute: number;
  readonly admittedPerMinute: number;
  readonly waiting: number;
  /** Median estimate told to newcomers in this interval, seconds. */
  readonly estimate: number;
}

const WIDTH = 820;
const LEFT = 70;
const RIGHT = 20;
const PANEL = 150;
const GAP = 46;
const COLORS = ["#4a2fd6", "#117a3e", "#b45309"] as const;

interface Curve {
  readonly label: string;
  readonly value: (sample: Sample) => number;
}

interface Panel {
  readonly title: string;
  readonly curves: readonly Curve[];
  /** A dashed line: the cap. */
  readonly limit?: number;
}

/** Arrivals and admissions, people waiting, and estimates over time, as one SVG. */
export function drawChart(samples: readonly Sample[], perMinute: number): string {
  const panels: Panel[] = [
    {
      title: "people a minute",
      curves: [
        { label: "arrivals", value: (sample) => sample.arrivedPerMinute },
        { label: "admitted", value: (sample) => sample.admittedPerMinute },
      ],
      limit: perMinute,
    },
    { title: "people waiting", curves: [{ label: "waiting", value: (sample) => sample.waiting }] },
    {
      title: "wait told to newcomers, s",
      curves: [{ label: "estimate (median)", value: (sample) => sample.estimate }],
    },
  ];
  const height = panels.length * (PANEL + GAP) + 20;
  const drawn = panels.map((panel, index) => drawPanel(panel, samples, 30 + index * (PANEL + GAP)));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="Simulation of a flash sale">
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
${drawn.join("\n")}
</svg>
`;
}

function drawPanel({ title, curves, limit }: Panel, samples: readonly Sample[], top: number): string {
  const span = Math.max(...samples.map(({ minute }) => minute), 1);
  const highest = Math.max(
    limit ?? 0,
    1,
    ...samples.flatMap((sample) => curves.map(({ value }) => value(sample)).filter(Number.isFinite)),
  );
  const x = (minute: number): number => LEFT + (minute / span) * (WIDTH - LEFT - RIGHT);
  const y = (value: number): number => top + PANEL - (value / highest) * PANEL;
  const lines = curves.map(({ label, value }, index) => {
    const points = samples
      .filter((sample) => Number.isFinite(value(sample)))
      .map((sample) => `${x(sample.minute).toFixed(1)},${y(value(sample)).toFixed(1)}`);
    const color = COLORS[index] ?? "#000000";
    return `<polyline points="${points.join(" ")}" fill="none" stroke="${color}" stroke-width="2"/>
<text x="${LEFT + 230 + index * 110}" y="${top - 8}" fill="${color}">${label}</text>`;
  });
  const cap =
    limit === undefined
      ? ""
      : `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(limit)}" y2="${y(limit)}" stroke="#b91c1c" stroke-dasharray="5 4"/><text x="${WIDTH - RIGHT - 14}" y="${y(limit) - 5}" fill="#b91c1c" text-anchor="end">N</text>`;
  const minutes = Array.from({ length: Math.floor(span / 2) + 1 }, (_, index) => index * 2);
  const ticks = minutes.map(
    (minute) =>
      `<text x="${x(minute)}" y="${top + PANEL + 15}" fill="#555" text-anchor="middle">${minute} min</text>`,
  );
  return `<text x="${LEFT}" y="${top - 8}" fill="#111" font-weight="600">${title}</text>
<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${top + PANEL}" y2="${top + PANEL}" stroke="#999"/>
<text x="${LEFT - 6}" y="${top + 10}" fill="#555" text-anchor="end">${Math.round(highest).toLocaleString("en-US")}</text>
<text x="${LEFT - 6}" y="${top + PANEL}" fill="#555" text-anchor="end">0</text>
${cap}
${lines.join("\n")}
${ticks.join("")}`;
}
