import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { retryDelay, settleAlerts, type Firing, type OpenAlert } from "../../src/insight/alerts.ts";
import { recommend, type Recommendation } from "../../src/insight/autoscale.ts";
import { exposition, parseSeries, seriesOf, type Sample } from "../../src/insight/series.ts";
import { burnRate, evaluateObjectives, type Severity, type WindowName } from "../../src/insight/slo.ts";
import { createTally } from "../../src/insight/tally.ts";

const minute = 60_000;

describe("series", () => {
  it("parses what it wrote, whatever the labels", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 100, unit: "binary" }), fc.string({ maxLength: 100 }), (a, b) => {
        const labels = { a, b };
        const { name, labels: parsed } = parseSeries(seriesOf("edge_events_total", labels));
        expect(name).toBe("edge_events_total");
        expect(parsed).toEqual(labels);
      }),
    );
  });

  it("never lets a label break its line", () => {
    const text = exposition([
      [seriesOf("edge_events_total", { event: 'a"} 1\nsentinel_matches_total 99' }), 1],
    ]);
    expect(text.trimEnd().split("\n")).toHaveLength(3);
  });

  it("writes the exposition format, buckets in order", () => {
    const tally = createTally();
    tally.observe("http_server_request_duration_seconds", { http_route: "page" }, 0.03);
    tally.observe("http_server_request_duration_seconds", { http_route: "page" }, 99);
    tally.add("edge_errors_total", { error_type: "blocked", source: "client" });
    expect(exposition(tally.peek())).toMatchInlineSnapshot(`
      "# HELP http_server_request_duration_seconds Duration of requests, by route class and status class.
      # TYPE http_server_request_duration_seconds histogram
      http_server_request_duration_seconds_bucket{http_route="page",le="0.005"} 0
      http_server_request_duration_seconds_bucket{http_route="page",le="0.01"} 0
      http_server_request_duration_seconds_bucket{http_route="page",le="0.025"} 0
      http_server_request_duration_seconds_bucket{http_route="page",le="0.05"} 1
      http_server_request_duration_seconds_bucket{http_route="page",le="0.075"} 1
      http_server_request_duration_seconds_bucket{http_route="page",le="0.1"} 1
      http_server_request_duration_seconds_bucket{http_route="page",le="0.25"} 1
      http_server_request_duration_seconds_bucket{http_route="page",le="0.5"} 1
      http_server_request_duration_seconds_bucket{http_route="page",le="0.75"} 1
      http_server_request_duration_seconds_bucket{http_route="page",le="1"} 1
      http_server_request_duration_seconds_bucket{http_route="page",le="2.5"} 1
      http_server_request_duration_seconds_bucket{http_route="page",le="5"} 1
      http_server_request_duration_seconds_bucket{http_route="page",le="7.5"} 1
      http_server_request_duration_seconds_bucket{http_route="page",le="10"} 1
      http_server_request_duration_seconds_bucket{http_route="page",le="+Inf"} 2
      http_server_request_duration_seconds_count{http_route="page"} 2
      http_server_request_duration_seconds_sum{http_route="page"} 99.03
      # HELP edge_errors_total Answers that are errors, by code and who is at fault.
      # TYPE edge_errors_total counter
      edge_errors_total{error_type="blocked",source="client"} 1
      "
    `);
  });
});

describe("the tally", () => {
  it("forgets what was taken", () => {
    const tally = createTally();
    tally.add("edge_errors_total", { error_type: "blocked" }, 2);
    expect(tally.take()).toEqual([['edge_errors_total{error_type="blocked"}', 2]]);
    expect(tally.take()).toEqual([]);
  });

  it("is bounded: a flood of new labels is dropped and counted", () => {
    const tally = createTally();
    for (let index = 0; index < 5000; index++) tally.add("edge_events_total", { event: `e${index}` });
    const samples = tally.peek();
    expect(samples.length).toBeLessThanOrEqual(1001);
    expect(new Map(samples).get("edge_insight_dropped_total")).toBe(4000);
  });
});

describe("objectives", () => {
  /** One hour's rates by window: share of bad events among 10,000. */
  const windows = (bad: Partial<Record<WindowName, number>>, events = 10_000) => {
    const of = (window: WindowName): Sample[] => [
      [
        'edge_slo_events_total{slo="availability",group="page",good="true"}',
        events * (1 - (bad[window] ?? 0)),
      ],
      ['edge_slo_events_total{slo="availability",group="page",good="false"}', events * (bad[window] ?? 0)],
    ];
    return {
      "5m": of("5m"),
      "30m": of("30m"),
      "1h": of("1h"),
      "6h": of("6h"),
      "3d": of("3d"),
      "30d": of("30d"),
    };
  };
  const cases: {
    name: string;
    bad: Partial<Record<WindowName, number>>;
    events?: number;
    alert: Severity | null;
  }[] = [
    { name: "nothing bad", bad: {}, alert: null },
    { name: "14.4x over an hour and five minutes", bad: { "1h": 0.01441, "5m": 0.01441 }, alert: "page" },
    { name: "just under 14.4x", bad: { "1h": 0.0143, "5m": 0.0143 }, alert: null },
    { name: "an hour that is over", bad: { "1h": 0.05, "5m": 0 }, alert: null },
    { name: "a spike that is no hour", bad: { "5m": 0.5, "1h": 0.001 }, alert: null },
    { name: "6x over six hours and thirty minutes", bad: { "6h": 0.00601, "30m": 0.00601 }, alert: "page" },
    { name: "6x that has ended", bad: { "6h": 0.006, "30m": 0.001 }, alert: null },
    { name: "1x over three days and six hours", bad: { "3d": 0.00101, "6h": 0.00101 }, alert: "ticket" },
    { name: "1x that has ended", bad: { "3d": 0.001, "6h": 0.0005 }, alert: null },
    { name: "page before ticket", bad: { "3d": 0.02, "6h": 0.02, "1h": 0.02, "5m": 0.02 }, alert: "page" },
    { name: "one failure among twenty at night", bad: { "1h": 0.05, "5m": 0.05 }, events: 20, alert: null },
  ];
  it.each(cases)("$name: $alert", ({ bad, events, alert }) => {
    expect(evaluateObjectives(windows(bad, events))).toMatchObject([
      { objective: "availability", group: "page", alert },
    ]);
  });
  it("covers every case above", () => expect(cases).toHaveLength(11));

  it("never page for false positives: attackers have cookies too", () => {
    const bad: readonly Sample[] = [
      ['edge_slo_events_total{slo="false-positives",group="known-shoppers",good="false"}', 50],
    ];
    const all = { "5m": bad, "30m": bad, "1h": bad, "6h": bad, "3d": bad, "30d": bad };
    expect(evaluateObjectives(all)).toMatchObject([{ objective: "false-positives", alert: "ticket" }]);
  });

  it("says how much budget is left", () => {
    expect(evaluateObjectives(windows({ "30d": 0.00025 }))[0]?.budgetLeft).toBeCloseTo(0.75);
    expect(evaluateObjectives(windows({ "30d": 0.002 }))[0]?.budgetLeft).toBeCloseTo(-1);
    expect(evaluateObjectives(windows({}))[0]?.budgetLeft).toBe(1);
  });

  it("burns nothing where nothing happens", () => expect(burnRate({ good: 0, bad: 0 }, 0.999)).toBe(0));
});

describe("alerts", () => {
  const page: Firing = { key: "availability/page", severity: "page", summary: "s" };
  const ticket: Firing = { ...page, severity: "ticket" };
  /** What is told over a sequence of evaluations, as `minute:status:severity`. */
  function told(sequence: readonly (readonly [number, readonly Firing[]])[]): string[] {
    let open: readonly OpenAlert[] = [];
    return sequence.flatMap(([at, firing]) => {
      const settled = settleAlerts(open, firing, at * minute);
      open = settled.open;
      return settled.messages.map(({ status, severity }) => `${at}:${status}:${severity}`);
    });
  }

  it("says a trouble once", () => {
    expect(
      told([
        [0, [page]],
        [1, [page]],
        [2, [page]],
      ]),
    ).toEqual(["0:firing:page"]);
  });
  it("says it again when it grows, not when it shrinks", () => {
    expect(
      told([
        [0, [ticket]],
        [1, [page]],
        [2, [ticket]],
      ]),
    ).toEqual(["0:firing:ticket", "1:firing:page"]);
  });
  it("reminds after four hours", () => {
    expect(
      told([
        [0, [page]],
        [239, [page]],
        [240, [page]],
        [241, [page]],
      ]),
    ).toEqual(["0:firing:page", "240:firing:page"]);
  });
  it("says when it is over, five minutes later", () => {
    expect(
      told([
        [0, [page]],
        [1, []],
        [4, []],
        [5, []],
        [6, []],
      ]),
    ).toEqual(["0:firing:page", "5:resolved:page"]);
  });
  it("takes a flicker for one alert", () => {
    expect(
      told([
        [0, [page]],
        [1, []],
        [2, [page]],
        [3, []],
        [4, [page]],
      ]),
    ).toEqual(["0:firing:page"]);
  });
  it("tries to deliver for hours, then gives up", () => {
    const delays = Array.from({ length: 13 }, (_, tries) => retryDelay(tries));
    expect(delays.at(-1)).toBeNull();
    const total = delays.reduce((sum: number, delay) => sum + (delay ?? 0), 0);
    expect(total).toBeGreaterThan(3 * 60 * minute);
  });
});

describe("the autoscale signal", () => {
  const config = { target: "storefront", threshold: 65, min: 2, max: 8 };
  const demand = { requestsPerSecond: 0, waiting: 0, floor: 0, replicas: 2 };
  const cases = [
    { name: "idle", change: {}, desired: 2 },
    { name: "exactly two replicas' worth", change: { requestsPerSecond: 130 }, desired: 2 },
    { name: "within 10%", change: { requestsPerSecond: 142 }, desired: 2 },
    { name: "beyond 10%", change: { requestsPerSecond: 144 }, desired: 3 },
    { name: "a flash sale", change: { requestsPerSecond: 10_000 }, desired: 8 },
    { name: "people who wait", change: { requestsPerSecond: 130, waiting: 1950 }, desired: 5 },
    { name: "a scheduled event", change: { floor: 6 }, desired: 6 },
    { name: "a floor above the maximum", change: { floor: 60 }, desired: 8 },
    {
      name: "within 10% of more replicas than were asked for",
      change: { requestsPerSecond: 270, replicas: 4 },
      desired: 4,
    },
    { name: "no replica at all", change: { requestsPerSecond: 200, replicas: 0 }, desired: 4 },
  ];
  it.each(cases)("$name: $desired", ({ change, desired }) => {
    expect(recommend(config, { ...demand, ...change }, [], 0).signal.desired).toBe(desired);
  });
  it("covers every case above", () => expect(cases).toHaveLength(10));

  it("goes up at once, and down only when 300 s agree", () => {
    let history: Recommendation[] = [];
    let replicas = 2;
    const desiredAt: [number, number][] = [];
    for (let second = 0; second <= 400; second += 20) {
      const requestsPerSecond = second < 20 ? 500 : 60;
      const { signal, raw } = recommend(
        config,
        { ...demand, requestsPerSecond, replicas },
        history,
        second * 1000,
      );
      history = [...history, raw];
      replicas = signal.desired;
      desiredAt.push([second, replicas]);
    }
    const desired = new Map(desiredAt);
    expect([desired.get(0), desired.get(20), desired.get(280), desired.get(300)]).toEqual([8, 8, 8, 2]);
  });

  it("stays within its bounds, gives the total, and never scales down below what demand needs", () => {
    const input = fc.record({
      requestsPerSecond: fc.float({ min: 0, max: 5000, noNaN: true }),
      waiting: fc.nat(100_000),
      floor: fc.nat(20),
      replicas: fc.nat(20),
    });
    const past = fc.array(fc.record({ at: fc.nat(600_000), desired: fc.integer({ min: 2, max: 8 }) }));
    fc.assert(
      fc.property(input, past, (given, history) => {
        const { signal } = recommend(config, given, history, 600_000);
        expect(signal.desired).toBeGreaterThanOrEqual(2);
        expect(signal.desired).toBeLessThanOrEqual(8);
        expect(signal.total).toBeCloseTo(given.requestsPerSecond + given.waiting / 10, 3);
        expect(signal.desired * 65 * 1.1 + 1e-6 >= Math.min(signal.total, 8 * 65)).toBe(true);
      }),
    );
  });
});
