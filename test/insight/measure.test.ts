import fc from "fast-check";
import { expect, it } from "vitest";
import type { RequestEvent } from "../../src/insight/index.ts";
import { createMeasure } from "../../src/insight/measure.ts";
import { createTally } from "../../src/insight/tally.ts";

const match = { rule: "r-1", class: "sqli", uncounted: null, where: "args:q" };

const events: fc.Arbitrary<RequestEvent> = fc.record({
  event: fc.constant("request" as const),
  requestId: fc.uuid(),
  time: fc.nat(),
  method: fc.constantFrom("GET", "POST"),
  path: fc.webPath(),
  query: fc.constant(""),
  route: fc.record({
    kind: fc.constantFrom("storefront" as const, "media" as const, "fabric" as const),
    class: fc.constantFrom("page", "media", "checkout"),
  }),
  status: fc.constantFrom(200, 301, 403, 500, 503),
  durationMs: fc.constantFrom(0, 4, 600, 1100),
  sentinel: fc.option(
    fc.record({
      outcome: fc.constantFrom("pass" as const, "block" as const),
      mode: fc.constantFrom("block" as const, "monitor" as const, "off" as const),
      score: fc.nat(10),
      matches: fc.constantFrom([], [match]),
      limited: fc.constant([]),
      partial: fc.boolean(),
      budget: fc.constantFrom(null, "values"),
      failed: fc.boolean(),
    }),
  ),
  cache: fc.option(
    fc.record({ outcome: fc.constantFrom("hit", "miss"), reason: fc.constantFrom(null, "set-cookie") }),
  ),
  queue: fc.option(
    fc.record({
      room: fc.constant("sale"),
      outcome: fc.constantFrom("queued", "admitted"),
      waitedMs: fc.constantFrom(null, 100),
      estimateMs: fc.constantFrom(null, 50),
    }),
  ),
  origin: fc.constant(null),
  error: fc.option(
    fc.record({
      code: fc.constantFrom("blocked" as const, "internal" as const),
      source: fc.constantFrom("client" as const, "edge" as const),
      cause: fc.constant(null),
    }),
  ),
  client: fc.record({ country: fc.constant(null), asn: fc.constant(null), known: fc.boolean() }),
  bytes: fc.constantFrom(null, 0, 1024),
});

/** Sums by series, rounded to the millisecond. */
function counted(list: readonly RequestEvent[], settleEach: boolean): Record<string, number> {
  const tally = createTally();
  const measure = createMeasure(tally, { byClass: { media: 1000 }, otherwise: 500 });
  for (const event of list) {
    measure.count(event);
    if (settleEach) measure.settle();
  }
  measure.settle();
  return Object.fromEntries(tally.take().map(([series, sum]) => [series, Math.round(sum * 1000)]));
}

it("counts the same whether events are added up as they come or together", () => {
  fc.assert(
    fc.property(fc.array(events, { maxLength: 40 }), fc.nat(3), (list, repeats) => {
      const all = Array.from({ length: repeats + 1 }, () => list).flat();
      expect(counted(all, false)).toEqual(counted(all, true));
    }),
  );
});

it("counts everything once", () => {
  const [event] = fc.sample(events, { numRuns: 1, seed: 1 });
  if (event === undefined) throw new Error("there is a sample");
  const tally = createTally();
  const measure = createMeasure(tally, { byClass: {}, otherwise: 500 });
  measure.count({ ...event, status: 200, queue: null, error: null });
  measure.settle();
  measure.settle();
  const requests = tally.take().filter(([series]) => /duration_seconds_count/.test(series));
  expect(requests.map(([, sum]) => sum)).toEqual([1]);
});
