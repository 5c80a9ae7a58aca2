/** Two isolates of the whole edge over real HTTP: what one of them learns must hold in the other, and in time. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RunningEdge } from "../../src/cli/serve.ts";
import { type TestOrigin, eventually, operate, startOrigin } from "../support/node/edge.ts";
import { serveTwoIsolates } from "../support/node/isolates.ts";

let origin: TestOrigin;
let first: RunningEdge;
let second: RunningEdge;
let page = 0;
let path = "";

beforeAll(async () => {
  origin = await startOrigin(() => undefined);
  [first, second] = await serveTwoIsolates({
    STOREFRONT_ORIGIN: origin.url,
    ARCHIVE_ORIGIN: origin.url,
    SENTINEL_MODE: "monitor",
  });
});
afterAll(async () => {
  await first.close();
  await origin.close();
});
beforeEach(() => {
  path = `/catalog?page=${page++}`;
  let version = 0;
  origin.answer = ({ method }, response) => {
    if (method === "GET") version++;
    response
      .setHeader("cache-control", "public, max-age=600")
      .setHeader("content-type", "text/html")
      .setHeader("cache-tag", "prices");
    if (!response.hasHeader("cache-groups")) response.setHeader("cache-groups", '"reviews"');
    response.end(`v${version}`);
  };
});

async function get(edge: RunningEdge): Promise<string> {
  return (await fetch(edge.url + path)).text();
}

/** Both hold the first version, and serve it from their memory. */
async function warm(): Promise<void> {
  for (const edge of [first, second, first, second]) expect(await get(edge)).toBe("v1");
}

/** How long until no isolate serves the first version any more, ms. */
async function untilGone(): Promise<number> {
  const began = performance.now();
  for (const edge of [first, second])
    await eventually(async () => ((await get(edge)) === "v1" ? undefined : true), 6000);
  return performance.now() - began;
}

describe("what one isolate learns", () => {
  const scopes = [
    ["tag", { tags: ["prices"] }],
    ["url", { urls: ["{path}"] }],
    ["prefix", { prefixes: ["/catalog"] }],
    ["all", { all: true }],
  ] as const;
  it.each(scopes)("a purge by %s holds in both within 5 s", async (_, scope) => {
    await warm();
    const order = JSON.parse(JSON.stringify({ ...scope, reason: "test" }).replace("{path}", path));
    expect((await operate(first, "purge", order)).status).toBe(200);
    expect(await untilGone()).toBeLessThan(5000);
  });

  it("a purge by the last tag of a list of 60 KB holds in both", async () => {
    const answer = origin.answer;
    const tags = Array.from({ length: 4200 }, (_, index) => `product-${10_000 + index}`);
    origin.answer = (request, response) => {
      answer(request, response.setHeader("cache-groups", tags.map((tag) => `"${tag}"`).join(",")));
    };
    await warm();
    expect((await operate(first, "purge", { tags: [tags.at(-1)], reason: "test" })).status).toBe(200);
    expect(await untilGone()).toBeLessThan(5000);
  });

  it("an accepted POST to a page holds in both, and is counted", async () => {
    await warm();
    expect((await fetch(first.url + path, { method: "POST", body: "review" })).status).toBe(200);
    expect(await get(first)).toBe("v2");
    expect(await untilGone()).toBeLessThan(6000);
    await eventually(async () => {
      const metrics = await (await fetch(`${first.url}/_edge/metrics`, { headers: ADMIN })).text();
      return /edge_events_total\{.*invalidations.*published.*\} [1-9]/.test(metrics) ? true : undefined;
    }, 5000);
  });

  it("a group that an accepted POST elsewhere names holds in both", async () => {
    await warm();
    const answer = origin.answer;
    origin.answer = (request, response) => {
      if (request.method === "POST") response.setHeader("cache-group-invalidation", '"reviews"');
      answer(request, response);
    };
    await fetch(`${second.url}/reviews`, { method: "POST", body: "review" });
    expect(await untilGone()).toBeLessThan(11_000);
  });

  it("a refused POST holds nowhere", async () => {
    await warm();
    const answer = origin.answer;
    origin.answer = (request, response) => {
      if (request.method === "POST") response.statusCode = 422;
      answer(request, response);
    };
    const before = await (await operate(first, "purges")).json();
    expect((await fetch(first.url + path, { method: "POST", body: "review" })).status).toBe(422);
    expect([await get(first), await get(second)]).toEqual(["v1", "v1"]);
    expect(await (await operate(first, "purges")).json()).toEqual(before);
  });
});

const ADMIN = { authorization: "Bearer end-to-end-admin-token" };
