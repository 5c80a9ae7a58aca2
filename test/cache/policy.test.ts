import { describe, expect, it } from "vitest";
import { notModified, rangeOf } from "../../src/cache/conditions.ts";
import { parseHttpDate } from "../../src/cache/dates.ts";
import { deltaSeconds, parseCacheControl, responseDirectives } from "../../src/cache/directives.ts";
import { initialAge } from "../../src/cache/freshness.ts";
import { reuseOf, standsInForError } from "../../src/cache/reuse.ts";
import { headToStore } from "../../src/cache/store-head.ts";
import type { CacheClass } from "../../src/cache/index.ts";
import type { StoredHead } from "../../src/cache/stored.ts";
import { variantOf, varyNames } from "../../src/cache/vary.ts";
import { START, classWith } from "./rig.ts";

const HTTP_DATE = new Date(START).toUTCString();

const ignore = (): void => undefined;

describe("HTTP dates", () => {
  const cases: readonly (readonly [string, number | undefined])[] = [
    ["Thu, 18 Aug 2050 02:01:18 GMT", Date.UTC(2050, 7, 18, 2, 1, 18)],
    ["THU, 18 AUG 2050 02:01:18 gmt", Date.UTC(2050, 7, 18, 2, 1, 18)],
    ["Thursday, 18-Aug-50 02:01:18 GMT", Date.UTC(2050, 7, 18, 2, 1, 18)],
    ["Friday, 18-Aug-95 02:01:18 GMT", Date.UTC(1995, 7, 18, 2, 1, 18)],
    ["Thu Aug  8 02:01:18 2050", Date.UTC(2050, 7, 8, 2, 1, 18)],
    ["Thu, 18 Aug 2050 02:01:18 UTC", undefined],
    ["Thu, 18 Aug 50 02:01:18 GMT", undefined],
    ["Thu 18 Aug 2050 02:01:18 GMT", undefined],
    ["Thu, 18  Aug  2050 02:01:18 GMT", undefined],
    ["Thu, 18-Aug-2050 02:01:18 GMT", undefined],
    ["Thu, 18 Aug 2050 2:01:18 GMT", undefined],
    ["Thu, 31 Feb 2050 02:01:18 GMT", undefined],
    ["Thu, 18 Aug 2050 25:01:18 GMT", undefined],
    ["0", undefined],
    ["-1", undefined],
    ["", undefined],
  ];
  it.each(cases)("%s", (text, expected) => {
    expect(parseHttpDate(text, START)).toBe(expected);
  });
});

describe("Cache-Control", () => {
  const cases: readonly (readonly [string, string, number | true | string | undefined])[] = [
    ["max-age=60", "max-age", 60],
    ["Max-Age=60", "max-age", 60],
    ["foo, max-age=60", "max-age", 60],
    ['max-age="60"', "max-age", 60],
    ["max-age=003600", "max-age", 3600],
    ["max-age=99999999999", "max-age", 2_147_483_648],
    ["max-age=1, max-age=60", "max-age", 1],
    ['ext="max-age=3600", max-age=1', "max-age", 1],
    ['ext="a, no-store", max-age=1', "no-store", undefined],
    ["max-age =60", "max-age", undefined],
    ["max-age= 60", "max-age", undefined],
    ["max-age='60'", "max-age", Number.NaN],
    ["max-age=-60", "max-age", Number.NaN],
    ["max-age=60.5", "max-age", Number.NaN],
    ["max-age", "max-age", Number.NaN],
    ["No-Store", "no-store", true],
    [",,  ,no-store", "no-store", true],
    ['no-cache="a, b"', "no-cache", "a, b"],
    ['x="unfinished, no-store', "no-store", true],
  ];
  it.each(cases)("%s", (field, name, expected) => {
    const directives = parseCacheControl(field);
    const value = name === "max-age" ? deltaSeconds(directives, name) : directives.get(name);
    expect(value).toEqual(expected);
  });

  it("never throws and stays linear on 64 KB of anything", () => {
    for (const piece of ['"', ",", "a=", '\\"', "max-age=1 ", "é"]) {
      expect(() => parseCacheControl(piece.repeat(65_536 / piece.length))).not.toThrow();
    }
  });
});

describe("targeted fields (RFC 9213)", () => {
  const cases: readonly (readonly [Record<string, string>, number | undefined, boolean])[] = [
    [{ "cdn-cache-control": "max-age=60", "cache-control": "max-age=1" }, 60, true],
    [{ "cdn-cache-control": "max-age=60, &&&", "cache-control": "max-age=1" }, 1, false],
    [{ "cdn-cache-control": 'max-age="60"', "cache-control": "max-age=1" }, 1, false],
    [{ "cdn-cache-control": "", "cache-control": "max-age=1" }, 1, false],
    [{ "surrogate-control": "max-age=60+30", "cache-control": "no-store" }, 60, true],
    [{ "surrogate-control": 'content="ESI/1.0"', "cache-control": "max-age=1" }, 1, false],
    [{ "cdn-cache-control": "max-age=5", "surrogate-control": "max-age=60" }, 5, true],
  ];
  it.each(cases)("%o", (headers, maxAge, targeted) => {
    const said = responseDirectives(new Headers(headers));
    expect([deltaSeconds(said.directives, "max-age"), said.targeted]).toEqual([maxAge, targeted]);
  });
});

/** What is stored of a response, or why not. */
function stored(
  headers: Record<string, string>,
  rules: Partial<CacheClass> = {},
  more: { status?: number; authorized?: boolean } = {},
): StoredHead | string {
  const exchange = {
    requestHeaders: new Headers(),
    authorized: more.authorized ?? false,
    requestNoStore: false,
    requestTime: START,
    responseTime: START,
    target: "/",
    random: 1,
  };
  const origin = { status: more.status ?? 200, headers: new Headers({ date: HTTP_DATE, ...headers }) };
  return headToStore(origin, exchange, classWith(rules));
}

describe("what is stored, and for how long (RFC 9111 section 3 and 4.2)", () => {
  const later = new Date(START + 60_000).toUTCString();
  const earlier = new Date(START - 100_000).toUTCString();
  const lifetimes = { fallback: 30, max: null, heuristic: false, negative: 5 };
  const cases: readonly (readonly [string, ReturnType<typeof stored>, number | string])[] = [
    ["max-age", stored({ "cache-control": "max-age=60" }), 60],
    ["s-maxage over max-age", stored({ "cache-control": "max-age=60, s-maxage=5" }), 5],
    ["Expires", stored({ expires: later }), 60],
    ["max-age over Expires", stored({ expires: later, "cache-control": "max-age=5" }), 5],
    ["a bad Expires is stale", stored({ expires: "0", etag: '"a"' }), 0],
    [
      "a bad max-age is stale, whatever Expires says",
      stored({ expires: later, "cache-control": "max-age=x", etag: '"a"' }),
      0,
    ],
    ["nothing said", stored({}), "no-freshness"],
    ["nothing said, class default", stored({}, { lifetime: lifetimes }), 30],
    ["404, class negative", stored({}, { lifetime: lifetimes }, { status: 404 }), 5],
    ["500 has no default", stored({ etag: '"a"' }, { lifetime: lifetimes }, { status: 500 }), "no-freshness"],
    [
      "heuristic tenth",
      stored({ "last-modified": earlier }, { lifetime: { ...lifetimes, heuristic: true } }),
      10,
    ],
    [
      "class maximum",
      stored({ "cache-control": "max-age=600" }, { lifetime: { ...lifetimes, max: 60 } }),
      60,
    ],
    ["jitter shortens", stored({ "cache-control": "max-age=100" }, { jitter: 0.1 }), 90],
    ["no-store", stored({ "cache-control": "max-age=60, No-Store" }), "no-store"],
    ["private", stored({ "cache-control": "private, max-age=60" }), "private"],
    ["private with a field list", stored({ "cache-control": 'private="x-a", max-age=60' }), "private"],
    ["Set-Cookie", stored({ "cache-control": "public, max-age=60", "set-cookie": "a=b" }), "set-cookie"],
    ["Vary: *", stored({ "cache-control": "max-age=60", vary: "accept, *" }), "vary"],
    [
      "Vary by what the edge says of each visitor",
      stored({ "cache-control": "max-age=60", vary: "Accept, X-Forwarded-For" }),
      "vary",
    ],
    ["a Vary that is no field name", stored({ "cache-control": "max-age=60", vary: "a b" }), "vary"],
    [
      "206 without a range asked for",
      stored({ "cache-control": "max-age=60" }, {}, { status: 206 }),
      "partial",
    ],
    ["416", stored({ "cache-control": "max-age=60" }, {}, { status: 416 }), "partial"],
    [
      "a status the class leaves out",
      stored({ "cache-control": "max-age=60" }, { statuses: [200] }, { status: 400 }),
      "class-status",
    ],
    [
      "a type the class leaves out",
      stored({ "cache-control": "max-age=60", "content-type": "text/html" }, { types: ["image/*"] }),
      "class-type",
    ],
    [
      "a type the class takes",
      stored({ "cache-control": "max-age=60", "content-type": "image/png" }, { types: ["image/*"] }),
      60,
    ],
    ["Authorization", stored({ "cache-control": "max-age=60" }, {}, { authorized: true }), "authorization"],
    [
      "Authorization, public",
      stored({ "cache-control": "max-age=60, public" }, {}, { authorized: true }),
      60,
    ],
    ["must-understand", stored({ "cache-control": "max-age=60, no-store, must-understand" }), 60],
    [
      "must-understand, unknown status",
      stored({ "cache-control": "max-age=60, no-store, must-understand" }, {}, { status: 599 }),
      "no-store",
    ],
  ];
  it.each(cases)("%s", (_, result, expected) => {
    expect(typeof result === "string" ? result : result.lifetime).toBe(expected);
  });

  it("runs every case", () => expect(cases).toHaveLength(29));
});

describe("jitter", () => {
  it.each([
    [0, 100],
    [0.5, 95],
    [1, 90],
  ])("shortens a lifetime by up to its share, and never lengthens it: %d of it", (random, lifetime) => {
    const exchange = {
      requestHeaders: new Headers(),
      authorized: false,
      requestNoStore: false,
      requestTime: START,
      responseTime: START,
      target: "/",
      random,
    };
    const response = { status: 200, headers: new Headers({ "cache-control": "max-age=100" }) };
    expect(headToStore(response, exchange, classWith({ jitter: 0.1 }))).toMatchObject({ lifetime });
  });
});

describe("age (RFC 9111 section 4.2.3)", () => {
  const cases: readonly (readonly [Record<string, string>, number])[] = [
    [{ date: HTTP_DATE }, 2],
    [{ date: HTTP_DATE, age: "30" }, 32],
    [{ date: new Date(START - 100_000).toUTCString() }, 102],
    [{ date: HTTP_DATE, age: "7200, 0" }, 7202],
    [{ date: HTTP_DATE, age: "-5" }, 2],
    [{ date: HTTP_DATE, age: "abc" }, 2],
    [{ date: "nonsense" }, 2],
  ];
  it.each(cases)("%o", (headers, expected) => {
    expect(initialAge(new Headers(headers), START, START + 2000)).toBe(expected);
  });
});

describe("reuse (RFC 9111 section 4, RFC 5861)", () => {
  const head = (control: string, extra: Partial<CacheClass> = {}): StoredHead => {
    const result = stored({ "cache-control": control, etag: '"a"' }, extra);
    if (typeof result === "string") throw new Error(result);
    return result;
  };
  const none = new Map<string, string | true>();
  const cases: readonly (readonly [string, number, string, "none" | "soft" | "hard", string])[] = [
    ["max-age=60", 59, "", "none", "fresh"],
    ["max-age=60", 60, "", "none", "revalidate"],
    ["max-age=60, stale-while-revalidate=10", 69, "", "none", "stale-while-revalidate"],
    ["max-age=60, stale-while-revalidate=10", 70, "", "none", "revalidate"],
    ["max-age=60, stale-while-revalidate=10, must-revalidate", 61, "", "none", "revalidate"],
    ["max-age=60, stale-while-revalidate=x", 61, "", "none", "revalidate"],
    ["max-age=60, no-cache", 1, "", "none", "revalidate"],
    ["max-age=60", 1, "", "hard", "gone"],
    ["max-age=60", 1, "", "soft", "revalidate"],
    ["max-age=60, stale-while-revalidate=10", 1, "", "soft", "stale-while-revalidate"],
    ["max-age=60", 10, "no-cache", "none", "revalidate"],
    ["max-age=60", 10, "max-age=5", "none", "revalidate"],
    ["max-age=60", 10, "min-fresh=55", "none", "revalidate"],
    ["max-age=60", 70, "max-stale=20", "none", "fresh"],
    ["max-age=60", 90, "max-stale=20", "none", "revalidate"],
    ["max-age=60", 90, "max-stale", "none", "fresh"],
    ["max-age=60, must-revalidate", 70, "max-stale=20", "none", "revalidate"],
  ];
  it.each(cases)("%s after %d s, asked %s, purged %s", (control, seconds, asked, purged, expected) => {
    expect(
      reuseOf(head(control), asked === "" ? none : parseCacheControl(asked), purged, START + seconds * 1000),
    ).toBe(expected);
  });

  const errors: readonly (readonly [string, number, number, boolean])[] = [
    ["max-age=60, stale-if-error=60", 0, 119, true],
    ["max-age=60, stale-if-error=60", 0, 120, false],
    ["max-age=60", 30, 89, true],
    ["max-age=60", 0, 61, false],
    ["max-age=60, must-revalidate", 30, 61, false],
    ["max-age=60, proxy-revalidate", 30, 61, false],
    ["s-maxage=60", 30, 61, false],
    ["max-age=60, no-cache", 30, 61, false],
  ];
  it.each(errors)(
    "%s with a class window of %d s stands in for an error after %d s: %s",
    (control, window, seconds, expected) => {
      const rules = { stale: { whileRevalidate: 0, ifError: window } };
      expect(standsInForError(head(control, rules), "none", START + seconds * 1000)).toBe(expected);
    },
  );
});

describe("conditions and ranges", () => {
  const result = stored({
    "cache-control": "max-age=60",
    etag: '"abc"',
    "last-modified": new Date(START - 100_000).toUTCString(),
  });
  if (typeof result === "string") throw new Error(result);
  const conditions: readonly (readonly [Record<string, string>, boolean])[] = [
    [{ "if-none-match": '"abc"' }, true],
    [{ "if-none-match": 'W/"abc"' }, true],
    [{ "if-none-match": '"x", "abc", "y"' }, true],
    [{ "if-none-match": '"a,b", "x"' }, false],
    [{ "if-none-match": "*" }, true],
    [{ "if-none-match": "abc" }, false],
    [{ "if-none-match": '"x"', "if-modified-since": HTTP_DATE }, false],
    [{ "if-modified-since": HTTP_DATE }, true],
    [{ "if-modified-since": new Date(START - 200_000).toUTCString() }, false],
    [{ "if-modified-since": "yesterday" }, false],
    [{}, false],
  ];
  it.each(conditions)("%o", (headers, expected) => {
    expect(notModified(result, new Headers(headers), START, ignore)).toBe(expected);
  });

  const ranges: readonly (readonly [string, string | null, unknown])[] = [
    ["bytes=0-1", null, { first: 0, last: 1 }],
    ["bytes=5-", null, { first: 5, last: 9 }],
    ["bytes=-3", null, { first: 7, last: 9 }],
    ["bytes=-30", null, { first: 0, last: 9 }],
    ["bytes=8-99", null, { first: 8, last: 9 }],
    ["bytes=10-", null, "unsatisfiable"],
    ["bytes=-0", null, "unsatisfiable"],
    ["bytes=2-1", null, undefined],
    ["bytes=0-1,3-4", null, undefined],
    ["bytes=-", null, undefined],
    ["lines=0-1", null, undefined],
    ["bytes=0-1", '"abc"', { first: 0, last: 1 }],
    ["bytes=0-1", '"other"', undefined],
    ["bytes=0-1", 'W/"abc"', undefined],
    ["bytes=0-1", new Date(START - 100_000).toUTCString(), { first: 0, last: 1 }],
    ["bytes=0-1", HTTP_DATE, undefined],
    ["bytes=99999999999999999999-", null, undefined],
  ];
  it.each(ranges)("Range %s, If-Range %s", (range, ifRange, expected) => {
    const headers = new Headers({ range, ...(ifRange === null ? {} : { "if-range": ifRange }) });
    expect(rangeOf(result, headers, 10, START, ignore)).toEqual(expected);
  });
});

describe("Vary", () => {
  const same: readonly (readonly [string, string, string])[] = [
    ["accept-language", "en, de", "de, en"],
    ["accept-language", "en, de", "eN,  De"],
    ["foo", "1,2", " 1, 2 "],
  ];
  it.each(same)("%s: %s is %s", (name, left, right) => {
    expect(variantOf([name], new Headers({ [name]: left }))).toBe(
      variantOf([name], new Headers({ [name]: right })),
    );
  });

  it("tells absent from empty, and one field's end from the next one's beginning", () => {
    expect(variantOf(["a"], new Headers())).not.toBe(variantOf(["a"], new Headers({ a: "" })));
    expect(variantOf(["a", "b"], new Headers({ a: "1", b: "2:x" }))).not.toBe(
      variantOf(["a", "b"], new Headers({ a: "1:2", b: "x" })),
    );
  });

  it("reads names without case, order and repeats", () => {
    expect(varyNames("Foo, bar,, foo")).toEqual(["bar", "foo"]);
    expect(varyNames(null)).toEqual([]);
    expect(varyNames("Foo, *")).toBeUndefined();
  });
});
