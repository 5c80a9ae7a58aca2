/** What cannot be read: its safest reading, counted by kind, never an exception. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { FragmentFailure, MalformedPart } from "../../src/cache/index.ts";
import { notModified, rangeOf } from "../../src/cache/conditions.ts";
import { listMembers } from "../../src/cache/fields.ts";
import { malformedFields } from "../../src/cache/malformed.ts";
import { cacheGroups } from "../../src/cache/tags.ts";
import { variantOf } from "../../src/cache/vary.ts";
import { storedHead } from "../support/stored-head.ts";
import { type Rig, START, answer, classWith, policyOf, rigOf } from "./rig.ts";

const FRESH = { "cache-control": "max-age=600", etag: '"1"' };

const IN_AN_HOUR = new Date(START + 3_600_000).toUTCString();

/** What an origin may get wrong, and whether a second request is then answered from what is stored. */
const FROM_ORIGIN: readonly (readonly [MalformedPart, Record<string, string>, "stored" | "asked again"])[] = [
  ["age", { ...FRESH, age: "old" }, "stored"],
  ["age", { ...FRESH, age: "7200;x=1" }, "asked again"],
  ["age", { ...FRESH, age: "-1" }, "stored"],
  ["cache-control", { "cache-control": "max-age=soon", etag: '"1"' }, "asked again"],
  ["cache-control", { "cache-control": "max-age=-5", etag: '"1"' }, "asked again"],
  ["cache-control", { "cache-control": "max-age=0, max-age=600", etag: '"1"' }, "asked again"],
  ["cache-control", { "cache-control": 'max-age=600, "stray', etag: '"1"' }, "stored"],
  ["cache-control", { "cache-control": "private; max-age=600", expires: IN_AN_HOUR }, "asked again"],
  ["cache-control", { "cache-control": "max-age=600; no-store", expires: IN_AN_HOUR }, "asked again"],
  ["cache-control", { "cache-control": "max-age=600 no-store, public" }, "asked again"],
  ["cache-control", { "cache-control": 'max-age=600, ext="open, No-Store' }, "asked again"],
  ["cache-control", { "cache-control": "max-age=600, x y" }, "stored"],
  ["cache-control", { "cache-control": "max-age=600, x=1@y" }, "stored"],
  ["cache-control", { "cache-control": "max-age=600, max-age=600@no-store," }, "asked again"],
  ["cdn-cache-control", { ...FRESH, "cdn-cache-control": "no-store;" }, "asked again"],
  ["cdn-cache-control", { ...FRESH, "cdn-cache-control": "Private" }, "asked again"],
  ["cdn-cache-control", { ...FRESH, "cdn-cache-control": "max-age=600;no-store" }, "asked again"],
  [
    "cdn-cache-control",
    { ...FRESH, "cdn-cache-control": "max-age=600;no-store, max-age=600" },
    "asked again",
  ],
  ["cache-control", { "cache-control": "max-age 600", etag: '"1"' }, "asked again"],
  [
    "cdn-cache-control",
    { "cdn-cache-control": "max-age=600, ;;", "cache-control": "no-store" },
    "asked again",
  ],
  ["cdn-cache-control", { "cdn-cache-control": "max-age=6.5", "cache-control": "no-store" }, "asked again"],
  ["surrogate-control", { "surrogate-control": "max-age=600+x+y,,=", etag: '"1"' }, "asked again"],
  ["date", { ...FRESH, date: "yesterday" }, "stored"],
  ["expires", { expires: "in a while", etag: '"1"' }, "asked again"],
  ["expires", { expires: "Thu, 32 Jan 2099 00:00:00 GMT", etag: '"1"' }, "asked again"],
  ["last-modified", { "last-modified": "recently" }, "asked again"],
  ["etag", { "cache-control": "max-age=600", etag: "unquoted" }, "stored"],
  ["etag", { "cache-control": "max-age=600", etag: '"a" "b"' }, "stored"],
  ["tags", { ...FRESH, "cache-groups": "prices" }, "stored"],
  [
    "tags",
    { ...FRESH, "cache-tag": Array.from({ length: 9000 }, (_, index) => `t${index}`).join() },
    "stored",
  ],
  ["vary", { ...FRESH, vary: "accept language" }, "asked again"],
  ["vary", { ...FRESH, vary: "@" }, "asked again"],
  ["vary", { ...FRESH, vary: Array.from({ length: 11 }, (_, index) => `h${index}`).join() }, "asked again"],
];

const rigWith = (headers: Record<string, string>): Rig => {
  const rig = rigOf(
    policyOf([classWith({ lifetime: { fallback: null, max: null, heuristic: true, negative: null } })]),
  );
  rig.origin = () => answer("page", headers);
  return rig;
};

describe("an origin's malformed", () => {
  it.each(FROM_ORIGIN)("%s: %o is %s, and counted", async (part, headers, expected) => {
    const rig = rigWith(headers);
    const first = await rig.get("/a");
    expect([first.response.status, await first.response.text()]).toEqual([200, "page"]);
    await rig.settle();
    expect(rig.events).toEqual([{ kind: "malformed", part, from: "origin" }]);
    const second = await rig.get("/a");
    expect([second.response.status, await second.response.text()]).toEqual([200, "page"]);
    expect(rig.asked).toHaveLength(expected === "stored" ? 1 : 2);
  });

  it("covers every field that an origin can get wrong", () => {
    expect(new Set(FROM_ORIGIN.map(([part]) => part)).size).toBe(10);
  });

  it("field that is well-formed is not counted, whatever it says", () => {
    const dated = new Date(START).toUTCString();
    const sound: Record<string, string>[] = [
      { age: "0", "cache-control": 'private="x, y", no-cache , max-age="60",', vary: "*", etag: 'W/"a,b"' },
      { vary: "Accept, ACCEPT-language ,", expires: "0", date: dated, "last-modified": dated },
      {
        expires: "-1",
        "cdn-cache-control": "max-age=60, no-store",
        "surrogate-control": 'content="ESI/1.0", max-age=60+30',
      },
      { "cache-groups": '"a", "b;c"', "cache-tag": ",, a b", "surrogate-key": " " },
      {},
    ];
    for (const headers of sound) expect(malformedFields(new Headers(headers), START)).toEqual([]);
  });
});

/** What a client may get wrong about a page that is stored. */
const FROM_CLIENT: readonly (readonly [MalformedPart, Record<string, string>])[] = [
  ["range", { range: "bytes=-" }],
  ["range", { range: "bytes=a-b" }],
  ["range", { range: "bytes=0-1," }],
  ["range", { range: "bytes" }],
  ["if-range", { range: "bytes=0-1", "if-range": "unquoted" }],
  ["if-none-match", { "if-none-match": "unquoted" }],
  ["if-none-match", { "if-none-match": '"1' }],
  ["if-modified-since", { "if-modified-since": "yesterday" }],
];

describe("a client's malformed", () => {
  it.each(FROM_CLIENT)("%s: %o gets the whole page, and is counted once", async (part, headers) => {
    const rig = rigWith(FRESH);
    await (await rig.get("/a")).response.text();
    await rig.settle();
    const { response } = await rig.get("/a", headers);
    expect([response.status, await response.text(), rig.asked.length]).toEqual([200, "page", 1]);
    expect(rig.events).toEqual([{ kind: "malformed", part, from: "client" }]);
  });

  it("range of what is not stored is no range: it cannot keep the page out of the cache", async () => {
    const rig = rigWith(FRESH);
    await (await rig.get("/a", { range: "bytes=x" })).response.text();
    await rig.settle();
    expect([rig.asked[0]?.headers.get("range"), (await rig.get("/a")).outcome]).toEqual([null, "hit"]);
  });

  it("range in another unit is ignored and no mistake", async () => {
    const rig = rigWith(FRESH);
    await (await rig.get("/a", { range: "lines=1-2" })).response.text();
    expect([rig.asked[0]?.headers.get("range"), rig.events]).toEqual([null, []]);
  });

  it("lists are read in linear time: 32 KB of anything in each field", () => {
    const head = storedHead({ headers: [["etag", '"1"']], requestTime: START, responseTime: START });
    let steps = 0;
    const note = (): void => void steps++;
    for (const unit of [
      " ",
      "\t ",
      '"',
      '" ',
      "\\",
      '\\"',
      ",",
      ", ",
      ";",
      " ;",
      '"a',
      "W/",
      "bytes=0-",
      "1-2 ,",
    ]) {
      const text = `x${unit.repeat(Math.ceil(32_000 / unit.length))}y`;
      notModified(head, new Headers({ "if-none-match": text }), START, note);
      rangeOf(head, new Headers({ range: `bytes=0-1${text}`, "if-range": text }), 10, START, note);
      variantOf(["accept-language", "x"], new Headers({ "accept-language": text, x: text }));
      cacheGroups(text);
      malformedFields(
        new Headers({ "cache-control": text, "cdn-cache-control": text, vary: text, etag: text }),
        START,
      );
    }
    // That it ends at all within the test's time is the point: quadratic readings take minutes.
    expect(steps).toBeGreaterThan(0);
  }, 10_000);

  it("lists come apart at commas outside of strings, whatever is in them", () => {
    const member = fc.stringMatching(/^"[a-z, ]{0,8}"$/);
    fc.assert(
      fc.property(fc.array(member, { maxLength: 8 }), (members) => {
        expect(listMembers(members.join(" ,\t"), "plain")).toEqual(members);
        expect(listMembers(members.join(","), "escapes")).toEqual(members);
      }),
    );
    expect(listMembers('"a\\",b', "plain")).toEqual(['"a\\"', "b"]);
    expect(listMembers('"a\\",b', "escapes")).toEqual(['"a\\",b']);
  });
});

describe("malformed ESI", () => {
  const pages: readonly (readonly [string, string])[] = [
    ["<esi:include/>", ""],
    ['<esi:include alt="/fragments/a"/>', ""],
    ["<esi:include src=/fragments/a/>", ""],
    ['<esi:include src="/fragments/a', '<esi:include src="/fragments/a'],
    [`<esi:include src="${"x".repeat(5000)}"/>`, `<esi:include src="${"x".repeat(5000)}"/>`],
    ["<esi:remove>never closed", ""],
    ["<!--esi never closed", " never closed"],
  ];
  it.each(pages)("%s", async (element, left) => {
    const rig = rigOf(policyOf([classWith({ fragments: true })]));
    rig.origin = () => answer(`a${element}`, { ...FRESH, "surrogate-control": 'content="ESI/1.0"' });
    expect(await (await rig.page("/page")).response.text()).toBe(`a${left}`);
    expect(rig.events).toEqual([{ kind: "malformed", part: "esi", from: "origin" }]);
  });
});

describe("a fragment that fails is counted by why", () => {
  const include = (src: string): string => `<esi:include src="${src}"/>`;
  const esi = { ...FRESH, "surrogate-control": 'content="ESI/1.0"' };
  const cases: readonly (readonly [
    FragmentFailure,
    string,
    (path: string) => Response | Promise<Response>,
  ])[] = [
    ["elsewhere", include("https://evil.example/fragments/a"), () => answer("x")],
    ["elsewhere", include("//169.254.169.254/fragments/a"), () => answer("x")],
    ["elsewhere", include("/account"), () => answer("x")],
    ["elsewhere", include("/fragments/..%2faccount"), () => answer("x")],
    ["elsewhere", include("/fragments/;/../../account"), () => answer("x")],
    ["too-deep", include("/fragments/a"), () => answer(include("/fragments/a"), esi)],
    ["too-many", include("/fragments/a").repeat(9), () => answer("x")],
    ["too-large", include("/fragments/a"), () => answer("x".repeat(1_100_000))],
    ["late", include("/fragments/a"), async () => new Promise(() => undefined)],
    ["status", include("/fragments/a"), () => answer("x", {}, 404)],
    ["broken", include("/fragments/a"), async () => Promise.reject(new Error("gone"))],
  ];
  it.each(cases)("%s: %s", async (reason, body, fragment) => {
    const rig = rigOf(policyOf([classWith({ fragments: true })]));
    rig.origin = ({ url }) => {
      const { pathname } = new URL(url);
      return pathname === "/page" ? answer(body, esi) : fragment(pathname);
    };
    await (await rig.page("/page")).response.text();
    expect(rig.events).toEqual([{ kind: "fragment-failed", reason }]);
  });

  it("covers every reason", () => expect(new Set(cases.map(([reason]) => reason)).size).toBe(7));

  it("holds no more than 8 MB of a page's fragments", async () => {
    const rig = rigOf(
      policyOf([classWith({ fragments: true })], {
        fragments: { prefixes: ["/fragments/"], depth: 3, count: 64, deadline: 2000 },
      }),
    );
    rig.origin = ({ url }) =>
      url.endsWith("/page")
        ? answer(Array.from({ length: 12 }, (_, index) => include(`/fragments/${index}`)).join(""), esi)
        : answer("x".repeat(1_000_000));
    const text = await (await rig.page("/page")).response.text();
    expect(text.length).toBeLessThanOrEqual(8_388_608);
    expect(
      rig.events.filter((event) => event.kind === "fragment-failed" && event.reason === "too-large").length,
    ).toBeGreaterThan(0);
  });
});
