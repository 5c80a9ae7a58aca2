/** One contract for each port of the Datastore, held by the embedded and by the real servers. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  connectPostgres,
  connectRedis,
  migrate,
  openEmbeddedSql,
  openMemoryKeyValue,
  type KeyValue,
  type Sql,
} from "../../stack/datastore/index.ts";
import { postgresServer, redisServer, type TestServer } from "../support/node/servers.ts";

const postgres = postgresServer();
const redis = redisServer();

describe.each(["pglite", "postgres"] as const)("SQL on %s", (kind) => {
  let server: TestServer | undefined;
  let sql: Sql;

  beforeAll(async () => {
    if (kind === "pglite") sql = await openEmbeddedSql();
    else if (postgres.available) {
      server = await postgres.start();
      sql = connectPostgres(server.url);
    }
  });
  afterAll(async () => {
    await sql?.close();
    await server?.stop();
  });

  describe.skipIf(kind === "postgres" && !postgres.available)("holds the contract", () => {
    test("migrates and seeds once, however often and however many at once", async () => {
      const versions = await Promise.all([migrate(sql), migrate(sql), migrate(sql)]);
      expect(new Set(versions)).toEqual(new Set([1]));
      expect(await sql.query("SELECT count(*)::int AS products FROM products")).toEqual([{ products: 200 }]);
      expect(await sql.query("SELECT count(*)::int AS stocked FROM inventory WHERE stock > 0")).toEqual([
        { stocked: 200 },
      ]);
    });

    test("answers with the same types", async () => {
      const [row] = await sql.query<{ at: Date }>(
        "SELECT 7::int AS number, 'ç' AS text, true AS yes, NULL AS nothing, 9::bigint::text AS big, now() AS at",
      );
      expect(row).toEqual({ number: 7, text: "ç", yes: true, nothing: null, big: "9", at: expect.any(Date) });
    });

    test("takes arrays and hostile text as parameters", async () => {
      const hostile = "'; DROP TABLE products; --";
      expect(
        await sql.query("SELECT $1::text AS text, 2 = ANY($2::int[]) AS has", [hostile, [1, 2]]),
      ).toEqual([{ text: hostile, has: true }]);
    });

    test("rolls back what throws, and goes on", async () => {
      const work = sql.transaction(async (queries) => {
        await queries.query("UPDATE inventory SET stock = 999 WHERE product_id = 1");
        throw new Error("changed my mind");
      });
      await expect(work).rejects.toThrow("changed my mind");
      expect(await sql.query("SELECT product_id FROM inventory WHERE stock = 999")).toEqual([]);
    });

    test("refuses negative stock by itself", async () => {
      await expect(sql.query("UPDATE inventory SET stock = -1 WHERE product_id = 1")).rejects.toThrow(
        /stock/,
      );
    });
  });
});

describe.each(["memory", "redis"] as const)("key-value on %s", (kind) => {
  let server: TestServer | undefined;
  let store: KeyValue;

  beforeAll(async () => {
    if (kind === "memory") store = openMemoryKeyValue();
    else if (redis.available) {
      server = await redis.start();
      store = await connectRedis(server.url);
    }
  });
  afterAll(async () => {
    await store?.close();
    await server?.stop();
  });

  describe.skipIf(kind === "redis" && !redis.available)("holds the contract", () => {
    test("keeps, replaces and forgets values", async () => {
      expect(await store.get("a")).toBeUndefined();
      await store.set("a", "1", 60);
      await store.set("a", "ç\u0000", 60);
      expect(await store.get("a")).toBe("ç\u0000");
      await store.remove("a");
      expect(await store.get("a")).toBeUndefined();
    });

    test("keeps records by field", async () => {
      expect(await store.fields("r")).toEqual({});
      await store.setField("r", "x", "1", 60);
      await store.setField("r", "y", "2", 60);
      await store.removeFields("r", ["x", "absent"]);
      await store.removeFields("r", []);
      expect(await store.fields("r")).toEqual({ y: "2" });
      await store.remove("r");
      expect(await store.fields("r")).toEqual({});
    });

    test("counts every addition of many at once", async () => {
      const sums = await Promise.all(
        Array.from({ length: 100 }, () => store.addToField("n", "count", 2, 60)),
      );
      expect(Math.max(...sums)).toBe(200);
      expect(await store.fields("n")).toEqual({ count: "200" });
    });

    test("forgets what has expired", async () => {
      await store.set("short", "1", 1);
      await store.setField("short-record", "x", "1", 1);
      await expect.poll(() => store.get("short"), { timeout: 5_000 }).toBeUndefined();
      await expect.poll(() => store.fields("short-record"), { timeout: 5_000 }).toEqual({});
    });
  });
});

test("the in-process store forgets the oldest beyond its capacity", async () => {
  const store = openMemoryKeyValue(() => 0, 3);
  for (const key of ["a", "b", "c", "d"]) await store.set(key, key, 60);
  expect(await Promise.all(["a", "b", "c", "d"].map((key) => store.get(key)))).toEqual([
    undefined,
    "b",
    "c",
    "d",
  ]);
});
