import { SELF } from "cloudflare:test";
import { describe, expect, it } from "vitest";

/** Each call is a request of its own to the whole Worker, as in production; bindings used across requests fail here and nowhere else. */
function call(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set("authorization", "Bearer test-admin-token");
  return SELF.fetch(new Request(`https://store.acme.com${path}`, { ...init, headers }));
}

const json = { method: "POST", headers: { "content-type": "application/json" } };
const paths = [
  "/_edge/",
  "/_edge/metrics",
  "/_edge/api/status",
  "/_edge/api/mode",
  "/_edge/api/overrides",
  "/_edge/api/purges",
  "/_edge/api/rooms",
  "/_edge/api/rules",
  "/_edge/api/audit",
  "/_edge/api/slo",
  "/_edge/api/alerts",
  "/_edge/api/autoscale",
  "/_edge/api/sightings?rule=x",
];

describe("the private paths through the whole line", () => {
  it("answer in one request after the other", async () => {
    for (let round = 0; round < 2; round++) {
      for (const path of paths) {
        const response = await call(path);
        await response.body?.cancel();
        expect([path, response.status]).toEqual([path, 200]);
      }
    }
    expect(paths).toHaveLength(13);
  }, 20_000);

  it("take a change in one request and show it in the next", async () => {
    const changed = await call("/_edge/api/mode", {
      ...json,
      body: JSON.stringify({ mode: "monitor", reason: "test" }),
    });
    expect(changed.status).toBe(200);
    expect(await (await call("/_edge/api/status")).json()).toMatchObject({ mode: "monitor" });
    const { version }: { version: number } = await changed.json();
    const undone = await call("/_edge/api/undo", {
      ...json,
      body: JSON.stringify({ version, reason: "test" }),
    });
    expect(undone.status).toBe(200);
    expect(await (await call("/_edge/api/status")).json()).toMatchObject({ mode: "block" });
  });
});
