/** What an isolate knows of invalidations: bounded, never too little, hardly too much. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Invalidations } from "../../src/cache/invalidations.ts";
import { hashTag } from "../../src/cache/tags.ts";
import { storedHead } from "../support/stored-head.ts";
import { answer, classWith, policyOf, rigOf } from "./rig.ts";

describe("invalidations", () => {
  it("of one URL, again and again, leave every other page", async () => {
    const rig = rigOf(policyOf([classWith()]));
    rig.origin = () => answer("page", { "cache-control": "max-age=600" }, 200, rig.clock.now);
    await (await rig.get("/other")).response.text();
    await rig.settle();
    rig.clock.now += 1000;
    for (let count = 0; count <= 10_000; count++) await rig.get("/form", {}, { method: "POST" });
    expect((await rig.get("/other")).outcome).toBe("hit");
  });

  it("of any number of queries of one path leave the others, and make that path invalid", () => {
    const seen = new Invalidations();
    for (let count = 0; count < 30_000; count++) seen.add({ kind: "url", value: `/search?q=${count}` }, 5);
    const products = Array.from({ length: 1000 }, (_, index) => `/product/${index}`);
    expect(products.filter((target) => seen.hits(storedHead({ target }))).length).toBeLessThan(5);
    for (const query of [0, 15_000, 29_999])
      expect(seen.hits(storedHead({ target: `/search?q=${query}` }))).toBe(true);
    expect(seen.hits(storedHead({ target: "/search?q=0", requestTime: 6 }))).toBe(false);
  });

  it("hold for ever, however many come after them, and never for what was asked for later", () => {
    const invalidated = fc.record({
      kind: fc.constantFrom("url" as const, "tag" as const),
      value: fc.stringMatching(/^\/[a-d]{1,2}(\?[a-d])?$/),
    });
    fc.assert(
      fc.property(fc.array(invalidated, { minLength: 1, maxLength: 60 }), fc.nat(8), (all, limit) => {
        const seen = new Invalidations(limit);
        all.forEach((each, index) => seen.add(each, index));
        all.forEach(({ kind, value }, index) => {
          const page = storedHead({ target: kind === "url" ? value : "-" });
          const tags = kind === "tag" ? [hashTag(value)] : [];
          expect(seen.hits({ ...page, tags, requestTime: index })).toBe(true);
          expect(seen.hits({ ...page, tags, requestTime: all.length })).toBe(false);
          if (kind === "tag") expect(seen.hits({ ...page, anyTag: true, requestTime: index })).toBe(true);
        });
      }),
    );
  });
});
