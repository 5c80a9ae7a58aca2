import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { controlRoutes } from "../../src/control/api/index.ts";
import { createControl } from "../../src/control/index.ts";

const origin = "https://store.acme.com";
let made = 0;

/** The private API over a control object of its own. */
function api() {
  const stub = env.CONTROL.getByName(`routes-${made++}`);
  const control = createControl({
    namespace: { getByName: () => stub } as unknown as DurableObjectNamespace,
    cacheApi: null,
    builtin: { mode: "block" },
    clock: Date.now,
    sleep: (ms) => scheduler.wait(ms),
    longestLifetimeMs: 86_400_000,
    observe: () => undefined,
  });
  const app = controlRoutes({
    control,
    ownOrigins: [origin],
    longestLifetimeMs: 86_400_000,
    rooms: {
      list: (settings) => Promise.resolve(settings),
      next: async (room, current, input) => {
        if (room !== "sale") return { unknown: "there is no such room" };
        return typeof input === "object" && input !== null && "rate" in input && Number(input.rate) > 0
          ? { value: { ...(current as object | null), rate: input.rate } }
          : { refused: "the rate must be above 0" };
      },
    },
    ruleNames: (version) =>
      Promise.resolve(new Set(version === null ? ["942100", "tag:sqli"] : ["published"])),
    checkRules: (content) =>
      Promise.resolve(new TextDecoder().decode(content).includes("bad") ? ["rule 7: unknown operator"] : []),
  });
  const operator = { actor: "alice", requestId: "r-1", now: Date.now(), waitUntil: () => undefined };
  const send = async (request: Request) => {
    const response = await app.fetch(request, { ...operator, now: Date.now() });
    const body: Record<string, unknown> = await response.json();
    return { status: response.status, headers: response.headers, body };
  };
  return {
    get: (path: string) => send(new Request(`${origin}${path}`)),
    post: (path: string, body: unknown, headers: Record<string, string> = {}) =>
      send(
        new Request(`${origin}${path}`, {
          method: "POST",
          headers: { "content-type": "application/json", ...headers },
          body: typeof body === "string" ? body : JSON.stringify(body),
        }),
      ),
  };
}

describe("the private API of control", () => {
  it("toggles the mode for a while, with a reason, and shows it at once", async () => {
    const { get, post } = api();
    const before = Date.now();
    const { status, body } = await post("/mode", { mode: "monitor", reason: "false positives", for: "30m" });
    expect(status).toBe(200);
    expect(body).toMatchObject({ version: 1, actor: "alice", reason: "false positives", subject: "mode" });
    const shown = (await get("/mode")).body;
    expect(shown).toMatchObject({ mode: "monitor", builtin: "block", version: 1 });
    expect(Number(shown["until"]) - before).toBeGreaterThanOrEqual(1_800_000);
    expect((await get("/status")).body).toMatchObject({ mode: "monitor", version: 1, source: "control" });
  });

  it("answers a change against an older version with the current one", async () => {
    const { post } = api();
    await post("/mode", { mode: "monitor", reason: "a" });
    const byMember = await post("/mode", { mode: "block", reason: "b", version: 0 });
    expect(byMember.status).toBe(409);
    expect(byMember.body).toMatchObject({ code: "conflict", currentVersion: 1, requestId: "r-1" });
    expect((await post("/mode", { mode: "block", reason: "b" }, { "if-match": '"0"' })).status).toBe(409);
    expect((await post("/mode", { mode: "block", reason: "b" }, { "if-match": '"1"' })).status).toBe(200);
  });

  it("purges by tags up to 64 KB of them", async () => {
    const { get, post } = api();
    const tags = Array.from({ length: 4000 }, (_, index) => `product-${String(index).padStart(7, "0")}`);
    expect(tags.join(",").length).toBeGreaterThan(60_000);
    expect((await post("/purge", { tags, reason: "reprice" })).status).toBe(200);
    expect(await get("/purges")).toMatchObject({ status: 200 });
    expect(Object.values((await get("/purges")).body)).toHaveLength(4000);
    const { body } = await get("/audit");
    expect(body).toMatchObject({ entries: [{ subject: "purge", after: [{ kind: "tag", count: 4000 }] }] });
  });

  it("changes a room as its own module allows, and refuses as it refuses", async () => {
    const { get, post } = api();
    expect((await post("/rooms/sale", { rate: 60, reason: "start" })).status).toBe(200);
    expect((await get("/rooms")).body).toEqual({ sale: { rate: 60 } });
    const refused = await post("/rooms/sale", { rate: 0, reason: "stop" });
    expect(refused).toMatchObject({ status: 400, body: { detail: "the rate must be above 0" } });
    expect((await post("/rooms/sale", { rate: 1, reason: "x", version: 0 })).status).toBe(409);
  });

  it("publishes rules, refuses faulty ones by name, and rolls back", async () => {
    const { get, post } = api();
    expect((await post("/rules", { package: { rules: ["a"] }, reason: "a" })).status).toBe(200);
    const first = (await get("/rules")).body["active"];
    await post("/rules", { package: "b", reason: "b" });
    const faulty = await post("/rules", { package: "bad", reason: "c" });
    expect(faulty).toMatchObject({ status: 400, body: { faults: ["rule 7: unknown operator"] } });
    expect((await get("/rules")).body["active"]).not.toBe(first);
    await post("/rules/rollback", { reason: "worse" });
    expect((await get("/rules")).body["active"]).toBe(first);
    await post("/rules/rollback", { to: null, reason: "built-in" });
    expect((await get("/rules")).body["active"]).toBeNull();
  });

  it("undoes a version once", async () => {
    const { get, post } = api();
    await post("/overrides", { rule: "942100", action: "monitor", reason: "noisy" });
    expect((await get("/overrides")).body).toMatchObject([{ rule: "942100", action: "monitor", version: 1 }]);
    expect((await post("/undo", { version: 1, reason: "fixed" })).status).toBe(200);
    expect((await get("/overrides")).body).toEqual([]);
    expect((await post("/undo", { version: 1, reason: "again" })).status).toBe(409);
    expect((await post("/undo", { version: 77, reason: "again" })).status).toBe(404);
  });

  it("takes overrides of rules and tags in force, and lets go of any", async () => {
    const { post } = api();
    const override = (rule: string, action: "off" | null) =>
      post("/overrides", { rule, action, reason: "noisy" });
    expect((await override("tag:sqli", "off")).status).toBe(200);
    expect(await override("94210", "off")).toMatchObject({
      status: 400,
      body: { code: "payload-invalid", detail: expect.stringContaining("no rule 94210") },
    });
    expect((await override("tag:942100", "off")).status).toBe(400);
    await post("/rules", { package: "a", reason: "new" });
    expect((await override("942100", "off")).status).toBe(400);
    expect((await override("published", "off")).status).toBe(200);
    expect((await override("tag:sqli", null)).status).toBe(200);
  });

  it("pages through the audit log", async () => {
    const { get, post } = api();
    for (let index = 0; index < 5; index++) await post("/mode", { mode: "monitor", reason: `r${index}` });
    const first = (await get("/audit?limit=3")).body;
    expect(first).toMatchObject({ entries: [{ version: 5 }, { version: 4 }, { version: 3 }], next: 3 });
    expect((await get("/audit?limit=3&before=3")).body).toMatchObject({
      entries: [{ version: 2 }, { version: 1 }],
      next: null,
    });
    await post("/purge", { all: true, reason: "stock" });
    expect((await get("/audit?limit=1")).body).toMatchObject({ entries: [{ version: 6, subject: "purge" }] });
    expect((await get("/audit?limit=1&purges=false")).body).toMatchObject({
      entries: [{ version: 5 }],
      next: 5,
    });
  });
});

describe("what is refused", () => {
  const mode = { mode: "monitor", reason: "r" };
  const refusals: {
    name: string;
    path: string;
    body: unknown;
    headers?: Record<string, string>;
    status: number;
  }[] = [
    { name: "a change without a reason", path: "/mode", body: { mode: "monitor" }, status: 400 },
    { name: "an empty reason", path: "/mode", body: { mode: "monitor", reason: "  " }, status: 400 },
    { name: "an unknown mode", path: "/mode", body: { mode: "off", reason: "r" }, status: 400 },
    { name: "an unknown member", path: "/mode", body: { ...mode, until: 5 }, status: 400 },
    { name: "a duration without a unit", path: "/mode", body: { ...mode, for: "30" }, status: 400 },
    { name: "a duration of a month", path: "/mode", body: { ...mode, for: "30d" }, status: 400 },
    { name: "what is not JSON", path: "/mode", body: "{", status: 400 },
    {
      name: "a body that is too large",
      path: "/mode",
      body: { ...mode, reason: "x".repeat(200_000) },
      status: 413,
    },
    { name: "a form", path: "/mode", body: mode, headers: { "content-type": "text/plain" }, status: 415 },
    {
      name: "another site",
      path: "/mode",
      body: mode,
      headers: { origin: "https://evil.example" },
      status: 403,
    },
    { name: "an opaque origin", path: "/mode", body: mode, headers: { origin: "null" }, status: 403 },
    {
      name: "another site that hides its origin",
      path: "/mode",
      body: mode,
      headers: { "sec-fetch-site": "cross-site" },
      status: 403,
    },
    {
      name: "an If-Match that is no version",
      path: "/mode",
      body: mode,
      headers: { "if-match": "abc" },
      status: 400,
    },
    { name: "an override of nothing", path: "/overrides", body: { action: "off", reason: "r" }, status: 400 },
    {
      name: "an override of a rule and a path",
      path: "/overrides",
      body: { rule: "1", path: "/x", action: "off", reason: "r" },
      status: 400,
    },
    {
      name: "a path that is not one",
      path: "/overrides",
      body: { path: "/a*b", action: "off", reason: "r" },
      status: 400,
    },
    {
      name: "a purge of another host",
      path: "/purge",
      body: { urls: ["https://evil.example/catalog"], reason: "r" },
      status: 400,
    },
    { name: "a purge of two tags in one", path: "/purge", body: { tags: ["a,b"], reason: "r" }, status: 400 },
    { name: "a purge of nothing", path: "/purge", body: { reason: "r" }, status: 400 },
    { name: "a room that is not there", path: "/rooms/nowhere", body: { rate: 1, reason: "r" }, status: 404 },
    { name: "a room that cannot be", path: "/rooms/..%2fx", body: { rate: 1, reason: "r" }, status: 400 },
    {
      name: "an unknown package",
      path: "/rules/rollback",
      body: { to: "0".repeat(64), reason: "r" },
      status: 404,
    },
  ];
  it.each(refusals)("$name: $status", async ({ path, body, headers, status }) => {
    const { get, post } = api();
    const answer = await post(path, body, headers ?? {});
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.body["requestId"]).toBe("r-1");
    expect((await get("/audit")).body).toEqual({ entries: [], next: null });
  });
  it("covers every refusal above", () => expect(refusals).toHaveLength(22));

  it("takes our own origin", async () => {
    const { post } = api();
    expect((await post("/mode", mode, { origin, "sec-fetch-site": "same-origin" })).status).toBe(200);
  });
});
