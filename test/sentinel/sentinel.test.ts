import { describe, expect, test } from "vitest";
import {
  createSentinel,
  guardBody,
  NO_OVERRIDES,
  overrideKeys,
  type SentinelSettings,
  type Verdict,
} from "../../src/sentinel/index.ts";
import { DEFAULT_SETTINGS, type PackageExclusion, type SentinelPackage } from "../../src/sentinel/package.ts";
import { condition, ids, packageOf, requestOf } from "./support.ts";

const LISTS = [["evil"], ["GET"], ["leak"]];
const evil = (variables: readonly string[], rest = {}) =>
  condition(variables, "contains", { list: 0, ...rest });
const ONE = packageOf(
  [{ id: "one", tags: ["bad"], conditions: [evil(["args", "headers", "cookies", "body", "files"])] }],
  { lists: LISTS },
);

function inspect(
  pkg: SentinelPackage,
  request: Parameters<typeof requestOf>[0],
  settings: SentinelSettings = NO_OVERRIDES,
  now = 0,
): Verdict {
  const verdict = createSentinel(pkg).inspectRequest(requestOf(request), settings, now);
  if (verdict instanceof Promise) throw new Error("not synchronous");
  return verdict;
}

describe("a verdict", () => {
  test("is not stopped short by matches that do not count", () => {
    const shadows = Array.from({ length: 20 }, (_none, index) => ({
      id: `shadow-${index}`,
      shadow: true,
      conditions: [condition(["args:a"], "present")],
    }));
    const pkg = packageOf([...shadows, { id: "one", conditions: [evil(["args"])] }], { lists: LISTS });
    const verdict = inspect(pkg, { target: "/?a=kettle&q=evil" });
    expect(verdict).toMatchObject({ outcome: "block", score: 5, watched: 105 });
    expect(verdict.matches).toHaveLength(21);
  });

  test("names sixteen rules at most once it is sure", () => {
    const rules = Array.from({ length: 40 }, (_none, index) => ({
      id: `rule-${index}`,
      conditions: [condition(["args"], "present")],
    }));
    expect(inspect(packageOf(rules), { target: "/?a=1&b=2" }).matches).toHaveLength(16);
  });

  test("passes what no rule matches", () => {
    expect(inspect(ONE, { target: "/?q=fine" })).toMatchObject({
      outcome: "pass",
      score: 0,
      matches: [],
      budget: null,
      mode: null,
    });
  });

  test("says what was found where, once a rule", () => {
    const verdict = inspect(ONE, { target: "/?q=very+evil&r=evil" });
    expect(verdict).toMatchObject({ outcome: "block", score: 5, classes: { test: 5 } });
    expect(verdict.matches).toMatchObject([
      { rule: "one", where: "args.query:q", excerpt: "evil", uncounted: null },
    ]);
  });

  test.each([
    ["a header", { headers: [["x-a", "evil"]] as const }],
    ["a cookie", { headers: [["cookie", "a=1; b=evil"]] as const }],
    ["an encoded argument", { target: "/?q=%2565vil" }],
    [
      "a form",
      {
        method: "POST",
        body: "a=evil",
        headers: [["content-type", "application/x-www-form-urlencoded"]] as const,
      },
    ],
    [
      "JSON",
      { method: "POST", body: '{"a":["evil"]}', headers: [["content-type", "application/json"]] as const },
    ],
  ])("sees %s", (_where, request) => {
    expect(inspect(ONE, request).outcome).toBe("block");
  });

  test("sees a compressed body, after a promise", async () => {
    const stream = new Blob(["a=evil"]).stream().pipeThrough(new CompressionStream("gzip"));
    const body = new Uint8Array(await new Response(stream).arrayBuffer());
    const headers = [
      ["content-type", "application/x-www-form-urlencoded"],
      ["content-encoding", "gzip"],
    ] as const;
    const verdict = createSentinel(ONE).inspectRequest(
      requestOf({ method: "POST", headers, body }),
      NO_OVERRIDES,
      0,
    );
    expect(verdict).toBeInstanceOf(Promise);
    expect(await verdict).toMatchObject({ outcome: "block" });
  });

  test("shows nothing of fields that hold secrets, and no card numbers", () => {
    expect(inspect(ONE, { target: "/?password=evil" }).matches[0]?.excerpt).toBe("[redacted]");
    const pkg = packageOf([{ id: "any", conditions: [condition(["args"], "present")] }]);
    expect(inspect(pkg, { target: "/?a=4111111111111111" }).matches[0]?.excerpt).toBe("[digits]");
  });

  test("blocks at the threshold, of the total or of a class", () => {
    const low = { score: 3, severity: "warning" as const, conditions: [evil(["args"])] };
    const two = [
      { id: "a", class: "x", ...low },
      { id: "b", class: "y", ...low },
    ];
    expect(inspect(packageOf(two.slice(0, 1), { lists: LISTS }), { target: "/?q=evil" }).outcome).toBe(
      "pass",
    );
    expect(inspect(packageOf(two, { lists: LISTS }), { target: "/?q=evil" })).toMatchObject({
      outcome: "block",
      score: 6,
      classes: { x: 3, y: 3 },
    });
    const settings = { ...DEFAULT_SETTINGS, thresholds: { total: 9, classes: { x: 3 } } };
    expect(inspect(packageOf(two, { lists: LISTS, settings }), { target: "/?q=evil" }).outcome).toBe("block");
    const high = { ...settings, thresholds: { total: 9, classes: { x: 4 } } };
    expect(inspect(packageOf(two, { lists: LISTS, settings: high }), { target: "/?q=evil" }).outcome).toBe(
      "pass",
    );
  });

  test("blocks by a rule that blocks by itself", () => {
    const pkg = packageOf([{ id: "a", score: 2, action: "block", conditions: [evil(["args"])] }], {
      lists: LISTS,
    });
    expect(inspect(pkg, { target: "/?q=evil" })).toMatchObject({ outcome: "block", score: 2 });
  });

  test("remembers harmless headers without missing harmful ones", () => {
    const sentinel = createSentinel(ONE);
    for (const [value, outcome] of [
      ["fine", "pass"],
      ["fine", "pass"],
      ["evil", "block"],
      ["evil", "block"],
      ["fine", "pass"],
    ] as const) {
      expect(
        sentinel.inspectRequest(requestOf({ headers: [["x-a", value]] }), NO_OVERRIDES, 0),
      ).toMatchObject({ outcome });
    }
    // A rule that is off does not make a value harmless for the time it is on again.
    const off: SentinelSettings = { rules: { one: "off" }, paths: [] };
    expect(sentinel.inspectRequest(requestOf({ headers: [["x-a", "evil 2"]] }), off, 0)).toMatchObject({
      outcome: "pass",
    });
    expect(
      sentinel.inspectRequest(requestOf({ headers: [["x-a", "evil 2"]] }), NO_OVERRIDES, 0),
    ).toMatchObject({ outcome: "block" });
  });

  test("remembers of a value what it showed, and looks at the rest of each request", () => {
    const both = [evil(["path"]), condition(["method"], "within", { list: 1 })];
    const sentinel = createSentinel(packageOf([{ id: "one", conditions: both }], { lists: LISTS }));
    const outcome = (method: string): unknown =>
      sentinel.inspectRequest(requestOf({ method, target: "/evil" }), NO_OVERRIDES, 0);
    for (const [method, expected] of [
      ["POST", "pass"],
      ["POST", "pass"],
      ["GET", "block"],
      ["GET", "block"],
      ["POST", "pass"],
    ] as const) {
      expect(outcome(method)).toMatchObject({ outcome: expected });
    }
  });

  test("remembers nothing of one path for another's exclusions", () => {
    const exclusion: PackageExclusion = {
      rules: ["one"],
      tags: [],
      paths: ["/help"],
      parameters: [],
      expires: 1,
      reason: "a test",
    };
    const pkg = packageOf([{ id: "one", conditions: [evil(["headers"]), evil(["headers"])] }], {
      lists: LISTS,
      exclusions: [exclusion],
    });
    const sentinel = createSentinel(pkg);
    for (const [target, outcome] of [
      ["/help", "pass"],
      ["/help", "pass"],
      ["/shop", "block"],
      ["/help", "pass"],
    ] as const) {
      expect(
        sentinel.inspectRequest(requestOf({ target, headers: [["x-a", "evil"]] }), NO_OVERRIDES, 0),
      ).toMatchObject({ outcome });
    }
  });

  test("remembers of requests nothing for answers", () => {
    const pkg = packageOf(
      [
        { id: "asked", conditions: [evil(["path"])] },
        { id: "answered", phase: 3, conditions: [evil(["path"]), condition(["response.status"], "present")] },
      ],
      { lists: LISTS },
    );
    const sentinel = createSentinel(pkg);
    const answer = { method: "GET", target: "/evil", status: 200, headers: [] };
    for (let times = 0; times < 2; times++) {
      const asked = sentinel.inspectRequest(requestOf({ target: "/evil" }), NO_OVERRIDES, 0);
      if (asked instanceof Promise) throw new Error("not synchronous");
      expect(ids(asked)).toEqual(["asked"]);
      expect(ids(sentinel.inspectResponse(answer, NO_OVERRIDES, 0, asked).head)).toEqual(["answered"]);
    }
  });
});

describe("conditions", () => {
  const chained = (second: ReturnType<typeof condition>): SentinelPackage =>
    packageOf([{ id: "a", conditions: [evil(["args"]), second] }], { lists: LISTS });

  test("must all hold", () => {
    const pkg = chained(condition(["method"], "within", { list: 1 }));
    expect(ids(inspect(pkg, { target: "/?q=evil" }))).toEqual(["a"]);
    expect(ids(inspect(pkg, { target: "/?q=evil", method: "PUT" }))).toEqual([]);
  });

  test("can be negated, and can count", () => {
    expect(
      ids(
        inspect(chained(condition(["method"], "within", { list: 1, negate: true })), { target: "/?q=evil" }),
      ),
    ).toEqual([]);
    const two = chained(condition(["#args"], "eq", { number: 2 }));
    expect(ids(inspect(two, { target: "/?q=evil" }))).toEqual([]);
    expect(ids(inspect(two, { target: "/?q=evil&r=1" }))).toEqual(["a"]);
    const absent = packageOf([
      { id: "a", conditions: [condition(["#headers:user-agent"], "eq", { number: 0 })] },
    ]);
    expect(ids(inspect(absent, {}))).toEqual(["a"]);
    expect(ids(inspect(absent, { headers: [["User-Agent", "x"]] }))).toEqual([]);
  });

  test("look at one entry, at all but one, at matching ones", () => {
    const entry = packageOf([{ id: "a", conditions: [evil(["args:q"])] }], { lists: LISTS });
    expect([inspect(entry, { target: "/?Q=evil" }), inspect(entry, { target: "/?r=evil" })].map(ids)).toEqual(
      [["a"], []],
    );
    const except = packageOf([{ id: "a", conditions: [evil(["args", "!args:q"])] }], { lists: LISTS });
    expect(
      [inspect(except, { target: "/?q=evil" }), inspect(except, { target: "/?r=evil" })].map(ids),
    ).toEqual([[], ["a"]]);
    const matching = packageOf(
      [{ id: "a", conditions: [{ ...evil(["args"]), targets: [{ variable: "args", pattern: 0 }] }] }],
      {
        lists: LISTS,
        expressions: [
          { source: "^x", flags: "is", engine: "native", limit: 0, weight: 1, worst: 1, burst: 1, span: 0 },
        ],
      },
    );
    expect(
      [inspect(matching, { target: "/?xy=evil" }), inspect(matching, { target: "/?yx=evil" })].map(ids),
    ).toEqual([["a"], []]);
  });

  test("see through their transformations, and raw where they ask for it", () => {
    const trim = packageOf(
      [
        {
          id: "a",
          conditions: [
            condition(["args"], "equals", { list: 0, transforms: ["remove-whitespace", "lowercase"] }),
          ],
        },
      ],
      { lists: LISTS },
    );
    expect(ids(inspect(trim, { target: "/?q=E+V+i+l" }))).toEqual(["a"]);
    const raw = packageOf([{ id: "a", conditions: [evil(["args"], { peel: false })] }], { lists: LISTS });
    expect(ids(inspect(raw, { target: "/?q=%2565vil" }))).toEqual([]);
  });

  test("run only where a literal occurs", () => {
    const pkg = packageOf([{ id: "a", conditions: [evil(["args"], { literals: [0] })] }], {
      lists: LISTS,
      literals: ["other"],
    });
    expect(ids(inspect(pkg, { target: "/?q=evil" }))).toEqual([]);
    expect(ids(inspect(pkg, { target: "/?q=evil+OTHER" }))).toEqual(["a"]);
  });
});

describe("settings", () => {
  const target = "/shop/?q=evil";

  test.each([
    [{ one: "off" }, "pass", []],
    [{ one: "monitor" }, "pass", ["override"]],
    [{ "tag:bad": "monitor" }, "pass", ["override"]],
    [{ "tag:test": "off" }, "pass", []],
    [{ "tag:bad": "off", one: "block" }, "block", [null]],
  ] as const)("a rule's override %j: %s", (rules, outcome, uncounted) => {
    const verdict = inspect(ONE, { target }, { rules, paths: [] });
    expect([verdict.outcome, verdict.matches.map((match) => match.uncounted)]).toEqual([outcome, uncounted]);
  });

  test("a path's mode, for paths without tricks only", () => {
    const settings: SentinelSettings = {
      rules: {},
      paths: [
        { path: "/shop/**", mode: "off" },
        { path: "/**", mode: "monitor" },
      ],
    };
    expect(inspect(ONE, { target }, settings)).toMatchObject({ outcome: "pass", mode: "off" });
    expect(inspect(ONE, { target: "/other?q=evil" }, settings)).toMatchObject({
      outcome: "block",
      mode: "monitor",
    });
    for (const tricky of [
      "/shop/../other?q=evil",
      "/shop/%2e%2e/other?q=evil",
      "/shop//x?q=evil",
      "/shop/;/x?q=evil",
      "/shop/%252e/x?q=evil",
    ]) {
      expect(inspect(ONE, { target: tricky }, settings)).toMatchObject({ outcome: "block", mode: null });
    }
  });

  test("a shadow rule is recorded and not counted until promoted", () => {
    const pkg = packageOf([{ id: "one", shadow: true, conditions: [evil(["args"])] }], { lists: LISTS });
    expect(inspect(pkg, { target })).toMatchObject({
      outcome: "pass",
      score: 0,
      watched: 5,
      matches: [{ uncounted: "shadow" }],
    });
    expect(inspect(pkg, { target }, { rules: { one: "block" }, paths: [] }).outcome).toBe("block");
  });

  test("paranoia blocks at one level and watches a higher one", () => {
    const pkg = packageOf(
      [1, 2, 3].map((paranoia) => ({ id: `p${paranoia}`, paranoia, conditions: [evil(["args"])] })),
      { lists: LISTS },
    );
    expect(inspect(pkg, { target }).matches.map(({ rule, uncounted }) => [rule, uncounted])).toEqual([
      ["p1", null],
      ["p2", "paranoia"],
    ]);
    const higher = inspect(pkg, { target }, { rules: {}, paths: [], paranoia: { block: 3, watch: 3 } });
    expect(higher).toMatchObject({ score: 15, watched: 15 });
  });

  const exclusion: PackageExclusion = {
    rules: ["one"],
    tags: [],
    paths: ["/shop/**"],
    parameters: [{ variable: "args", entry: "q" }],
    reason: "a reason",
    expires: 1000,
  };
  test.each([
    ["by rule, path and parameter", {}, target, 0, "pass"],
    ["another parameter", {}, "/shop/?r=evil", 0, "block"],
    ["another path", {}, "/other?q=evil", 0, "block"],
    ["a path with tricks", {}, "/shop/../other?q=evil", 0, "block"],
    ["expired", {}, target, 1000, "block"],
    ["by tag", { rules: [], tags: ["bad"] }, target, 0, "pass"],
    ["everywhere", { paths: [] }, "/other?q=evil", 0, "pass"],
    ["of every parameter", { parameters: [] }, "/shop/?r=evil", 0, "pass"],
  ])("an exclusion %s", (_what, change, at, now, outcome) => {
    const pkg = { ...ONE, exclusions: [{ ...exclusion, ...change }] };
    expect(inspect(pkg, { target: at }, NO_OVERRIDES, now).outcome).toBe(outcome);
  });
});

describe("budgets", () => {
  test.each([
    ["head", { headers: [["x", "a".repeat(70_000)]] as const }],
    ["values", { target: `/?${"a&".repeat(5_000)}` }],
    [
      "nesting",
      { method: "POST", headers: [["content-type", "application/json"]] as const, body: "[".repeat(100) },
    ],
  ])("%s: blocks by name", (budget, request) => {
    expect(inspect(ONE, request)).toMatchObject({ outcome: "block", budget });
  });

  test("what was seen before a budget ended is still named", () => {
    expect(inspect(ONE, { target: `/?q=evil&${"a&".repeat(5_000)}` })).toMatchObject({
      budget: "values",
      matches: [{ rule: "one" }],
    });
  });

  test("work: thousands of rules over a long text stop by name", () => {
    const rules = Array.from({ length: 3000 }, (_none, index) => ({
      id: `r${index}`,
      conditions: [condition(["args"], "phrases", { list: 0 })],
    }));
    const verdict = inspect(packageOf(rules, { lists: [["nowhere"]] }), {
      method: "POST",
      body: `a=${"b".repeat(60_000)}`,
      headers: [["content-type", "application/x-www-form-urlencoded"]],
    });
    expect(verdict).toMatchObject({ outcome: "block", budget: "work" });
  });

  test("a body beyond the prefix passes or is rejected, as settings say", () => {
    const request = { method: "POST", body: "hello", bodyComplete: false };
    expect(inspect(ONE, request)).toMatchObject({ outcome: "pass" });
    const settings = { ...DEFAULT_SETTINGS, beyond: "reject" as const };
    expect(inspect({ ...ONE, settings }, request)).toMatchObject({ outcome: "block", budget: "body" });
  });

  test("a bomb", async () => {
    const stream = new Blob(["a".repeat(1_000_000)]).stream().pipeThrough(new CompressionStream("gzip"));
    const body = new Uint8Array(await new Response(stream).arrayBuffer());
    const request = requestOf({ method: "POST", headers: [["content-encoding", "gzip"]], body });
    expect(await createSentinel(ONE).inspectRequest(request, NO_OVERRIDES, 0)).toMatchObject({
      outcome: "block",
      budget: "inflated",
    });
  });
});

test("an exception inside the engine reaches the caller", () => {
  const broken = {
    ...ONE,
    rules: [{ ...ONE.rules[0], conditions: [condition(["args"], "sorcery")] }],
  } as unknown as SentinelPackage;
  expect(() => createSentinel(broken)).toThrow("unknown operator");
});

test("rate rules give keys and touch nothing", () => {
  const rates = [
    {
      id: "login",
      description: "",
      methods: ["POST"],
      paths: ["/login/**"],
      key: [
        { from: "ip" as const, name: "" },
        { from: "cookie" as const, name: "sid" },
      ],
      limit: "RATE_5_60",
      action: "block" as const,
    },
  ];
  const sentinel = createSentinel(packageOf([], { rates }));
  const headers = [["cookie", "a=1; sid=x|y"]] as const;
  const key = { rule: "login", binding: "RATE_5_60", key: "login|203.0.113.7|x%7Cy", action: "block" };
  for (const target of ["/login", "/login/step?x", "/x/../login", "/%6cogin", "//LOGIN"]) {
    expect(sentinel.rateKeys(requestOf({ method: "POST", target, headers }), NO_OVERRIDES)).toEqual([key]);
  }
  expect(sentinel.rateKeys(requestOf({ target: "/login" }), NO_OVERRIDES)).toEqual([]);
  expect(sentinel.rateKeys(requestOf({ method: "POST", target: "/loginx" }), NO_OVERRIDES)).toEqual([]);
});

describe("rate rules", () => {
  const rate = (id: string, path: string, action: "block" | "monitor") => ({
    id,
    description: "",
    methods: [],
    paths: [path],
    key: [{ from: "ip" as const, name: "" }],
    limit: "RATE_5_60",
    action,
  });
  const rates = [
    rate("login", "/account/login", "block"),
    rate("watched", "/Catalog/", "monitor"),
    rate("home", "/", "block"),
  ];
  const sentinel = createSentinel(packageOf([], { rates }));
  const asked = (target: string, rules: SentinelSettings["rules"] = {}) =>
    sentinel
      .rateKeys(requestOf({ target }), { rules, paths: [] })
      .map(({ rule, action }) => `${rule} ${action}`);

  test.each([
    "/account/login/",
    "/account/login%2f",
    "/account/login%2F?x=1",
    "/account/login;x=1",
    "/account;y/login",
    "/account/login%3bx",
    "/account/login%20",
    "/account/login%20/",
    "/../account/login",
    "/account%5clogin",
    "/account/%256cogin",
    "/account/./login//",
  ])("follow the path however it is spelled: %s", (target) => {
    expect(asked(target)).toEqual(["login block"]);
  });

  test("mean other paths no more than before, and fold their own patterns the same way", () => {
    expect(["/account/logins", "/account", "/account/login/x"].flatMap((target) => asked(target))).toEqual(
      [],
    );
    expect(["/catalog", "/CATALOG/", "/"].map((target) => asked(target))).toEqual([
      ["watched monitor"],
      ["watched monitor"],
      ["home block"],
    ]);
  });

  test("are turned off, down and up by operators", () => {
    expect(asked("/account/login", { login: "off" })).toEqual([]);
    expect(asked("/account/login", { login: "monitor" })).toEqual(["login monitor"]);
    expect(asked("/catalog", { watched: "block" })).toEqual(["watched block"]);
    expect(asked("/catalog", { login: "off" })).toEqual(["watched monitor"]);
  });

  test("are asked by what they do in the end", () => {
    const down: SentinelSettings = { rules: { login: "monitor" }, paths: [] };
    expect(sentinel.rateKeys(requestOf({ target: "/account/login" }), down, ["block"])).toEqual([]);
    expect(sentinel.rateKeys(requestOf({ target: "/account/login" }), down, ["monitor"])).toHaveLength(1);
  });
});

test("an override means a rule, a rate rule, a tag or a class of the package", () => {
  const rates = [
    { id: "r-9", description: "", methods: [], paths: ["/"], key: [], limit: "L", action: "block" as const },
  ];
  const pkg = packageOf([{ id: "r-1", class: "sqli", tags: ["db"] }], { rates });
  expect([...overrideKeys(pkg)].toSorted()).toEqual(["r-1", "r-9", "tag:db", "tag:sqli"]);
});

describe("answers", () => {
  const pkg = packageOf(
    [
      { id: "status", phase: 3, conditions: [condition(["response.headers:x-debug"], "present")] },
      { id: "body", phase: 4, conditions: [condition(["response.body"], "contains", { list: 2 })] },
    ],
    { lists: LISTS },
  );
  const head = { method: "GET", target: "/", status: 200, headers: [["content-type", "text/html"]] as const };
  const open = (headers: readonly (readonly [string, string])[] = head.headers) =>
    createSentinel(pkg).inspectResponse({ ...head, headers }, NO_OVERRIDES, 0);
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

  test("are judged by their headers", () => {
    expect(open([["X-Debug", "1"]]).head).toMatchObject({ outcome: "block", score: 5 });
    expect(open().head).toMatchObject({ outcome: "pass" });
  });

  test("are read where they are plain text", () => {
    expect(open().wantsBody).toBe(true);
    expect(open([["content-type", "image/png"]]).wantsBody).toBe(false);
    expect(
      open([
        ["content-type", "text/html"],
        ["content-encoding", "gzip"],
      ]).wantsBody,
    ).toBe(false);
    expect(open([["content-type", "application/problem+json"]]).wantsBody).toBe(true);
  });

  test("leak over the edge of two chunks, once", () => {
    const inspection = open();
    expect(
      ["fine le", "ak it is", "leak"].map((text) => inspection.chunk(bytes(text))?.matches.length ?? 0),
    ).toEqual([0, 1, 0]);
  });

  const stream = (...chunks: string[]): ReadableStream<Uint8Array> =>
    new ReadableStream({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(bytes(chunk));
        controller.close();
      },
    });

  test("a leak in the first chunk is known before anything is sent", async () => {
    const guarded = await guardBody(stream("a leak"), open(), () => "cut");
    expect(guarded.first).toMatchObject({ outcome: "block" });
    await guarded.body.cancel();
  });

  test("a leak in a later chunk cuts the stream, or passes in monitor mode", async () => {
    const cut = await guardBody(stream("fine", " leak"), open(), () => "cut");
    expect(cut.first).toBeNull();
    await expect(new Response(cut.body).text()).rejects.toThrow("cut");
    const seen: string[] = [];
    const passed = await guardBody(stream("fine", " leak", "."), open(), (verdict) => {
      seen.push(...ids(verdict));
      return "pass";
    });
    expect(await new Response(passed.body).text()).toBe("fine leak.");
    expect(seen).toEqual(["body"]);
  });

  test("the first byte does not wait for the second chunk", async () => {
    const never = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(bytes("fine")),
    });
    const { body } = await guardBody(never, open(), () => "cut");
    const { value } = await body.getReader().read();
    expect(new TextDecoder().decode(value)).toBe("fine");
  });
});
