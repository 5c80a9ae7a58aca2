import { describe, expect, it } from "vitest";
import { CacheApiStore, MemoryStore, type Store, sizeOf } from "../../src/cache/store.ts";
import type { StoredObject, StoredResponse } from "../../src/cache/stored.ts";
import { storedHead } from "../support/stored-head.ts";
import { START } from "./rig.ts";

function response(text: string, overrides: Partial<StoredResponse["head"]> = {}): StoredResponse {
  return {
    kind: "response",
    body: new TextEncoder().encode(text),
    head: storedHead({
      headers: [["content-type", "text/plain; charset=utf-8"]],
      edgeHeaders: [["cache-tag", "ü"]],
      requestTime: START,
      responseTime: START,
      tags: [1, 2 ** 52],
      target: "/a?b=ü",
      ...overrides,
    }),
  };
}

const INDEX: StoredObject = { kind: "index", epoch: "e", names: [["accept"], ["a", "b"]] };

let opened = 0;
const tiers: readonly (readonly [string, () => Promise<Store>])[] = [
  ["memory", async () => new MemoryStore(1_048_576)],
  [
    "the Cache API",
    async () => new CacheApiStore(await caches.open(`contract-${opened++}`), "store.acme.com"),
  ],
];

describe.each(tiers)("a tier: %s", (_, make) => {
  it("gives back what was put, bytes and description", async () => {
    const store = await make();
    for (const object of [
      response("hello"),
      response(""),
      response("\u0000\uffff".repeat(1000), { tags: Array.from({ length: 8192 }, (__, index) => index) }),
      INDEX,
    ]) {
      await store.put("k", object, START);
      expect(await store.get("k")).toEqual(object);
    }
  });

  it("keeps keys apart that look alike", async () => {
    const store = await make();
    const keys = ["a", "A", "a/", "a%2f", "a?", "a#", "a b", "ä", "1:a1:b", "2:a1:b", "../a"];
    for (const key of keys) await store.put(key, response(key), START);
    for (const key of keys)
      expect(await store.get(key)).toMatchObject({ body: new TextEncoder().encode(key) });
  });

  it("replaces and forgets", async () => {
    const store = await make();
    await store.put("k", response("one"), START);
    await store.put("k", response("two"), START);
    expect(await store.get("k")).toMatchObject({ body: new TextEncoder().encode("two") });
    await store.delete("k");
    expect(await store.get("k")).toBeUndefined();
    await expect(store.delete("k")).resolves.toBeUndefined();
  });

  it("holds a stored 206, Vary: * or Set-Cookie without a word: policy is not its business", async () => {
    const store = await make();
    const odd = response("x", {
      status: 206,
      headers: [
        ["vary", "*"],
        ["set-cookie", "a=b"],
        ["cache-control", "no-store"],
      ],
    });
    await store.put("k", odd, START);
    expect(await store.get("k")).toEqual(odd);
  });
});

describe("memory", () => {
  it("is bounded in bytes, the least recently used out first", async () => {
    const one = response("x".repeat(10_000));
    const store = new MemoryStore(20 * sizeOf("k00", one));
    for (let index = 10; index < 30; index++) await store.put(`k${index}`, one);
    expect(store.count).toBe(20);
    await store.get("k10");
    await store.put("k30", one);
    expect([await store.get("k11"), store.count]).toEqual([undefined, 20]);
    expect(await store.get("k10")).toBe(one);
    expect(store.bytes).toBeLessThanOrEqual(20 * sizeOf("k00", one));
  });

  it("takes no object larger than an eighth of it, and counts back to nothing", async () => {
    const store = new MemoryStore(80_000);
    await store.put("big", response("x".repeat(20_000)));
    expect(store.count).toBe(0);
    await store.put("small", response("x"));
    await store.put("small", response("xx"));
    await store.delete("small");
    expect([store.count, store.bytes]).toEqual([0, 0]);
  });
});

describe("the Cache API", () => {
  it("that fails is a miss", async () => {
    const broken = {
      match: async () => Promise.reject(new Error("no")),
      put: async () => Promise.reject(new Error("no")),
      delete: async () => Promise.reject(new Error("no")),
    };
    const store = new CacheApiStore(broken, "store.acme.com");
    await store.put("k", response("x"), START);
    expect(await store.get("k")).toBeUndefined();
    await store.delete("k");
  });

  it("that does not answer is a miss", async () => {
    const silent = {
      match: async () => new Promise(() => undefined),
      put: async () => new Promise(() => undefined),
      delete: async () => new Promise(() => undefined),
    } as unknown as Cache;
    expect(await new CacheApiStore(silent, "store.acme.com", 20).get("a")).toBeUndefined();
  });

  it("that gives back rubbish is a miss", async () => {
    const rubbish = {
      match: async () => new Response("\u00ff\u00ff\u00ff\u00ffnot framed"),
      put: async () => undefined,
      delete: async () => false,
    };
    expect(await new CacheApiStore(rubbish, "store.acme.com").get("k")).toBeUndefined();
  });
});
