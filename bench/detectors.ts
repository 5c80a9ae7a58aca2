/**
 * The detectors on hostile text: 16 KiB and 128 KiB of each piece, in turn. Linear
 * work costs eight times as much for eight times the length; quadratic 64 times.
 * `node bench/detectors.ts`; exit status 1 where a ratio is above 24.
 */
import { detectCommand, detectSqli, detectXss } from "../src/sentinel/detect/index.ts";

const PIECES: readonly string[] = [
  ..."'\"([<#@`={+\\;!".split(""),
  "<a ",
  "<a x=",
  '<a x="',
  "<x>",
  "<!",
  "<a on",
  "<style ",
  "<iframe ",
  "/*",
  "--",
  "on",
  " onx=",
  "&#",
  "[]",
  "'+",
  "f(",
  "union ",
  "select(",
  "1 or ",
  "or 1 ",
  "' or ",
  "select a,",
  "case when ",
  "char(1),",
  "x=x ",
  "a.",
  "from ",
  "alert",
  "alert(",
  "document",
  "document.",
  "window[",
  "javascript:",
  "data:",
  ";a -x ",
  "/b?n/[c]a*x;",
  "a=$a$a;",
  "c''a\\t$@;",
  "${IFS}",
  "{a,",
];
const SMALL = 16_384;
const TIMES = 8;
const TOO_MUCH = 24;

/** Milliseconds, the best of five: other work on the machine only ever adds. */
function cost(detect: (value: string) => unknown, value: string): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    const before = performance.now();
    detect(value);
    best = Math.min(best, performance.now() - before);
  }
  return best;
}

const rows = PIECES.flatMap((piece) =>
  [detectCommand, detectSqli, detectXss].map((detect) => {
    const small = cost(detect, piece.repeat(Math.ceil(SMALL / piece.length)));
    const large = cost(detect, piece.repeat(Math.ceil((SMALL * TIMES) / piece.length)));
    return { detector: detect.name, piece, small, large, ratio: large / Math.max(small, 0.1) };
  }),
).toSorted((a, b) => b.ratio - a.ratio);

for (const { detector, piece, small, large, ratio } of rows.slice(0, 12)) {
  process.stdout.write(
    `${detector.padEnd(13)} ${JSON.stringify(piece).padEnd(14)} 16 KiB ${small.toFixed(2)} ms, 128 KiB ${large.toFixed(2)} ms, ratio ${ratio.toFixed(1)}\n`,
  );
}
const worst = rows[0]?.ratio ?? Number.NaN;
process.stdout.write(`${rows.length} pairs, worst ratio ${worst.toFixed(1)} for ${TIMES} times the length\n`);
if (!(worst <= TOO_MUCH)) process.exitCode = 1;
