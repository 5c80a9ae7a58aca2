import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Purge, type PurgeKind, PurgeView, purgesUnknown } from "../../src/cache/index.ts";
import { hashTag, responseTags } from "../../src/cache/tags.ts";
import { storedHead } from "../support/stored-head.ts";
import { START, answer, classWith, policyOf, rigOf, statusOf } from "./rig.ts";

const policy = policyOf([classWith({ stale: { whileRevalidate: 0, ifError: 0 } })]);
const tagged = {
  "cache-control": "max-age=600, stale-while-revalidate=600",
  "cache-tag": "product-1,Catalog",
};

describe("a purge", () => {
  it("by prefix hits what begins with it and nothing else, however many there are", () => {
    const path = fc.stringMatching(/^(?:\/[ab]{1,3}){1,3}$/);
    fc.assert(
      fc.property(fc.array(path, { maxLength: 20 }), path, (prefixes, target) => {
        const view = new PurgeView(prefixes.map((value) => ({ kind: "prefix", value, soft: false, at: 5 })));
        const hit = prefixes.some((prefix) => target.startsWith(prefix));
        expect(view.stateOf(storedHead({ target, requestTime: 5 }))).toBe(hit ? "hard" : "none");
        expect(view.stateOf(storedHead({ target, requestTime: 6 }))).toBe("none");
      }),
    );
  });

  const cases: readonly (readonly [PurgeKind, string, boolean])[] = [
    ["tag", "product-1", true],
    ["tag", "PRODUCT-1", true],
    ["tag", "catalog", true],
    ["tag", "product-11", false],
    ["url", "/product/x?page=2", true],
    ["url", "https://store.acme.com/product/x?page=2", true],
    ["url", "/product/x", false],
    ["prefix", "/product/", true],
    ["prefix", "https://store.acme.com/product/", true],
    ["prefix", "/prod", true],
    ["prefix", "/catalog/", false],
    ["all", "", true],
  ];
  it.each(cases)("by %s %s: hits %s", async (kind, value, hits) => {
    const rig = rigOf(policy);
    rig.origin = () => answer("x", tagged);
    await (await rig.get("/product/x?page=2")).response.text();
    await rig.settle();
    rig.clock.now += 1000;
    rig.purges.push({ kind, value, soft: false, at: rig.clock.now });
    rig.clock.now += 1000;
    expect((await rig.get("/product/x?page=2")).outcome).toBe(hits ? "miss" : "hit");
    await rig.settle();
    expect((await rig.get("/product/x?page=2")).outcome).toBe("hit");
  });

  it.each([
    ["/product/x?page=2&utm_source=mail", "/product/x?page=2"],
    ["/product/x?z=1&page=2", "/product/x?page=2&z=9"],
    ["https://store.acme.com//product/./x?page=2#top", "/product/x?page=2"],
    ["/product/\u00fc?page=a+b", "/product/%C3%BC?page=a%20b"],
    ["/product/a|b", "/product/a%7Cb"],
    ["/product/d e", "/product/d%20e"],
  ])("by url %s hits the page that a client gets at %s", async (value, path) => {
    const rig = rigOf(policyOf([classWith({ query: ["page"] })]));
    rig.origin = () => answer("x", tagged);
    await (await rig.get(path)).response.text();
    await rig.settle();
    rig.clock.now += 1000;
    rig.purges.push({ kind: "url", value, soft: false, at: rig.clock.now });
    rig.clock.now += 1000;
    expect((await rig.get(path)).outcome).toBe("miss");
  });

  it("that is soft leaves the page to be served once more while it is fetched anew", async () => {
    const rig = rigOf(policy);
    rig.origin = () => answer(String(rig.asked.length), tagged, 200, rig.clock.now);
    await (await rig.get("/a")).response.text();
    await rig.settle();
    rig.clock.now += 1000;
    rig.purges.push({ kind: "tag", value: "catalog", soft: true, at: rig.clock.now });
    rig.clock.now += 1000;
    const stale = await rig.get("/a");
    expect([stale.outcome, await stale.response.text()]).toEqual(["stale", "1"]);
    expect(statusOf(stale)).toBe("edge; hit; ttl=0; detail=stale-while-revalidate");
    await rig.settle();
    const fresh = await rig.get("/a");
    expect([fresh.outcome, await fresh.response.text()]).toEqual(["hit", "2"]);
  });

  it("never resurrects: what was asked for before it and arrives after it is not served", async () => {
    const rig = rigOf(policy);
    let deliver: (response: Response) => void = () => undefined;
    rig.origin = async () => new Promise((resolve) => (deliver = resolve));
    const slow = rig.get("/a");
    await new Promise((resolve) => setTimeout(resolve, 0));
    rig.clock.now += 1000;
    rig.purges.push({ kind: "tag", value: "product-1", soft: false, at: rig.clock.now });
    rig.clock.now += 1000;
    deliver(answer("old", tagged));
    await (await slow).response.text();
    await rig.settle();
    rig.origin = () => answer("new", tagged, 200, rig.clock.now);
    expect(await (await rig.get("/a")).response.text()).toBe("new");
  });

  it("holds in the Cache API too, for every variant", async () => {
    const cacheApi = await caches.open("purge-variants");
    const rig = rigOf(policy, cacheApi);
    rig.origin = (request) =>
      answer(request.headers.get("accept-language"), { ...tagged, vary: "accept-language" });
    for (const language of ["pt", "en"])
      await (await rig.get("/a", { "accept-language": language })).response.text();
    await rig.settle();
    const other = rigOf(policy, cacheApi, rig.clock);
    other.origin = rig.origin;
    expect((await other.get("/a", { "accept-language": "en" })).outcome).toBe("hit");
    rig.clock.now += 1000;
    other.purges.push({ kind: "url", value: "/a", soft: false, at: rig.clock.now });
    const outcomes = await Promise.all(
      ["pt", "en"].map(async (language) => (await other.get("/a", { "accept-language": language })).outcome),
    );
    expect(outcomes).toEqual(["miss", "miss"]);
  });

  it("of 10,000 objects under a tag leaves none behind", async () => {
    const rig = rigOf(policyOf([classWith()], { memoryBytes: 33_554_432 }));
    rig.origin = () => answer("x".repeat(200), tagged);
    for (let index = 0; index < 10_000; index++) await (await rig.get(`/p/${index}`)).response.body?.cancel();
    await rig.settle();
    expect((await rig.get("/p/9999")).outcome).toBe("hit");
    rig.clock.now += 1000;
    rig.purges.push({ kind: "tag", value: "product-1", soft: false, at: rig.clock.now });
    for (let index = 0; index < 10_000; index += 101)
      expect((await rig.get(`/p/${index}`)).outcome).toBe("miss");
  }, 60_000);
});

describe("an isolate that has not heard of any purge", () => {
  it("confirms what others stored before it began, and keeps what it fetched itself", async () => {
    const cacheApi = await caches.open("unknown-purges");
    const fields = { "cache-control": "max-age=600", etag: '"1"' };
    const other = rigOf(policyOf([classWith()]), cacheApi);
    other.origin = () => answer("x", fields);
    for (const path of ["/a", "/b"]) await (await other.get(path)).response.text();
    await other.settle();
    const rig = rigOf(policyOf([classWith()]), cacheApi, other.clock);
    rig.clock.now += 1000;
    rig.view = purgesUnknown(rig.clock.now);
    rig.clock.now += 1000;
    rig.origin = () => answer(null, fields, 304, rig.clock.now);
    expect((await rig.get("/a")).outcome).toBe("revalidated");
    await rig.settle();
    expect((await rig.get("/a")).outcome).toBe("hit");
    // As soon as it has, what was not purged is good again.
    rig.view = undefined;
    expect((await rig.get("/b")).outcome).toBe("hit");
  });
});

describe("tags", () => {
  it("come from Cache-Tag, Surrogate-Key and Cache-Groups, once each", () => {
    const headers = new Headers({
      "cache-tag": " a, b,,A ",
      "surrogate-key": "b  c",
      "cache-groups": '"d", "e, f", g',
    });
    expect(responseTags(headers)).toEqual({ tags: ["a", "b", "c", "d", "e, f"].map(hashTag), anyTag: false });
  });

  it("are taken from lists of 64 KB; past 8,192 every tag purge hits", () => {
    const some = responseTags(
      new Headers({
        "surrogate-key": Array.from({ length: 6000 }, (_, index) => `product-${index}`).join(" "),
      }),
    );
    expect([some.tags.length, some.anyTag]).toEqual([6000, false]);
    const many = responseTags(
      new Headers({ "cache-tag": Array.from({ length: 10_000 }, (_, index) => `p${index}`).join(",") }),
    );
    expect([many.tags.length, many.anyTag]).toEqual([8192, true]);
  });

  it("differ in their hashes, over a hundred thousand", () => {
    const hashes = new Set(Array.from({ length: 100_000 }, (_, index) => hashTag(`product-${index}`)));
    expect(hashes.size).toBe(100_000);
    for (const hash of hashes) if (!Number.isSafeInteger(hash) || hash < 0) throw new Error(String(hash));
  });
});

describe("the view", () => {
  it("is not misled by thousands of purges that are not meant", () => {
    const log: Purge[] = Array.from({ length: 4096 }, (_, index) => ({
      kind: "tag",
      value: `t${index}`,
      soft: false,
      at: START,
    }));
    const view = new PurgeView(log);
    expect(
      view.stateOf(storedHead({ requestTime: START - 1, responseTime: START, tags: [hashTag("mine")] })),
    ).toBe("none");
    expect(
      view.stateOf(
        storedHead({
          requestTime: START - 1,
          responseTime: START,
          tags: [hashTag("mine"), hashTag("T4095")],
        }),
      ),
    ).toBe("hard");
  });
});
