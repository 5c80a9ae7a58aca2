import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { exclusionDraft } from "../../src/insight/api/console/exclusion.ts";
import { figuresOf, quantile } from "../../src/insight/api/console/figures.ts";
import { consoleRoutes } from "../../src/insight/api/index.ts";
import { createInsight } from "../../src/insight/index.ts";

const origin = "https://store.acme.com";
const now = Date.UTC(2026, 10, 22, 3);
let made = 0;

const hostile = "<script>alert(1)</script>\"'&";
const answers: Readonly<Record<string, unknown>> = {
  "/mode": { mode: "monitor", until: now + 600_000, builtin: "block", version: 7 },
  "/rooms": [
    {
      room: hostile,
      phase: "open",
      perMinute: 60,
      live: { waiting: 12, admittedLastMinute: 59, waitSeconds: 61 },
    },
  ],
  "/audit?limit=15&purges=false": {
    entries: [
      {
        version: 7,
        at: now,
        actor: hostile,
        reason: hostile,
        subject: "mode",
        before: null,
        after: { mode: hostile },
      },
    ],
  },
};

/** The console over an API that tests script; `calls` is what it asked to change. */
function browser({ actor = "console", refuse = null as number | null, broken = false } = {}) {
  const prefix = `console-${made++}-`;
  const namespace = { getByName: (name: string) => env.INSIGHT.getByName(prefix + name) };
  const insight = createInsight({
    namespace: namespace as unknown as DurableObjectNamespace,
    shards: 1,
    retentionDays: 30,
    latency: { byClass: {}, otherwise: 500 },
    alerts: false,
    webhook: null,
    clock: () => now,
    sleep: () => Promise.resolve(),
    log: () => undefined,
  });
  const calls: { path: string; actor: string; body: unknown }[] = [];
  const app = consoleRoutes({
    insight,
    autoscale: { target: "storefront", threshold: 65, min: 2, max: 8 },
    waiting: () => Promise.resolve(12),
    floor: () => Promise.resolve(0),
    ready: () => Promise.resolve(),
    ownOrigins: [origin],
    browsers: {
      invite: () => Promise.resolve("/_edge/enter?ticket=t"),
      open: (ticket) => Promise.resolve(ticket === "t" ? "session=1" : null),
      leave: "session=; Max-Age=0",
    },
    api: (path, operator, body) => {
      if (broken) return Promise.resolve(new Response(null, { status: 500 }));
      if (body !== undefined) calls.push({ path, actor: operator.actor, body });
      if (body !== undefined && refuse !== null) {
        return Promise.resolve(Response.json({ detail: `no: ${hostile}` }, { status: refuse }));
      }
      return Promise.resolve(Response.json(answers[path] ?? {}));
    },
  });
  const operator = { actor, requestId: "r-1", now, waitUntil: () => undefined };
  const fetchPage = async (path: string, init?: RequestInit) => {
    const response = await app.fetch(new Request(`${origin}/_edge${path}`, init), operator);
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  return {
    insight,
    calls,
    get: fetchPage,
    post: (path: string, fields: Record<string, string>, headers: Record<string, string> = { origin }) =>
      fetchPage(path, { method: "POST", headers, body: new URLSearchParams(fields) }),
  };
}

describe("the console", () => {
  it("shows mode, rooms, autoscale and audit log, with nothing of theirs as markup", async () => {
    const { status, text } = await browser().get("/");
    expect(status).toBe(200);
    for (const shown of ["monitor", "10 min left", "59 of 60", "12 people wait", "Undo version 7"]) {
      expect(text.replaceAll(/\s+/g, " ")).toContain(shown);
    }
    expect(text).not.toContain("<script>alert");
    expect(text).toContain("&lt;script&gt;alert(1)");
  });

  it("has a strict policy and needs no exception from it", async () => {
    const { get } = browser();
    const { headers, text } = await get("/");
    const policy = headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("unsafe");
    expect(headers.get("cache-control")).toBe("no-store");
    // A stricter one would make browsers send `Origin: null` with our own forms.
    expect(headers.get("referrer-policy")).toBe("same-origin");
    expect(text).not.toMatch(/<script(?! type="module" src="\/_edge\/assets\/)/);
    expect(text).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:/);
    for (const [, path] of text.matchAll(/(?:href|src)="\/_edge(\/assets\/[^"]+)"/g)) {
      expect((await get(path ?? "")).status).toBe(200);
    }
  });

  it("shows the rest where a part cannot be read", async () => {
    const { status, text } = await browser({ broken: true }).get("/");
    expect(status).toBe(200);
    expect(text).toContain("Cannot be read right now");
    expect(text).toContain("Autoscale: 2 of 8");
  });

  it("renews its live part alone", async () => {
    const { text } = await browser().get("/?part=live");
    expect(text).toContain("Waiting rooms");
    expect(text).not.toContain("<html");
    expect(text).not.toContain("<form");
  });

  it("changes the mode by the API, with the version that was shown, and goes back", async () => {
    const { post, calls } = browser();
    const answer = await post("/mode", {
      mode: "monitor",
      for: "30m",
      reason: "false positives",
      version: "7",
    });
    expect([answer.status, answer.headers.get("location")]).toEqual([303, "/_edge/"]);
    await post("/mode", { mode: "block", for: "", reason: "done", version: "8" });
    await post("/undo", { version: "7", reason: "undone" });
    expect(calls).toEqual([
      {
        path: "/mode",
        actor: "console",
        body: { mode: "monitor", for: "30m", reason: "false positives", version: 7 },
      },
      { path: "/mode", actor: "console", body: { mode: "block", reason: "done", version: 8 } },
      { path: "/undo", actor: "console", body: { version: 7, reason: "undone" } },
    ]);
  });

  it("says why a change was refused", async () => {
    const { status, text } = await browser({ refuse: 409 }).post("/mode", {
      mode: "block",
      reason: "r",
      version: "1",
    });
    expect(status).toBe(409);
    expect(text).toContain('role="alert">no: &lt;script&gt;');
  });

  const strangers: { name: string; headers: Record<string, string> }[] = [
    { name: "no origin", headers: {} },
    { name: "another origin", headers: { origin: "https://evil.example" } },
    { name: "an opaque origin", headers: { origin: "null" } },
    { name: "a look-alike", headers: { origin: "https://store.acme.com.evil.example" } },
    { name: "plain http", headers: { origin: "http://store.acme.com" } },
  ];
  it.each(strangers)("refuses a form with $name", async ({ headers }) => {
    const { post, calls } = browser();
    for (const path of ["/mode", "/undo", "/leave"]) {
      const { status } = await post(path, { mode: "monitor", reason: "r", version: "7" }, headers);
      expect(status).toBe(403);
    }
    expect(calls).toEqual([]);
  });

  it("lets the holder of the admin token, and nobody else, invite a browser", async () => {
    const invite = { method: "POST", headers: { "content-type": "application/json" }, body: "{}" };
    const answer = await browser({ actor: "token" }).get("/api/invitations", invite);
    expect(JSON.parse(answer.text)).toEqual({ path: "/_edge/enter?ticket=t", goodForSeconds: 120 });
    for (const actor of ["console", "access:a@b.c", "certificate:x"]) {
      expect((await browser({ actor }).get("/api/invitations", invite)).status).toBe(403);
    }
  });

  it("opens one session for an invitation", async () => {
    const { get } = browser();
    const opened = await get("/enter?ticket=t");
    expect(opened.headers.get("set-cookie")).toBe("session=1");
    const again = await get("/enter?ticket=t");
    expect([again.status, again.headers.get("set-cookie")]).toEqual([403, null]);
    expect((await browser().get("/enter?ticket=x")).headers.get("set-cookie")).toBeNull();
    expect((await browser().post("/leave", {})).headers.get("set-cookie")).toBe("session=; Max-Age=0");
  });

  it("shows what a rule matched, and a draft of an exclusion that is not applied", async () => {
    const { insight, get, calls } = browser();
    const work: Promise<unknown>[] = [];
    const matches = [{ rule: "sqli-1", class: "sqli", uncounted: null, where: "args:q", excerpt: hostile }];
    insight.record(
      {
        event: "request",
        requestId: "r-9",
        time: now,
        method: "GET",
        path: "/search",
        query: "q=1",
        route: { kind: "storefront", class: "page" },
        status: 403,
        durationMs: 1,
        sentinel: {
          outcome: "block",
          mode: "block",
          score: 5,
          matches,
          budget: null,
          limited: [],
          partial: false,
          failed: false,
        },
        cache: null,
        queue: null,
        origin: null,
        error: null,
        client: { country: null, asn: null, known: false },
        bytes: null,
      },
      { site: "GRU", waitUntil: (promise) => work.push(promise) },
    );
    await Promise.all(work);
    const { text } = await get("/rules/sqli-1");
    expect(text).toContain("r-9");
    expect(text).toContain("parameters: [&quot;args:q&quot;]");
    expect(text).not.toContain("<script>alert");
    expect(calls).toEqual([]);
    expect((await get(`/rules/${encodeURIComponent(hostile)}`)).text).not.toContain("<script>alert");
  });
});

describe("the figures", () => {
  it("are those of the last hour", () => {
    const hour = new Map([
      ['http_server_request_duration_seconds_count{http_route="page",http_response_status_class="2xx"}', 90],
      ['http_server_request_duration_seconds_count{http_route="page",http_response_status_class="5xx"}', 10],
      [
        'http_server_request_duration_seconds_bucket{http_route="page",http_response_status_class="2xx",le="0.1"}',
        90,
      ],
      [
        'http_server_request_duration_seconds_bucket{http_route="page",http_response_status_class="2xx",le="+Inf"}',
        90,
      ],
      [
        'http_server_request_duration_seconds_bucket{http_route="page",http_response_status_class="5xx",le="0.1"}',
        0,
      ],
      [
        'http_server_request_duration_seconds_bucket{http_route="page",http_response_status_class="5xx",le="+Inf"}',
        10,
      ],
      ['edge_cache_requests_total{http_route="page",outcome="hit"}', 60],
      ['edge_cache_requests_total{http_route="page",outcome="stale"}', 15],
      ['edge_cache_requests_total{http_route="page",outcome="miss"}', 25],
      ['edge_events_total{event="malformed",part="vary",from="origin"}', 2],
      ['edge_events_total{event="malformed",part="age",from="origin"}', 1],
      ['edge_events_total{event="retry",zone="a"}', 1],
      ['sentinel_matches_total{rule="a",counted="true"}', 3],
      ['sentinel_matches_total{rule="a",counted="false"}', 2],
      ['sentinel_requests_total{outcome="block",mode="block"}', 3],
    ]);
    const timeline = new Map([[now, new Map([[[...hour.keys()][0] ?? "", 5]])]]);
    const figures = figuresOf(hour, timeline, now + 1000);
    expect(figures.traffic).toMatchObject([{ route: "page", requests: 100, failed: 0.1, p95: null }]);
    expect(figures.traffic[0]?.minutes.at(-1)).toBe(5);
    expect(figures.traffic[0]?.minutes).toHaveLength(60);
    expect(figures.hitRatio).toBe(0.75);
    expect(figures.rules).toEqual([{ rule: "a", counted: 3, uncounted: 2 }]);
    expect(figures.blocked).toBe(3);
    expect(figures.events).toEqual([
      ["malformed", 3],
      ["retry", 1],
    ]);
    expect(figuresOf(new Map(), new Map(), now)).toMatchObject({ hitRatio: null, traffic: [] });
  });

  it.each([
    { counts: [50, 100, 100, 100], share: 0.5, seconds: 1 },
    { counts: [0, 100, 100, 100], share: 0.5, seconds: 1.5 },
    { counts: [0, 0, 100, 100], share: 0.95, seconds: 2 + 0.95 * 2 },
    { counts: [0, 0, 0, 100], share: 0.95, seconds: null },
    { counts: [0, 0, 0, 0], share: 0.95, seconds: null },
  ])("quantile $share of $counts is $seconds", ({ counts, share, seconds }) => {
    const bounds = ["1", "2", "4", "+Inf"];
    const buckets = new Map(bounds.map((bound, index) => [bound, counts[index] ?? 0]));
    expect(quantile(buckets, share)).toBe(seconds);
  });

  it("draft of an exclusion is YAML whatever was sent", () => {
    const sighting = {
      rule: "r",
      at: now,
      requestId: "x",
      method: "GET",
      path: '/a"\n  - rules: [all]',
      query: "",
      where: "args:q",
      excerpt: "",
      outcome: "block",
    } as const;
    expect(exclusionDraft("r", [sighting, sighting], now)).toBe(
      'exclusions:\n  - rules: ["r"]\n    paths: ["/a\\"\\n  - rules: [all]"]\n    parameters: ["args:q"]\n' +
        '    reason: "TODO: why these requests are legitimate, and the ticket"\n    expires: 2027-02-20\n',
    );
  });
});
