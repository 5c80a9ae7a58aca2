/** The cache in front of the real stack: the store's own pages. */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type RunningSystem, startSystem } from "../../src/cli/start.ts";
import { ADMIN_TOKEN, eventually } from "../support/node/edge.ts";

let system: RunningSystem;
let product = "";

beforeAll(async () => {
  system = await startSystem({ PORT: "0", ADMIN_TOKEN }, inject("bundle"));
  product = /\/product\/[a-z0-9-]+/.exec(await (await fetch(`${system.edge.url}/catalog`)).text())?.[0] ?? "";
}, 60_000);
afterAll(async () => system.close());

async function get(
  path: string,
  cookie = "",
): Promise<{ readonly status: string; readonly text: string; readonly headers: Headers }> {
  const response = await fetch(system.edge.url + path, { headers: cookie === "" ? {} : { cookie } });
  return {
    status: response.headers.get("cache-status") ?? "",
    text: await response.text(),
    headers: response.headers,
  };
}

const cartOf = (page: { readonly text: string }): string =>
  /aria-label="Cart, (\d+)/.exec(page.text)?.[1] ?? "none";

describe("the store", () => {
  it("has its catalog from the cache the second time, with or without a session", async () => {
    await get("/catalog?page=2");
    expect((await get("/catalog?page=2&utm_source=x", "sid=whoever")).status).toMatch(/^edge; hit/);
  });

  it("has a product page of fragments: everybody's page, the visitor's own cart", async () => {
    const first = await get(product);
    expect(first.text).toMatch(/class="stock [a-z]+"/);
    expect(first.text).toContain("Data sheet");
    expect(first.text).not.toContain("esi:");
    const id = /name="product" value="(\d+)"/.exec(first.text)?.[1] ?? "";
    const added = await fetch(`${system.edge.url}/cart`, {
      method: "POST",
      redirect: "manual",
      body: new URLSearchParams({ action: "add", product: id, quantity: "2" }),
    });
    const cookie = added.headers.getSetCookie()[0]?.split(";", 1)[0] ?? "";
    const [mine, others] = [await get(product, cookie), await get(product)];
    expect([mine.status, cartOf(mine), cartOf(others)]).toEqual([
      expect.stringMatching(/^edge; hit/),
      "2",
      "0",
    ]);
    expect(
      ["cache-control", "etag", "cdn-cache-control", "cache-tag"].map((name) => mine.headers.get(name)),
    ).toEqual(["private, no-cache", null, null, null]);
  });

  it("never has a cart, a checkout, an account or the API of orders from the cache", async () => {
    for (const path of ["/cart", "/checkout", "/account", "/api/orders", "/fragments/header"]) {
      await get(path);
      expect((await get(path)).status).toMatch(/^edge; fwd=bypass/);
    }
  });

  it("has images from the cache, whole, in part and unchanged", async () => {
    const image = /\/media\/[^"\s,]+/.exec((await get(product)).text)?.[0] ?? "";
    const whole = await fetch(system.edge.url + image);
    const bytes = new Uint8Array(await whole.arrayBuffer());
    const part = await fetch(system.edge.url + image, { headers: { range: "bytes=10-19" } });
    expect([part.status, part.headers.get("cache-status"), new Uint8Array(await part.arrayBuffer())]).toEqual(
      [206, expect.stringMatching(/^edge; hit/), bytes.subarray(10, 20)],
    );
    const same = await fetch(system.edge.url + image, {
      headers: { "if-none-match": whole.headers.get("etag") ?? "" },
    });
    expect([same.status, same.headers.get("cache-status")]).toEqual([
      304,
      expect.stringMatching(/^edge; hit/),
    ]);
  });

  it("drops the pages of a tag within 5 s of its purge", async () => {
    await get("/sale");
    expect((await get("/sale")).status).toMatch(/^edge; hit/);
    const purged = await fetch(`${system.edge.url}/_edge/api/purge`, {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
      body: JSON.stringify({ tags: ["sale"], reason: "test" }),
    });
    expect(purged.ok).toBe(true);
    await eventually(
      async () => ((await get("/sale")).status.includes("fwd=uri-miss") ? true : undefined),
      5000,
    );
  });
});
