/** The whole stack through its door: on real servers, in zones, and over a restart. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startStack, type Stack } from "../../stack/index.ts";
import { postgresServer, redisServer, type TestServer } from "../support/node/servers.ts";

const postgres = postgresServer();
const redis = redisServer();

async function order(url: string, key: string, productId: number): Promise<number> {
  const answer = await fetch(`${url}/api/orders`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": key },
    body: JSON.stringify({ name: "A", email: "a@example.com", items: [{ productId, quantity: 1 }] }),
  });
  await answer.text();
  return answer.status;
}

async function stockOf(stack: Stack, productId: number): Promise<number> {
  const answer = await fetch(`${stack.checkoutUrl}/stock?id=${productId}`);
  return ((await answer.json()) as Record<string, number>)[productId] ?? -1;
}

describe.skipIf(!postgres.available || !redis.available)("on real PostgreSQL and Redis", () => {
  const servers: TestServer[] = [];
  const purged: string[] = [];
  let stack: Stack;

  beforeAll(async () => {
    if (postgres.available) servers.push(await postgres.start());
    if (redis.available) servers.push(await redis.start());
    const [database, cache] = servers;
    stack = await startStack({
      databaseUrl: database?.url ?? "",
      redisUrl: cache?.url ?? "",
      storefrontReplicas: 4,
      edgePurge: async (tags) => {
        purged.push(...tags);
      },
    });
  });
  afterAll(async () => {
    await stack?.close();
    await Promise.all(servers.map((server) => server.stop()));
  });

  test("100 buyers through two zones and all replicas get exactly the 40 there are", async () => {
    const productId = 81;
    await fetch(`${stack.checkoutUrl}/stock/${productId}`, {
      method: "POST",
      body: JSON.stringify({ amount: 40 - (await stockOf(stack, productId)) }),
    });
    purged.length = 0;
    const origins = stack.storefrontOrigins;
    const statuses = await Promise.all(
      Array.from({ length: 100 }, (_, buyer) =>
        order(origins[buyer % origins.length] ?? "", `zone-buyer-${buyer}`, productId),
      ),
    );
    expect(statuses.filter((status) => status === 201).length).toBe(40);
    expect(statuses.filter((status) => status === 409).length).toBe(60);
    expect(await stockOf(stack, productId)).toBe(0);
    await expect.poll(() => purged.at(-1), { timeout: 10_000 }).toBe(`stock-${productId}`);
  });

  test("a cart begun in one zone is there in the other", async () => {
    const [first = "", second = ""] = stack.storefrontOrigins;
    const added = await fetch(`${first}/cart`, {
      method: "POST",
      redirect: "manual",
      body: new URLSearchParams({ action: "add", product: "5", quantity: "2" }),
    });
    const cookie = added.headers.get("Set-Cookie")?.split(";")[0] ?? "";
    expect(await (await fetch(`${second}/fragments/header`, { headers: { cookie } })).text()).toContain(
      "Cart, 2 things",
    );
  });
});

describe.skipIf(!postgres.available || !redis.available)("when a real server is lost", () => {
  test("Redis hangs, then comes back: pages for everybody never stop", async () => {
    if (!redis.available) return;
    const server = await redis.start();
    const stack = await startStack({ redisUrl: server.url, zones: 1 });
    const [origin = ""] = stack.storefrontOrigins;
    const added = await fetch(`${origin}/cart`, {
      method: "POST",
      redirect: "manual",
      body: new URLSearchParams({ action: "add", product: "5", quantity: "2" }),
    });
    const cookie = added.headers.get("Set-Cookie")?.split(";")[0] ?? "";
    const count = async (): Promise<string> =>
      /Cart, \d+/.exec(
        await (await fetch(`${origin}/fragments/header`, { headers: { cookie } })).text(),
      )?.[0] ?? "";
    expect(await count()).toBe("Cart, 2");
    server.pause();
    expect((await fetch(`${origin}/catalog`)).status).toBe(200);
    expect(await count()).toBe("Cart, 0");
    expect((await fetch(`${origin}/cart`, { headers: { cookie } })).status).toBe(500);
    server.resume();
    await expect.poll(count, { timeout: 10_000 }).toBe("Cart, 2");
    await server.stop();
    expect((await fetch(`${origin}/catalog`)).status).toBe(200);
    expect(await count()).toBe("Cart, 0");
    await stack.close();
  });

  test("PostgreSQL gone: what is cached still comes, nothing is sold", async () => {
    if (!postgres.available) return;
    const server = await postgres.start();
    const stack = await startStack({ databaseUrl: server.url, zones: 1 });
    const [origin = ""] = stack.storefrontOrigins;
    expect((await fetch(`${origin}/catalog`)).status).toBe(200);
    await server.stop();
    expect((await fetch(`${origin}/catalog`)).status).toBe(200);
    expect((await fetch(`${origin}/fragments/product/alba-desk-lamp/price`)).status).toBe(500);
    expect(await order(origin, "no-database-1", 1)).toBe(503);
    await stack.close();
  });

  test("a server that is not there at the start is an error that says which setting", async () => {
    await expect(startStack({ redisUrl: "redis://127.0.0.1:1" })).rejects.toThrow(
      /127\.0\.0\.1:1.*REDIS_URL/,
    );
    await expect(startStack({ databaseUrl: "postgres://shop@127.0.0.1:1/x" })).rejects.toThrow(
      /DATABASE_URL/,
    );
  });
});

describe("embedded", () => {
  let dataDir: string;
  let stack: Stack;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "stack-"));
    stack = await startStack({ dataDir, zones: 2, storefrontReplicas: 3, checkoutReplicas: 1 });
  });
  afterAll(async () => {
    await stack.close();
    await rm(dataDir, { recursive: true });
  });
  const zone = (index: number): string => stack.storefrontOrigins[index] ?? "";

  test("replicas are spread over the zones, at least one each", async () => {
    expect([stack.replicas("storefront"), stack.replicas("checkout-api")]).toEqual([3, 1]);
    await stack.scale("storefront", 7);
    await stack.scale("checkout-api", 2);
    expect([stack.replicas("storefront"), stack.replicas("checkout-api")]).toEqual([7, 2]);
    await stack.scale("storefront", 1);
    expect(stack.replicas("storefront")).toBe(2);
  });

  test("a lost zone leaves the other, and returns on its address", async () => {
    await stack.failZone(0);
    await expect(fetch(`${zone(0)}/healthz`)).rejects.toThrow();
    expect((await fetch(`${zone(1)}/`)).status).toBe(200);
    await stack.restoreZone(0);
    expect((await fetch(`${zone(0)}/`)).status).toBe(200);
    expect(() => stack.failZone(2)).toThrow(/no zone 2/);
  });

  test("checkout-api lost: pages still come, prices are left out, and the same form orders later", async () => {
    const added = await fetch(`${zone(0)}/cart`, {
      method: "POST",
      redirect: "manual",
      body: new URLSearchParams({ action: "add", product: "5", quantity: "2" }),
    });
    const cookie = added.headers.get("Set-Cookie")?.split(";")[0] ?? "";
    const form = (key: string): RequestInit => ({
      method: "POST",
      redirect: "manual",
      headers: { cookie },
      body: new URLSearchParams({ key, name: "A", email: "a@example.com" }),
    });
    const stock = await stockOf(stack, 5);

    await stack.scale("checkout-api", 0);
    const page = await fetch(`${zone(0)}/product/alba-desk-lamp`);
    expect(page.status).toBe(200);
    expect(await page.text()).not.toContain("Add to cart");
    expect((await fetch(`${zone(0)}/fragments/product/alba-desk-lamp/price`)).status).toBe(503);
    expect(await order(zone(0), "lost-checkout", 1)).toBe(503);
    const unanswered = await fetch(`${zone(0)}/checkout`, form("form-key-of-the-lost"));
    expect(unanswered.status).toBe(503);
    expect(await unanswered.text()).toContain('name="key" value="form-key-of-the-lost"');

    await stack.scale("checkout-api", 2);
    expect((await fetch(`${zone(0)}/checkout`, form("form-key-of-the-lost"))).status).toBe(303);
    expect(await stockOf(stack, 5)).toBe(stock - 2);
  });

  test("orders and stock survive a restart", async () => {
    expect(await order(zone(0), "survivor-1", 3)).toBe(201);
    const stock = await stockOf(stack, 3);
    await stack.close();
    stack = await startStack({ dataDir, zones: 1 });
    expect(await stockOf(stack, 3)).toBe(stock);
    expect(await order(zone(0), "survivor-1", 3)).toBe(200);
  });
});
