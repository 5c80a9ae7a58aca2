/**
 * What a purge costs: until it is in force over 10,000 objects under one tag or prefix, with
 * as many other purges remembered as there may be; tag lists of 64 KB; and what an
 * isolate pays for the list of purges whenever it changes.
 */
import { MAX_PURGES, type Purge as LoggedPurge } from "../src/control/purge-log.ts";
import { PurgeView } from "../src/cache/purge.ts";
import type { StoredHead } from "../src/cache/stored.ts";
import { hashTag, responseTags } from "../src/cache/tags.ts";
import { storedHead } from "../test/support/stored-head.ts";

const OBJECTS = 10_000;
const ROUNDS = 15;
const AIM_MS = 50;

/** The fastest of some rounds in ms: the machine is not ours alone. */
function best(work: () => unknown): number {
  let fastest = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now();
    work();
    fastest = Math.min(fastest, performance.now() - began);
  }
  return fastest;
}

function head(index: number): StoredHead {
  return storedHead({
    requestTime: 1_000_000,
    responseTime: 1_000_000,
    tags: ["catalog", `product-${index}`, "store"].map(hashTag),
    target: `/product/${index}`,
  });
}

const heads = Array.from({ length: OBJECTS }, (_, index) => head(index));
const others = Array.from({ length: MAX_PURGES - 1 }, (_, index): LoggedPurge => ({
  id: index + 1,
  kind: "tag",
  value: `elsewhere-${index}`,
  soft: false,
  at: 2_000_000,
}));
const log = [
  ...others,
  { id: MAX_PURGES, kind: "tag", value: "catalog", soft: false, at: 2_000_001 } as const,
];
const text = JSON.stringify(log);
const view = new PurgeView(log);
const list = Array.from({ length: 7000 }, (_, index) => `product-${index}`)
  .join(",")
  .slice(0, 65_536);
const tagged = new Headers({ "cache-tag": list });

const inForce = best(() => new PurgeView(log));
const judged = best(() => {
  for (const one of heads) if (view.stateOf(one) !== "hard") throw new Error("a purge left a copy behind");
});
const prefixLog = [
  ...others.map(
    ({ id, at }) => ({ id, kind: "prefix", value: `/elsewhere/${id}/`, soft: false, at }) as const,
  ),
  { id: MAX_PURGES, kind: "prefix", value: "/product/", soft: false, at: 2_000_001 } as const,
];
const prefixView = new PurgeView(prefixLog);
const prefixInForce = best(() => new PurgeView(prefixLog));
const prefixJudged = best(() => {
  for (const one of heads)
    if (prefixView.stateOf(one) !== "hard") throw new Error("a purge left a copy behind");
});
const row = (what: string, value: string): void => console.log(`${what.padEnd(58)} ${value}`);
row(`one tag purged, ${MAX_PURGES - 1} other purges remembered: in force`, `${inForce.toFixed(2)} ms`);
row(`all ${OBJECTS} objects under it judged`, `${judged.toFixed(2)} ms`);
row("together, of 50 ms allowed", `${(((inForce + judged) / AIM_MS) * 100).toFixed(0)}%`);
row(`one prefix purged, ${MAX_PURGES - 1} others remembered: in force`, `${prefixInForce.toFixed(2)} ms`);
row(`all ${OBJECTS} objects below it judged`, `${prefixJudged.toFixed(2)} ms`);
row("together, of 50 ms allowed", `${(((prefixInForce + prefixJudged) / AIM_MS) * 100).toFixed(0)}%`);
row(`the full list of ${MAX_PURGES} as isolates read it`, `${(text.length / 1024).toFixed(0)} KB`);
row("reading it when it changed", `${best(() => JSON.parse(text)).toFixed(2)} ms`);
row("a tag list of 64 KB taken in", `${best(() => responseTags(tagged)).toFixed(2)} ms`);
if (Math.max(inForce + judged, prefixInForce + prefixJudged) > AIM_MS) process.exitCode = 1;
