import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type RunningSystem, startSystem } from "../../src/cli/start.ts";
import { launchBrowser, noBrowser } from "../support/node/browser.ts";
import { ADMIN_TOKEN, eventually, operate } from "../support/node/edge.ts";
import { type TestServer, postgresServer, redisServer } from "../support/node/servers.ts";

const database = postgresServer();
const keyValue = redisServer();
/** Why these tests cannot run on this machine; in CI the probes fail instead. */
const unable =
  noBrowser ??
  [database, keyValue]
    .map((choice) => (choice.available ? null : choice.reason))
    .find((reason) => reason !== null) ??
  null;

const servers: TestServer[] = [];
let system: RunningSystem;
let browser: Browser;

beforeAll(async () => {
  if (!database.available || !keyValue.available || unable !== null) return;
  servers.push(await database.start(), await keyValue.start());
  const [sql, redis] = servers;
  system = await startSystem(
    { PORT: "0", ADMIN_TOKEN, DATABASE_URL: sql?.url, REDIS_URL: redis?.url },
    inject("bundle"),
  );
  browser = await launchBrowser();
}, 120_000);
afterAll(async () => {
  if (unable !== null) return;
  await browser.close();
  await system.close();
  await Promise.all(servers.map((server) => server.stop()));
}, 60_000);

/** A visitor of his own: nothing shared with other visitors but the store. */
async function visitor(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const failures: string[] = [];
  page.on("pageerror", (error) => failures.push(error.message));
  page.on("response", (response) => {
    if (response.status() >= 400) failures.push(`${response.status()} ${response.url()}`);
  });
  page.on("close", () => expect(failures).toEqual([]));
  return page;
}

async function buy(page: Page): Promise<string> {
  await page.goto(`${system.edge.url}/`);
  await page.getByRole("link", { name: "See the catalog" }).click();
  await page
    .getByRole("link", { name: /Desk Lamp/ })
    .first()
    .click();
  const picture = page.locator("article.product img");
  await expect
    .poll(() => picture.evaluate((image) => (image instanceof HTMLImageElement ? image.naturalWidth : 0)), {
      timeout: 10_000,
    })
    .toBeGreaterThan(0);
  await page.getByRole("button", { name: "Add to cart" }).click();
  expect(await page.getByRole("link", { name: /Cart, 1/ }).count()).toBe(1);
  await page.getByRole("link", { name: "To the checkout" }).click();
  await page.getByLabel("Name").fill("Zoë O'Brien");
  await page.getByLabel("E-mail").fill("zoe.obrien+shop@example.com");
  await page.getByRole("button", { name: /^Order for/ }).click();
  await page.waitForURL(/\/account\?order=/);
  return page.locator("main").innerText();
}

describe.skipIf(unable !== null)("a shopper in a real browser, in front of PostgreSQL and Redis", () => {
  it.each([
    ["with JavaScript", true],
    ["without JavaScript", false],
  ])(
    "browses, sees a picture from Archive, fills the cart and orders %s",
    { timeout: 60_000 },
    async (_name, javaScriptEnabled) => {
      const page = await visitor({ javaScriptEnabled });
      expect(await buy(page)).toMatch(/order/i);
      await page.context().close();
    },
  );

  it(
    "shares no page with another shopper: the cart count is private, the page around it cached",
    { timeout: 60_000 },
    async () => {
      const rich = await visitor();
      await rich.goto(`${system.edge.url}/product/ocaso-desk-lamp`);
      await rich.getByRole("button", { name: "Add to cart" }).click();
      const again = await rich.goto(`${system.edge.url}/product/ocaso-desk-lamp`);
      expect(again?.headers()["cache-status"]).toMatch(/hit/);
      expect(await rich.getByRole("link", { name: /Cart, 1/ }).count()).toBe(1);
      const poor = await visitor();
      await poor.goto(`${system.edge.url}/product/ocaso-desk-lamp`);
      expect(await poor.getByRole("link", { name: /Cart, 0/ }).count()).toBe(1);
      await rich.context().close();
      await poor.context().close();
    },
  );

  it(
    "sees a changed stock within seconds: the price fragment, kept until then, is purged by its tag",
    { timeout: 60_000 },
    async () => {
      const fragment = `${system.edge.url}/fragments/product/ocaso-candle/price`;
      const before = await (await fetch(fragment)).text();
      expect(before).toContain("In stock");
      const product = /name="product" value="(\d+)"/.exec(before)?.[1] ?? "";
      const changed = await fetch(`${system.edge.url}/admin/stock`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${ADMIN_TOKEN}`,
          "content-type": "application/x-www-form-urlencoded",
        },
        body: `product=${product}&amount=-37`,
        redirect: "manual",
      });
      expect(changed.status).toBe(303);
      const page = await visitor();
      await eventually(async () => {
        await page.goto(`${system.edge.url}/product/ocaso-candle`);
        return (await page.getByText("Only 3 left").count()) === 1 ? true : undefined;
      }, 6000);
      expect(await (await operate(system.edge, "purges")).text()).toContain(`stock-${product}`);
      await page.context().close();
    },
  );

  it.each([
    ["with JavaScript", true],
    ["without JavaScript", false],
  ])(
    "waits in line %s, is let in without touching anything, and buys",
    { timeout: 90_000 },
    async (_name, javaScriptEnabled) => {
      // Everybody holds; then the room opens to one a second.
      expect((await operate(system.edge, "rooms/flash-sale", { state: "hold", reason: "test" })).status).toBe(
        200,
      );
      await eventually(
        async () =>
          (await fetch(`${system.edge.url}/sale`)).headers.get("x-waiting-room") === "queued"
            ? true
            : undefined,
        5000,
      );
      const page = await visitor({ javaScriptEnabled });
      const first = await page.goto(`${system.edge.url}/sale`);
      expect(first?.headers()["x-waiting-room"]).toBe("queued");
      expect(await page.locator("main").innerText()).not.toMatch(/40% off/);
      expect(
        (
          await operate(system.edge, "rooms/flash-sale", {
            state: "queue-all",
            rate: "60/min",
            reason: "test",
          })
        ).status,
      ).toBe(200);
      await page.getByText("40% off").waitFor({ timeout: 60_000 });
      expect(await buy(page)).toMatch(/order/i);
      await page.context().close();
    },
  );
});
