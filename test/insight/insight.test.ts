import { env } from "cloudflare:workers";
import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { insightRoutes } from "../../src/insight/api/index.ts";
import { createInsight, type RequestEvent } from "../../src/insight/index.ts";
import { createJournal } from "../../src/insight/journal.ts";

const event: RequestEvent = {
  event: "request",
  requestId: "r-1",
  time: Date.UTC(2026, 10, 22),
  method: "GET",
  path: "/product/linen-shirt",
  query: "q=4111111111111111&page=2",
  route: { kind: "storefront", class: "page" },
  status: 200,
  durationMs: 12,
  sentinel: {
    outcome: "pass",
    mode: "block",
    score: 0,
    matches: [],
    budget: null,
    limited: [],
    partial: false,
    failed: false,
  },
  cache: { outcome: "hit", reason: null },
  queue: null,
  origin: null,
  error: null,
  client: { country: "BR", asn: 1, known: false },
  bytes: 100,
};
const blocked: RequestEvent = {
  ...event,
  status: 403,
  sentinel: {
    outcome: "block",
    mode: "block",
    score: 5,
    matches: [{ rule: "942100", class: "sqli", uncounted: null, where: "args:q", excerpt: "1' or 1=1" }],
    budget: null,
    limited: [],
    partial: false,
    failed: false,
  },
  cache: null,
  error: { code: "blocked", source: "client", cause: null },
};
let made = 0;

/** An isolate with shards and a desk of its own. */
function isolate(webhook: string | null = null, prefix = `insight-${made++}-`) {
  const lines: string[] = [];
  const work: Promise<unknown>[] = [];
  const namespace = { getByName: (name: string) => env.INSIGHT.getByName(prefix + name) };
  const insight = createInsight({
    namespace: namespace as unknown as DurableObjectNamespace,
    shards: 2,
    retentionDays: 30,
    latency: { byClass: {}, otherwise: 500 },
    alerts: true,
    webhook,
    clock: Date.now,
    sleep: () => Promise.resolve(),
    log: (line) => lines.push(line),
  });
  return {
    insight,
    lines,
    prefix,
    shards: ["shard-0", "shard-1"].map((name) => env.INSIGHT.getByName(prefix + name)),
    desk: env.INSIGHT.getByName(`${prefix}desk`),
    record: (recorded: RequestEvent, site = "GRU") =>
      insight.record(recorded, { site, waitUntil: (promise) => work.push(promise) }),
    settle: () => Promise.all(work.splice(0)),
    work,
  };
}

function api(insight: ReturnType<typeof isolate>["insight"], waiting = 0) {
  const app = insightRoutes({
    insight,
    autoscale: { target: "storefront", threshold: 65, min: 2, max: 8 },
    waiting: () => Promise.resolve(waiting),
    floor: () => Promise.resolve(0),
    ready: () => Promise.resolve(),
  });
  const operator = { actor: "alice", requestId: "r", waitUntil: () => undefined };
  return (path: string) => app.fetch(new Request(`https://e${path}`), { ...operator, now: Date.now() });
}

afterEach(() => vi.restoreAllMocks());

describe("recording", () => {
  it("writes one line of JSON a request, without what people typed", async () => {
    const edge = isolate();
    edge.record(event);
    await edge.settle();
    expect(edge.lines).toHaveLength(1);
    const line: unknown = JSON.parse(edge.lines[0] ?? "");
    expect(line).toMatchObject({
      event: "request",
      requestId: "r-1",
      time: Date.UTC(2026, 10, 22),
      query: "q&page=2",
      status: 200,
      cache: { outcome: "hit" },
    });
    expect(edge.lines[0]).not.toContain("4111");
  });

  it("gathers the lines of requests that went as they should, and of nothing else", async () => {
    const edge = isolate();
    const id = (number: number): string => `r-${number}`;
    for (let count = 0; count < 100; count++) edge.record({ ...event, requestId: id(count) });
    edge.record({ ...blocked, requestId: "stopped" });
    edge.record({
      ...event,
      requestId: "fetched",
      origin: { target: "s", zone: "a", tries: 1, durationMs: 9 },
    });
    expect(edge.lines.map((text) => text.split("\n").length)).toEqual([64, 1, 1]);
    await edge.settle();
    const logged = edge.lines
      .flatMap((text) => text.split("\n"))
      .map((line): RequestEvent => JSON.parse(line));
    const ids = logged.map(({ requestId }) => requestId);
    expect(ids.toSorted()).toEqual(
      [...Array.from({ length: 100 }, (_, count) => id(count)), "stopped", "fetched"].toSorted(),
    );
    expect(logged.find(({ requestId }) => requestId === "r-99")).toEqual({
      ...event,
      requestId: "r-99",
      query: "q&page=2",
    });
  });

  it("promises the log anew where the request that was to write it was cut off", async () => {
    const lines: string[] = [];
    const journal = createJournal(
      (text) => lines.push(text),
      () => Promise.resolve(),
    );
    const cutOff = (): void => undefined;
    const work: Promise<unknown>[] = [];
    const sleepers = createJournal(
      (text) => lines.push(text),
      () => new Promise(() => undefined),
    );
    sleepers.gather("a", 0, cutOff);
    sleepers.gather("b", 1000, (promise) => work.push(promise));
    expect(work).toHaveLength(0);
    sleepers.gather("c", 1001, (promise) => work.push(promise));
    expect(work).toHaveLength(1);
    journal.gather("d", 0, (promise) => work.push(promise));
    await work[1];
    expect(lines).toEqual(["d"]);
  });

  it("redacts what rules matched", () => {
    const edge = isolate();
    const [match] = blocked.sentinel?.matches ?? [];
    if (match === undefined || blocked.sentinel === null) throw new Error("the event has a match");
    const matches = [
      { ...match, where: "args:ana@example.com", excerpt: "card 4111 1111 1111 1111' or 1=1" },
    ];
    edge.record({ ...blocked, sentinel: { ...blocked.sentinel, matches } });
    expect(edge.lines[0]).toContain("' or 1=1");
    expect(edge.lines[0]).not.toMatch(/4111|ana@/);
  });

  it("makes one report of a thousand requests", async () => {
    const edge = isolate();
    for (let count = 0; count < 400; count++) edge.record(event);
    // The report, and the last of the log.
    expect(edge.work).toHaveLength(2);
    await edge.settle();
    expect(edge.insight.unreported()).toEqual([]);
    expect(
      (await edge.insight.shards.totals()).get('edge_cache_requests_total{http_route="page",outcome="hit"}'),
    ).toBe(400);
  });

  it("reports at once when there is much to report", () => {
    const edge = isolate();
    for (let count = 0; count < 10_000; count++) edge.record(event);
    // Two full reports, and before each the promise of one; and the last of the log.
    expect(edge.work).toHaveLength(5);
  });

  it("never throws, whatever it is given", () => {
    const edge = isolate();
    const broken = { ...event, bytes: 10n } as unknown as RequestEvent;
    expect(() => edge.record(broken)).not.toThrow();
    expect(edge.lines[0]).toContain("insight-failed");
  });

  it("loses numbers, not requests, where no shard answers", async () => {
    const work: Promise<unknown>[] = [];
    const lines: string[] = [];
    const unreachable = { add: () => Promise.reject(new Error("down")) };
    const insight = createInsight({
      namespace: { getByName: () => unreachable } as unknown as DurableObjectNamespace,
      shards: 1,
      retentionDays: 30,
      latency: { byClass: {}, otherwise: 500 },
      alerts: false,
      webhook: null,
      clock: Date.now,
      sleep: () => Promise.resolve(),
      log: (line) => lines.push(line),
    });
    insight.record(event, { site: "GRU", waitUntil: (promise) => work.push(promise) });
    await expect(Promise.all(work)).resolves.toBeDefined();
    expect(lines[1]).toContain("insight-unreachable");
  });
});

describe("the shards", () => {
  it("add up over isolates, sites and evictions", async () => {
    const first = isolate();
    const second = isolate(null, first.prefix);
    for (const site of ["GRU", "FRA", "SIN"]) first.record(event, site);
    second.record(blocked, "FRA");
    await Promise.all([first.settle(), second.settle()]);
    await first.insight.shards.totals();
    for (const shard of first.shards) await evictDurableObject(shard).catch(() => undefined);
    const text = await (await api(first.insight)("/metrics")).text();
    expect(text).toContain(
      'http_server_request_duration_seconds_count{http_route="page",http_response_status_class="2xx"} 3',
    );
    expect(text).toContain(
      'http_server_request_duration_seconds_count{http_route="page",http_response_status_class="4xx"} 1',
    );
    expect(text).toContain('sentinel_matches_total{rule="942100",counted="true"} 1');
  });

  it("write what they hold by alarm", async () => {
    const edge = isolate();
    edge.record(event);
    await edge.settle();
    edge.record(event);
    await edge.settle();
    const ran = await Promise.all(edge.shards.map(runDurableObjectAlarm));
    expect(ran.filter(Boolean)).toHaveLength(1);
    for (const shard of edge.shards) await evictDurableObject(shard).catch(() => undefined);
    expect(
      (await edge.insight.shards.totals()).get('edge_cache_requests_total{http_route="page",outcome="hit"}'),
    ).toBe(2);
  });

  it("keep minutes for 48 hours, hours for the days that were agreed, totals for good", async () => {
    const edge = isolate();
    const start = Date.now();
    const day = 86_400_000;
    const series = 'edge_cache_requests_total{http_route="page",outcome="hit"}';
    const kept: unknown[] = [];
    try {
      for (const age of [0, 47 / 24, 49 / 24, 29, 31]) {
        vi.useFakeTimers({ now: start + age * day, toFake: ["Date"] });
        edge.record(age === 0 ? event : { ...event, cache: null });
        await edge.settle();
        const { shards } = edge.insight;
        const [whole] = await shards.windows("edge_cache", [start - day]);
        const minutes = await shards.timeline("edge_cache", start - day);
        kept.push([age, minutes.size, whole?.get(series) ?? 0, (await shards.totals()).get(series)]);
      }
    } finally {
      vi.useRealTimers();
    }
    expect(kept).toEqual([
      [0, 1, 1, 1],
      [47 / 24, 1, 1, 1],
      [49 / 24, 0, 1, 1],
      [29, 0, 1, 1],
      [31, 0, 0, 1],
    ]);
  });

  it("show metrics that are not reported yet", async () => {
    const edge = isolate();
    edge.insight.count("retry", { zone: "a" });
    expect(await (await api(edge.insight)("/metrics")).text()).toContain(
      'edge_events_total{event="retry",zone="a"} 1',
    );
  });

  it("keep the last five sightings of a rule, redacted", async () => {
    const edge = isolate();
    for (let index = 0; index < 8; index++) {
      edge.record({ ...blocked, requestId: `r-${index}` });
      await edge.settle();
    }
    const answer: unknown = await (await api(edge.insight)("/api/sightings?rule=942100")).json();
    expect(answer).toHaveLength(5);
    expect(answer).toMatchObject(
      [{ rule: "942100", where: "args:q", excerpt: "1' or 1=1", query: "q&page=2", outcome: "block" }].concat(
        Array.from({ length: 4 }, () => ({ rule: "942100" }) as never),
      ),
    );
    expect(JSON.stringify(answer)).not.toContain("4111");
  });
});

describe("objectives and alerts", () => {
  it("count shopper traffic only, and a block as an answer that was meant", async () => {
    const edge = isolate();
    edge.record(event);
    edge.record({ ...event, status: 502, error: { code: "origin-broken", source: "origin", cause: null } });
    edge.record(blocked);
    edge.record({ ...event, route: { kind: "fabric", class: "private" }, status: 500 });
    edge.record({ ...event, durationMs: 900 });
    await edge.settle();
    const statuses = await edge.insight.objectives();
    expect(statuses).toMatchObject([
      { objective: "availability", group: "page", events: 3 },
      { objective: "latency", group: "page", events: 2 },
    ]);
    expect(statuses[0]?.burn["5m"]).toBeCloseTo(1 / 3 / 0.001);
    expect(statuses[1]?.burn["5m"]).toBeCloseTo(0.5 / 0.01);
  });

  it("tell the webhook once, try again when it fails, and say so in the API", async () => {
    const sent: { url: string; body: unknown; key: string | null }[] = [];
    let up = false;
    vi.spyOn(globalThis, "fetch").mockImplementation(async (url, init) => {
      const text = await new Response(init?.body ?? null).text();
      sent.push({
        url: url instanceof Request ? url.url : url.toString(),
        body: JSON.parse(text),
        key: new Headers(init?.headers).get("idempotency-key"),
      });
      return new Response(null, { status: up ? 204 : 503 });
    });
    const edge = isolate("https://alerts.example/hook");
    const failed: RequestEvent = {
      ...event,
      status: 503,
      error: { code: "breaker-open", source: "origin", cause: null },
    };
    for (let count = 0; count < 20; count++) edge.record(failed);
    await edge.settle();
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({
      url: "https://alerts.example/hook",
      body: { status: "firing", key: "availability/page", severity: "page" },
    });
    await edge.insight.watch();
    expect(sent).toHaveLength(1);
    up = true;
    vi.useFakeTimers({ now: Date.now() + 60_000, toFake: ["Date"] });
    expect(await runDurableObjectAlarm(edge.desk)).toBe(true);
    vi.useRealTimers();
    expect(sent).toHaveLength(2);
    expect(sent[1]?.key).toBe(sent[0]?.key);
    expect(await runDurableObjectAlarm(edge.desk)).toBe(false);
    const open: unknown = await (await api(edge.insight)("/api/alerts")).json();
    expect(open).toMatchObject([{ key: "availability/page", severity: "page" }]);
  });
});

describe("autoscale", () => {
  it("answers a total that an autoscaler reads, with people waiting in it", async () => {
    const edge = isolate();
    const answer: unknown = await (await api(edge.insight, 3000)("/api/autoscale?replicas=2")).json();
    expect(answer).toMatchObject({
      target: "storefront",
      metric: "requests",
      threshold: 65,
      total: 300,
      waiting: 3000,
      desired: 5,
      replicas: 2,
    });
  });

  it("refuses replicas that are no number", async () => {
    expect((await api(isolate().insight)("/api/autoscale?replicas=x")).status).toBe(400);
  });
});
