/** Orders and stock, on the embedded and on the real PostgreSQL: nothing sold twice, nothing lost, every change announced. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createCheckout, openOutbox, orderSchema, type Order } from "../../stack/checkout/index.ts";
import { connectPostgres, migrate, openEmbeddedSql, type Sql } from "../../stack/datastore/index.ts";
import { postgresServer, type TestServer } from "../support/node/servers.ts";

const postgres = postgresServer();
const ITEM = 5;

describe.each(["pglite", "postgres"] as const)("orders on %s", (kind) => {
  let server: TestServer | undefined;
  let sql: Sql;
  let app: ReturnType<typeof createCheckout>;
  let woken = 0;

  beforeAll(async () => {
    if (kind === "pglite") sql = await openEmbeddedSql();
    else if (postgres.available) {
      server = await postgres.start();
      sql = connectPostgres(server.url);
    } else return;
    await migrate(sql);
    app = createCheckout(sql, () => woken++);
  });
  afterAll(async () => {
    await sql?.close();
    await server?.stop();
  });

  const order = async (
    key: string,
    items: [number, number][],
    email = "ana@example.com",
  ): Promise<Response> =>
    app.request("/orders", {
      method: "POST",
      headers: { "Idempotency-Key": key, "Content-Type": "application/json" },
      body: JSON.stringify({
        name: "Ana",
        email,
        items: items.map(([productId, quantity]) => ({ productId, quantity })),
      }),
    });
  const placed = async (answer: Response): Promise<Order> => orderSchema.parse(await answer.json());
  const stockOf = async (id: number): Promise<number | undefined> =>
    (await sql.query<{ stock: number }>("SELECT stock FROM inventory WHERE product_id = $1", [id]))[0]?.stock;
  const setStock = (id: number, stock: number): Promise<object[]> =>
    sql.query("UPDATE inventory SET stock = $2 WHERE product_id = $1", [id, stock]);

  describe.skipIf(kind === "postgres" && !postgres.available)("hold", () => {
    beforeEach(async () => {
      await sql.query("DELETE FROM orders");
      await sql.query("DELETE FROM outbox");
      woken = 0;
    });

    test.each([
      { buyers: 200, items: 40 },
      { buyers: 30, items: 100 },
      { buyers: 50, items: 0 },
      { buyers: 1, items: 1 },
    ])(
      "$buyers buyers for $items items make exactly the lesser number of orders",
      async ({ buyers, items }) => {
        await setStock(ITEM, items);
        const answers = await Promise.all(
          Array.from({ length: buyers }, (_, buyer) => order(`buyer-${buyers}-${buyer}`, [[ITEM, 1]])),
        );
        const sold = answers.filter(({ status }) => status === 201).length;
        expect(sold).toBe(Math.min(buyers, items));
        expect(answers.filter(({ status }) => status === 409).length).toBe(buyers - sold);
        expect(await stockOf(ITEM)).toBe(items - sold);
        expect(await sql.query("SELECT count(*)::int AS orders FROM orders")).toEqual([{ orders: sold }]);
        expect(await sql.query("SELECT count(*)::int AS rows FROM outbox")).toEqual([{ rows: sold }]);
        expect(woken).toBe(sold);
      },
    );

    test("carts with the same two products in opposite order never lock each other out", async () => {
      await setStock(1, 1_000);
      await setStock(2, 1_000);
      const answers = await Promise.all(
        Array.from({ length: 60 }, (_, index) =>
          order(
            `crossing-${index}`,
            index % 2 === 0
              ? [
                  [1, 2],
                  [2, 1],
                ]
              : [
                  [2, 1],
                  [1, 2],
                ],
          ),
        ),
      );
      expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 60 }, () => 201));
      expect([await stockOf(1), await stockOf(2)]).toEqual([880, 940]);
    });

    test("one key sent twenty times at once is one order", async () => {
      await setStock(ITEM, 100);
      const answers = await Promise.all(Array.from({ length: 20 }, () => order("same-key-1", [[ITEM, 3]])));
      expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
        ...Array.from({ length: 19 }, () => 200),
        201,
      ]);
      const ids = new Set((await Promise.all(answers.map(placed))).map(({ id }) => id));
      expect(ids.size).toBe(1);
      expect(await stockOf(ITEM)).toBe(97);
    });

    test("a key used for something else is refused and takes nothing", async () => {
      await setStock(ITEM, 10);
      expect((await order("reused-key", [[ITEM, 1]])).status).toBe(201);
      expect((await order("reused-key", [[ITEM, 2]])).status).toBe(422);
      expect((await order("reused-key", [[ITEM, 1]], "eva@example.com")).status).toBe(422);
      expect(await stockOf(ITEM)).toBe(9);
    });

    test("a key whose order was refused may be tried again", async () => {
      await setStock(ITEM, 0);
      const refused = await order("later-key", [
        [1, 1],
        [ITEM, 1],
      ]);
      expect(refused.status).toBe(409);
      expect(await refused.json()).toMatchObject({ productId: ITEM, available: 0 });
      expect(await sql.query("SELECT id FROM orders")).toEqual([]);
      await setStock(ITEM, 1);
      expect(
        (
          await order("later-key", [
            [1, 1],
            [ITEM, 1],
          ])
        ).status,
      ).toBe(201);
    });

    test("an order holds what was paid: the sale's price where there is one", async () => {
      const [sale] = await sql.query<{ id: number; price: number }>(
        "SELECT id, sale_price_cents AS price FROM products WHERE sale_price_cents IS NOT NULL LIMIT 1",
      );
      const made = await placed(await order("sale-key-1", [[sale?.id ?? 0, 2]]));
      expect(made.totalCents).toBe((sale?.price ?? 0) * 2);
      const again = await app.request(`/orders/${made.id}`);
      expect(await placed(again)).toEqual(made);
    });

    test.each([
      ["no key", "", { name: "A", email: "a@example.com", items: [{ productId: 1, quantity: 1 }] }, 400],
      ["no items", "valid-key", { name: "A", email: "a@example.com", items: [] }, 422],
      [
        "a negative quantity",
        "valid-key",
        { name: "A", email: "a@example.com", items: [{ productId: 1, quantity: -1 }] },
        422,
      ],
      [
        "half a product",
        "valid-key",
        { name: "A", email: "a@example.com", items: [{ productId: 1, quantity: 0.5 }] },
        422,
      ],
      [
        "an unknown product",
        "valid-key",
        { name: "A", email: "a@example.com", items: [{ productId: 9_999, quantity: 1 }] },
        422,
      ],
      [
        "a product beyond all numbers",
        "valid-key",
        { name: "A", email: "a@example.com", items: [{ productId: 2 ** 31, quantity: 1 }] },
        422,
      ],
      [
        "a price of its own",
        "valid-key",
        { name: "A", email: "a@example.com", totalCents: 1, items: [{ productId: 1, quantity: 1 }] },
        422,
      ],
      [
        "a name PostgreSQL cannot hold",
        "valid-key",
        { name: "A\u0000", email: "a@example.com", items: [{ productId: 1, quantity: 1 }] },
        422,
      ],
      ["no e-mail", "valid-key", { name: "A", email: "a", items: [{ productId: 1, quantity: 1 }] }, 422],
      ["no JSON", "valid-key", "{", 422],
      ["too much", "valid-key", "x".repeat(70_000), 413],
    ])("refuses %s", async (_what, key, body, status) => {
      const answer = await app.request("/orders", {
        method: "POST",
        headers: key === "" ? {} : { "Idempotency-Key": key },
        body: typeof body === "string" ? body : JSON.stringify(body),
      });
      expect(answer.status).toBe(status);
      expect(answer.headers.get("Content-Type")).toBe("application/problem+json");
      expect(answer.headers.get("Cache-Control")).toBe("no-store");
      expect(await sql.query("SELECT id FROM orders")).toEqual([]);
    });

    test("a purge that fails is tried again until it arrives, then forgotten", async () => {
      await setStock(ITEM, 10);
      await order("outbox-1", [[ITEM, 1]]);
      await order("outbox-2", [
        [ITEM, 1],
        [6, 1],
      ]);
      const calls: string[][] = [];
      const outbox = openOutbox({
        sql,
        interval: 20,
        purge: async (tags) => {
          calls.push(tags.toSorted());
          if (calls.length < 3) throw new Error("edge unreachable");
        },
      });
      outbox.wake();
      await expect.poll(() => sql.query("SELECT id FROM outbox"), { timeout: 20_000 }).toEqual([]);
      await outbox.close();
      expect(calls).toEqual(Array.from({ length: 3 }, () => ["stock-5", "stock-6"]));
    });

    test("a burst of orders makes few purges", async () => {
      await setStock(ITEM, 1_000);
      const begun = Date.now();
      let purges = 0;
      const outbox = openOutbox({ sql, purge: async () => void purges++ });
      const burst = createCheckout(sql, outbox.wake);
      for (let index = 0; index < 50; index++) {
        await burst.request("/orders", {
          method: "POST",
          headers: { "Idempotency-Key": `burst-${index}` },
          body: JSON.stringify({
            name: "A",
            email: "a@example.com",
            items: [{ productId: ITEM, quantity: 1 }],
          }),
        });
      }
      await expect.poll(() => sql.query("SELECT id FROM outbox"), { timeout: 20_000 }).toEqual([]);
      await outbox.close();
      expect(purges).toBeGreaterThan(0);
      // One at once, then at most one each 250 ms, however long the machine takes over the orders.
      expect(purges).toBeLessThanOrEqual(1 + Math.ceil((Date.now() - begun) / 250));
      expect(purges).toBeLessThan(50);
    });

    test("two replicas' outboxes share the work, and each row is delivered once when nothing fails", async () => {
      await setStock(ITEM, 1_000);
      await Promise.all(Array.from({ length: 30 }, (_, index) => order(`shared-${index}`, [[ITEM, 1]])));
      const outboxes = [0, 1].map(() =>
        openOutbox({ sql, interval: 60_000, purge: () => Promise.resolve() }),
      );
      const delivered = await Promise.all(outboxes.map((outbox) => outbox.deliver()));
      expect(delivered.reduce((sum, count) => sum + count, 0)).toBe(30);
      await Promise.all(outboxes.map((outbox) => outbox.close()));
    });

    test("a process that dies with a purge in its hands leaves it to the next", async () => {
      await setStock(ITEM, 10);
      await order("orphan-1", [[ITEM, 1]]);
      const dying = openOutbox({ sql, interval: 60_000, purge: () => new Promise(() => undefined) });
      void dying.deliver();
      await expect
        .poll(() => sql.query("SELECT attempts FROM outbox WHERE due_at > now()"), { timeout: 20_000 })
        .toEqual([{ attempts: 1 }]);
      const next = openOutbox({ sql, interval: 60_000, purge: () => Promise.resolve() });
      expect(await next.deliver()).toBe(0);
      await sql.query("UPDATE outbox SET due_at = now()");
      expect(await next.deliver()).toBe(1);
      await Promise.all([dying.close(), next.close()]);
    });

    test("stock can be added, and never taken below nothing", async () => {
      await setStock(ITEM, 1);
      const change = (amount: number): Response | Promise<Response> =>
        app.request(`/stock/${ITEM}`, { method: "POST", body: JSON.stringify({ amount }) });
      expect((await change(-2)).status).toBe(409);
      expect(await (await change(4)).json()).toEqual({ stock: 5 });
      expect(await (await app.request(`/stock?id=${ITEM},9999`)).json()).toEqual({ [ITEM]: 5 });
      expect(await sql.query("SELECT tag FROM outbox")).toEqual([{ tag: "stock-5" }]);
    });
  });
});
