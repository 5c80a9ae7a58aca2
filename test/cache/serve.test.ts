import { describe, expect, it } from "vitest";
import { EdgeError } from "../../src/http/errors.ts";
import { START, answer, classWith, policyOf, rigOf, statusOf } from "./rig.ts";

const follow = (): ReturnType<typeof policyOf> => policyOf([classWith()]);

describe("hits and misses", () => {
  it("stores what the origin allows and says so", async () => {
    const rig = rigOf(follow());
    rig.origin = () => answer("one", { "cache-control": "max-age=60", "content-length": "3" });
    const miss = await rig.get("/a");
    expect([miss.outcome, statusOf(miss), await miss.response.text()]).toEqual([
      "miss",
      "edge; fwd=uri-miss; fwd-status=200; ttl=60; stored",
      "one",
    ]);
    await rig.settle();
    rig.clock.now += 10_000;
    const hit = await rig.get("/a");
    expect([hit.outcome, statusOf(hit), hit.response.headers.get("age"), await hit.response.text()]).toEqual([
      "hit",
      "edge; hit; ttl=50",
      "10",
      "one",
    ]);
    expect(rig.asked).toHaveLength(1);
  });

  it("hands the edge's own fields to nobody", async () => {
    const rig = rigOf(follow());
    rig.origin = () =>
      answer("x", {
        "cache-control": "max-age=60",
        "cache-tag": "a",
        "surrogate-key": "b",
        "cache-groups": '"c"',
        "surrogate-control": "max-age=60",
      });
    for (const served of [await rig.get("/a"), (await rig.settle(), await rig.get("/a"))]) {
      for (const name of ["cache-tag", "surrogate-key", "cache-groups", "surrogate-control"])
        expect(served.response.headers.get(name)).toBeNull();
      await served.response.body?.cancel();
    }
    rig.origin = () => answer("x", { "cache-control": "no-store", "cache-tag": "a" });
    expect((await rig.get("/b")).response.headers.get("cache-tag")).toBeNull();
  });

  it("keeps fields that no-cache names for the request that brought them", async () => {
    const rig = rigOf(follow());
    rig.origin = () =>
      answer("x", { "cache-control": 'max-age=60, no-cache="x-once, bad name, x-none"', "x-once": "1" });
    const first = await rig.get("/a");
    await first.response.text();
    await rig.settle();
    const second = await rig.get("/a");
    expect([first.response.headers.get("x-once"), second.response.headers.get("x-once")]).toEqual([
      "1",
      null,
    ]);
    expect(second.outcome).toBe("hit");
  });

  it("does not store what breaks off, and lets the client notice", async () => {
    const rig = rigOf(follow());
    rig.origin = () => {
      const stream = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(new TextEncoder().encode("half")),
        pull: (controller) => controller.error(new Error("connection lost")),
      });
      return new Response(stream, { headers: { "cache-control": "max-age=60" } });
    };
    await expect((await rig.get("/a")).response.text()).rejects.toThrow();
    await rig.settle();
    rig.origin = () => answer("whole", { "cache-control": "max-age=60" });
    expect(await (await rig.get("/a")).response.text()).toBe("whole");
  });

  it("does not store a body that is shorter than its declared length", async () => {
    const rig = rigOf(follow());
    rig.origin = () => answer("short", { "cache-control": "max-age=60", "content-length": "100" });
    await (await rig.get("/a")).response.text().catch(() => "");
    await rig.settle();
    expect((await rig.get("/a")).outcome).not.toBe("hit");
  });

  it("streams and does not store what is over the limit, declared or not", async () => {
    for (const declared of [true, false]) {
      const rig = rigOf(policyOf([classWith()], { objectBytes: 1000 }));
      const body = "x".repeat(5000);
      rig.origin = () =>
        answer(body, { "cache-control": "max-age=60", ...(declared ? { "content-length": "5000" } : {}) });
      expect(await (await rig.get("/big")).response.text()).toBe(body);
      await rig.settle();
      const again = await rig.get("/big");
      expect(again.outcome).not.toBe("hit");
      expect(await again.response.text()).toBe(body);
    }
  });

  it("gives the first byte before the origin has sent the last", async () => {
    const rig = rigOf(follow());
    let finish = (): void => undefined;
    rig.origin = () => {
      const stream = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(new TextEncoder().encode("first "));
          finish = () => {
            controller.enqueue(new TextEncoder().encode("last"));
            controller.close();
          };
        },
      });
      return new Response(stream, { headers: { "cache-control": "max-age=60" } });
    };
    const reader = (await rig.get("/a")).response.body?.getReader();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe("first ");
    finish();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe("last");
    await rig.settle();
    expect((await rig.get("/a")).outcome).toBe("hit");
  });
});

describe("one origin request", () => {
  it("for a thousand concurrent requests for a cold object", async () => {
    const rig = rigOf(follow());
    rig.origin = async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return answer("shared", { "cache-control": "max-age=60" });
    };
    const all = await Promise.all(
      Array.from({ length: 1000 }, async () => (await rig.get("/cold")).response.text()),
    );
    expect(new Set(all)).toEqual(new Set(["shared"]));
    expect(rig.asked).toHaveLength(1);
  });

  it("not for answers that may not be shared: those go side by side, and are not waited for next time", async () => {
    const rig = rigOf(follow());
    let running = 0;
    let most = 0;
    rig.origin = async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 20));
      running--;
      return answer("mine", { "cache-control": "private" });
    };
    await Promise.all(Array.from({ length: 10 }, async () => rig.get("/p")));
    expect([rig.asked.length, most]).toEqual([10, 9]);
    most = 0;
    await Promise.all(Array.from({ length: 10 }, async () => rig.get("/p")));
    expect(most).toBe(10);
  });

  it("for each variant, whoever asked first", async () => {
    const rig = rigOf(follow());
    rig.origin = async (request) => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      return answer(request.headers.get("accept-language") ?? "", {
        "cache-control": "max-age=60",
        vary: "Accept-Language",
      });
    };
    const languages = ["pt", "en", "pt", "en", "pt", "en"];
    const texts = await Promise.all(
      languages.map(async (language) =>
        (await rig.get("/v", { "accept-language": language })).response.text(),
      ),
    );
    expect(texts).toEqual(languages);
    expect(rig.asked).toHaveLength(2);
  });

  it("whose failure is told to all that waited, not tried by each", async () => {
    const rig = rigOf(follow());
    rig.origin = async () => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      return answer("down", {}, 503);
    };
    const all = await Promise.allSettled(Array.from({ length: 50 }, async () => rig.get("/down")));
    expect(rig.asked).toHaveLength(1);
    expect(
      all.filter(
        (result) =>
          result.status === "rejected" && result.reason instanceof EdgeError && result.reason.status === 503,
      ),
    ).toHaveLength(49);
  });
});

describe("stale", () => {
  it("while one refresh runs", async () => {
    const rig = rigOf(follow());
    let count = 0;
    rig.origin = () =>
      answer(`v${++count}`, { "cache-control": "max-age=10, stale-while-revalidate=60" }, 200, rig.clock.now);
    await (await rig.get("/a")).response.text();
    await rig.settle();
    rig.clock.now += 20_000;
    const stale = await Promise.all(Array.from({ length: 20 }, async () => rig.get("/a")));
    expect(new Set(stale.map((served) => statusOf(served)))).toEqual(
      new Set(["edge; hit; ttl=-10; detail=stale-while-revalidate"]),
    );
    await rig.settle();
    expect(rig.asked).toHaveLength(2);
    const fresh = await rig.get("/a");
    expect([fresh.outcome, await fresh.response.text()]).toEqual(["hit", "v2"]);
  });

  it.each(["503", "throws"])(
    "in place of an error (%s), and without asking again for a second",
    async (how) => {
      const rig = rigOf(follow());
      rig.origin = () => answer("good", { "cache-control": "max-age=10, stale-if-error=60" });
      await (await rig.get("/a")).response.text();
      await rig.settle();
      rig.clock.now += 20_000;
      rig.origin = () => {
        if (how === "throws")
          throw new EdgeError({ code: "origin-unreachable", source: "origin", status: 502, detail: "gone" });
        return answer("bad", {}, 503);
      };
      for (let time = 0; time < 3; time++) {
        const served = await rig.get("/a");
        expect([served.outcome, await served.response.text()]).toEqual(["stale-error", "good"]);
      }
      expect(rig.asked).toHaveLength(2);
      rig.clock.now += 1_001;
      rig.origin = () => answer("back", { "cache-control": "max-age=10" }, 200, rig.clock.now);
      expect(await (await rig.get("/a")).response.text()).toBe("back");
    },
  );

  it("never where the origin forbids it", async () => {
    const rig = rigOf(policyOf([classWith({ stale: { whileRevalidate: 60, ifError: 60 } })]));
    rig.origin = () => answer("good", { "cache-control": "max-age=10, must-revalidate" });
    await (await rig.get("/a")).response.text();
    await rig.settle();
    rig.clock.now += 20_000;
    rig.origin = () => answer("bad", {}, 503);
    expect((await rig.get("/a")).response.status).toBe(503);
  });
});

describe("revalidation", () => {
  it("updates the stored fields by a 304 and keeps the body, the tags and what frames it", async () => {
    const rig = rigOf(follow());
    rig.origin = () =>
      answer("body", {
        "cache-control": "max-age=10",
        etag: '"1"',
        "x-a": "old",
        "x-b": "kept",
        "cache-tag": "t",
      });
    await (await rig.get("/a")).response.text();
    await rig.settle();
    rig.clock.now += 20_000;
    rig.origin = (request) => {
      expect(request.headers.get("if-none-match")).toBe('"1"');
      return answer(
        null,
        { "cache-control": "max-age=100", etag: '"1"', "x-a": "new", "content-length": "99" },
        304,
        rig.clock.now,
      );
    };
    const confirmed = await rig.get("/a");
    expect([confirmed.outcome, statusOf(confirmed)]).toEqual([
      "revalidated",
      "edge; fwd=stale; fwd-status=304; ttl=100; stored",
    ]);
    expect(await confirmed.response.text()).toBe("body");
    const hit = await rig.get("/a");
    expect(["x-a", "x-b", "content-length"].map((name) => hit.response.headers.get(name))).toEqual([
      "new",
      "kept",
      "4",
    ]);
    rig.purges.push({ kind: "tag", value: "t", soft: false, at: rig.clock.now });
    rig.origin = () => answer("after purge");
    expect(await (await rig.get("/a")).response.text()).toBe("after purge");
  });

  it("asks every time where the origin says no-cache, side by side", async () => {
    const rig = rigOf(follow());
    rig.origin = (request) =>
      request.headers.has("if-none-match")
        ? answer(null, { "cache-control": "no-cache", etag: '"1"' }, 304)
        : answer("body", { "cache-control": "no-cache", etag: '"1"' });
    for (let time = 0; time < 3; time++) {
      expect(await (await rig.get("/a")).response.text()).toBe("body");
      await rig.settle();
    }
    expect(rig.asked.map((request) => request.headers.has("if-none-match"))).toEqual([false, true, true]);
  });

  it.each([
    ["another strong one", '"2"', "after"],
    ["another weak one", 'W/"2"', "after"],
    ["the same, weakly", 'W/"1"', "before"],
  ])("by a 304 whose validator is %s", async (_, etag, expected) => {
    const rig = rigOf(follow());
    const kept = { "cache-control": "max-age=10" };
    rig.origin = () => answer("before", { ...kept, etag: '"1"' }, 200, rig.clock.now);
    await (await rig.get("/a")).response.text();
    await rig.settle();
    rig.clock.now += 20_000;
    rig.origin = ({ headers }) =>
      headers.has("if-none-match")
        ? answer(null, { ...kept, etag }, 304, rig.clock.now)
        : answer("after", { ...kept, etag }, 200, rig.clock.now);
    expect(await (await rig.get("/a")).response.text()).toBe(expected);
    await rig.settle();
    const hit = await rig.get("/a");
    expect([hit.outcome, await hit.response.text()]).toEqual(["hit", expected]);
  });

  it("refuses a 304 that was not asked for", async () => {
    const rig = rigOf(follow());
    rig.origin = () => answer(null, { etag: '"1"' }, 304);
    await expect(rig.get("/a", { "if-none-match": '"1"' })).rejects.toMatchObject({
      status: 502,
      code: "origin-broken",
    });
    expect(rig.asked[0]?.headers.has("if-none-match")).toBe(false);
  });
});

describe("isolates of one site", () => {
  it("share what is stored, also what one of them has fetched anew", async () => {
    const cacheApi = await caches.open("isolates");
    const clock = { now: START };
    const [one, other] = [rigOf(follow(), cacheApi, clock), rigOf(follow(), cacheApi, clock)];
    one.origin = () => answer(`v${one.asked.length}`, { "cache-control": "max-age=10" }, 200, clock.now);
    other.origin = one.origin;
    expect((await one.get("/a")).outcome).toBe("miss");
    await one.settle();
    expect((await other.get("/a")).outcome).toBe("hit");
    clock.now += 20_000;
    expect((await one.get("/a")).outcome).toBe("miss");
    await one.settle();
    const shared = await other.get("/a");
    expect([shared.outcome, await shared.response.text(), other.asked.length]).toEqual(["hit", "v2", 0]);
  });

  it("forget what the origin has withdrawn", async () => {
    const rig = rigOf(follow());
    rig.origin = () => answer("public", { "cache-control": "max-age=10, stale-while-revalidate=600" });
    await (await rig.get("/a")).response.text();
    await rig.settle();
    rig.clock.now += 20_000;
    rig.origin = () => answer("mine", { "cache-control": "private" });
    expect((await rig.get("/a")).outcome).toBe("stale");
    await rig.settle();
    const after = await rig.get("/a");
    expect([after.outcome, await after.response.text()]).toEqual(["pass", "mine"]);
  });
});

describe("HEAD, conditions and ranges from the cache", () => {
  it("answers them all from one stored GET", async () => {
    const rig = rigOf(follow());
    rig.origin = () => answer("0123456789", { "cache-control": "max-age=60", etag: '"1"' });
    await (await rig.get("/a")).response.text();
    await rig.settle();
    const head = await rig.get("/a", {}, { method: "HEAD" });
    expect([
      head.outcome,
      head.response.status,
      await head.response.text(),
      head.response.headers.get("content-length"),
    ]).toEqual(["hit", 200, "", "10"]);
    const same = await rig.get("/a", { "if-none-match": '"1"' });
    expect([
      same.response.status,
      same.response.headers.get("etag"),
      same.response.headers.get("content-type"),
    ]).toEqual([304, '"1"', null]);
    const part = await rig.get("/a", { range: "bytes=2-4" });
    expect([
      part.response.status,
      part.response.headers.get("content-range"),
      await part.response.text(),
    ]).toEqual([206, "bytes 2-4/10", "234"]);
    const beyond = await rig.get("/a", { range: "bytes=10-" });
    expect([beyond.response.status, beyond.response.headers.get("content-range")]).toEqual([
      416,
      "bytes */10",
    ]);
    expect(rig.asked).toHaveLength(1);
  });

  it("slices a body that is still arriving", async () => {
    const rig = rigOf(follow());
    rig.origin = async () => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      return answer("0123456789", { "cache-control": "max-age=60", "content-length": "10" });
    };
    const [whole, part] = await Promise.all([
      rig.get("/a"),
      rig.get("/a").then(async () => rig.get("/a", { range: "bytes=2-4" })),
    ]);
    expect([await whole.response.text(), await part.response.text(), part.response.status]).toEqual([
      "0123456789",
      "234",
      206,
    ]);
    expect(rig.asked).toHaveLength(1);
  });
});

describe("keys", () => {
  const policy = policyOf(
    [classWith({ query: ["page", "q"], headers: [], dimensions: ["currency", "device"] })],
    {
      dimensions: [
        {
          name: "currency",
          source: "cookie",
          field: "currency",
          values: ["brl", "usd"],
          contains: {},
          fallback: "brl",
        },
        {
          name: "device",
          source: "header",
          field: "user-agent",
          values: [],
          contains: { mobile: ["iphone", "android"] },
          fallback: "desktop",
        },
      ],
    },
  );

  it("asks the origin exactly what the key says", async () => {
    const rig = rigOf(policy);
    rig.origin = () => answer("x", { "cache-control": "max-age=60" });
    const headers = {
      cookie: "sid=secret; currency=USD",
      "user-agent": "Mozilla iPhone",
      "x-forwarded-host": "evil",
      "accept-language": "pt",
    };
    await (await rig.get("/a?utm=1&q=b%20c&page=2&fbclid=z", headers)).response.text();
    const [asked] = rig.asked;
    expect(asked?.url).toBe("https://store.acme.com/a?page=2&q=b%20c");
    expect(Object.fromEntries(asked?.headers ?? [])).toEqual({
      "accept-encoding": "identity",
      cookie: "currency=usd",
      "x-edge-currency": "usd",
      "x-edge-device": "mobile",
    });
  });

  it("shares what the key does not tell apart and nothing else", async () => {
    const rig = rigOf(policy);
    rig.origin = () => answer("x", { "cache-control": "max-age=60" });
    const shared = ["/a?page=2&q=x", "/a?q=x&page=2", "/a?q=x&page=2&utm_source=y", "/a?&q=x&&page=2"];
    for (const path of shared) {
      await (await rig.get(path, { cookie: `sid=${path}` })).response.text();
      await rig.settle();
    }
    expect(rig.asked).toHaveLength(1);
    for (const [path, headers] of [
      ["/a?q=x&page=3", {}],
      ["/a?q=x", {}],
      ["/a?q=x&page=2", { cookie: "currency=usd" }],
      ["/a?q=x&page=2", { "user-agent": "an Android phone" }],
    ] as const) {
      await (await rig.get(path, headers)).response.text();
      await rig.settle();
    }
    expect(rig.asked).toHaveLength(5);
  });

  it("folds a dimension's values to the declared ones", async () => {
    const rig = rigOf(policy);
    rig.origin = () => answer("x", { "cache-control": "max-age=60" });
    for (let index = 0; index < 20; index++) {
      await (await rig.get("/a", { cookie: `currency=junk${index}` })).response.text();
      await rig.settle();
    }
    expect(rig.asked).toHaveLength(1);
  });
});

describe("unsafe requests", () => {
  it("make their URL and what Location names invalid, when the origin took them", async () => {
    const rig = rigOf(follow());
    rig.origin = (request) =>
      request.method === "GET"
        ? answer(request.url, { "cache-control": "max-age=600" })
        : answer("ok", { location: "/b", "content-location": "https://elsewhere.example/c" });
    for (const path of ["/a", "/b", "/c"]) await (await rig.get(path)).response.text();
    await rig.settle();
    rig.clock.now += 1000;
    await rig.get("/a", {}, { method: "POST", body: "x" });
    expect(rig.published).toEqual([
      [
        { kind: "url", value: "/a" },
        { kind: "url", value: "/b" },
      ],
    ]);
    rig.clock.now += 1000;
    expect([
      (await rig.get("/a")).outcome,
      (await rig.get("/b")).outcome,
      (await rig.get("/c")).outcome,
    ]).toEqual(["miss", "miss", "hit"]);
  });

  it("leave everything as it is when they failed", async () => {
    const rig = rigOf(follow());
    rig.origin = (request) =>
      request.method === "GET" ? answer("x", { "cache-control": "max-age=600" }) : answer("no", {}, 500);
    await (await rig.get("/a")).response.text();
    await rig.settle();
    await rig.get("/a", {}, { method: "DELETE" });
    expect((await rig.get("/a")).outcome).toBe("hit");
    expect(rig.published).toEqual([]);
  });

  it("invalidate the groups they name (RFC 9875)", async () => {
    const rig = rigOf(follow());
    rig.origin = (request) =>
      request.method === "GET"
        ? answer("x", { "cache-control": "max-age=600", "cache-groups": '"prices", "b"' })
        : answer("ok", { "cache-group-invalidation": '"prices"' });
    await (await rig.get("/a")).response.text();
    await rig.settle();
    rig.clock.now += 1;
    await rig.get("/elsewhere", {}, { method: "POST" });
    expect((await rig.get("/a")).outcome).toBe("miss");
    expect(rig.published.flat()).toContainEqual({ kind: "tag", value: "prices" });
  });

  it("publish nothing of paths that are never cached, nor for reads, options or other hosts", async () => {
    const rig = rigOf(
      policyOf([classWith({ mode: "never", match: ["/cart/**"], patterns: ["^/cart(?:/.*)?$"] })]),
    );
    rig.origin = () =>
      answer("ok", { location: "/nowhere", "content-location": "https://evil.example/cart" });
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "GET"])
      await rig.get("/cart/1", {}, { method });
    expect(rig.published).toEqual([]);
  });
});

describe("sessions", () => {
  it("neither reach the origin nor are replaced by it on cacheable paths", async () => {
    const rig = rigOf(follow());
    rig.origin = () => answer("x", { "cache-control": "max-age=60", "set-cookie": "sid=fresh" });
    const known = await rig.get("/a", { cookie: "sid=mine" });
    expect([known.response.headers.get("set-cookie"), rig.asked[0]?.headers.get("cookie")]).toEqual([
      null,
      null,
    ]);
    const anonymous = await rig.get("/a");
    expect([anonymous.response.headers.get("set-cookie"), anonymous.outcome, anonymous.reason]).toEqual([
      "sid=fresh",
      "pass",
      "set-cookie",
    ]);
  });

  it("pass untouched in a class that is never cached", async () => {
    const rig = rigOf(policyOf([classWith({ mode: "never" })]));
    rig.origin = () => answer("x", { "cache-control": "max-age=60", "set-cookie": "sid=fresh" });
    const served = await rig.get("/a", { cookie: "sid=mine" });
    expect([served.outcome, served.reason, statusOf(served)]).toEqual([
      "bypass",
      "class-never",
      "edge; fwd=bypass; detail=class-never",
    ]);
    expect([served.response.headers.get("set-cookie"), rig.asked[0]?.headers.get("cookie")]).toEqual([
      "sid=fresh",
      "sid=mine",
    ]);
  });
});

describe("a client", () => {
  it("cannot say what is the edge's to say, on any path", async () => {
    for (const mode of ["cache", "never"] as const) {
      const rig = rigOf(policyOf([classWith({ mode })]));
      rig.origin = () => answer("x");
      await rig.get("/a", {
        "x-edge-currency": "usd",
        "surrogate-capability": 'evil="ESI/1.0"',
        "x-other": "kept",
      });
      const headers = rig.asked[0]?.headers;
      expect(
        ["x-edge-currency", "surrogate-capability", "x-other"].map((name) => headers?.get(name)),
      ).toEqual([null, null, "kept"]);
    }
  });

  it("that is redirected after a POST does not thereby make the page it goes to invalid", async () => {
    const rig = rigOf(follow());
    rig.origin = (request) =>
      request.method === "GET"
        ? answer("x", { "cache-control": "max-age=600" })
        : answer(null, { location: "/product" }, 303);
    await (await rig.get("/product")).response.text();
    await rig.settle();
    rig.clock.now += 1000;
    await rig.get("/cart", {}, { method: "POST" });
    expect((await rig.get("/product")).outcome).toBe("hit");
  });
});

describe("bad input takes the safest reading", () => {
  const cases: readonly (readonly [string, Record<string, string>])[] = [
    ["Cache-Control", { "cache-control": "max-age=abc" }],
    ["quotes that never close", { "cache-control": 'x="a, max-age=60' }],
    ["Expires", { expires: "tomorrow" }],
    ["Vary", { "cache-control": "max-age=60", vary: "acc(ept" }],
    ["targeted and plain", { "cdn-cache-control": "max-age=;", "cache-control": "max-age=-1" }],
  ];
  it.each(cases)("%s: not served again", async (_, headers) => {
    const rig = rigOf(follow());
    rig.origin = () => answer("x", headers);
    for (let time = 0; time < 2; time++) {
      await (await rig.get("/a")).response.text();
      await rig.settle();
    }
    expect(rig.asked).toHaveLength(2);
  });

  it("a clock that goes back does not make an age negative", async () => {
    const rig = rigOf(follow());
    rig.origin = () => answer("x", { "cache-control": "max-age=60", age: "99999999999999999999" });
    expect((await rig.get("/a")).response.status).toBe(200);
    rig.origin = () => answer("x", { "cache-control": "max-age=60" });
    await (await rig.get("/b")).response.text();
    await rig.settle();
    rig.clock.now = START - 5000;
    expect((await rig.get("/b")).response.headers.get("age")).toBe("0");
  });
});

describe("an encoded body", () => {
  it("is kept and given out as it came, from the cache and past it", async () => {
    const bytes = new Uint8Array(
      await new Response(
        new Blob(["plain text"]).stream().pipeThrough(new CompressionStream("gzip")),
      ).arrayBuffer(),
    );
    for (const control of ["max-age=60", "no-store"]) {
      const rig = rigOf(follow());
      rig.origin = () =>
        new Response(bytes, {
          headers: { "cache-control": control, "content-encoding": "gzip" },
          encodeBody: "manual",
        });
      for (let time = 0; time < 2; time++) {
        const { response } = await rig.get("/a");
        expect([
          response.headers.get("content-encoding"),
          new Uint8Array(await response.arrayBuffer()),
        ]).toEqual(["gzip", bytes]);
        await rig.settle();
      }
    }
  });
});
