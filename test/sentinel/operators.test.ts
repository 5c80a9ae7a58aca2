import { describe, expect, test } from "vitest";
import { createOperator, OPERATORS } from "../../src/sentinel/operators/index.ts";
import type { PackageOperator } from "../../src/sentinel/package.ts";
import { packageOf } from "./support.ts";

interface Case {
  readonly name: string;
  readonly argument?: string | number | readonly string[];
  readonly yes: readonly string[];
  readonly no: readonly string[];
}

const CASES: readonly Case[] = [
  { name: "rx", argument: "a.b", yes: ["xA\nBx"], no: ["ab"] },
  { name: "rx-case", argument: "a.b", yes: ["a-b"], no: ["A-B"] },
  {
    name: "phrases",
    argument: ["Drop Table", "a phrase that is longer than any literal is"],
    yes: ["x DROP TABLE y", "... A phrase that is longer than any literal is ..."],
    no: ["drop the table", "a phrase that is longer than any literal was", "\xe9 a phrase"],
  },
  { name: "words", argument: ["or"], yes: ["1 OR 1", "or"], no: ["order", "for", "_or_"] },
  { name: "contains", argument: ["../"], yes: ["a/../b"], no: ["a/..b"] },
  { name: "equals", argument: ["TRACE"], yes: ["TRACE"], no: ["trace", "TRACE "] },
  { name: "begins-with", argument: ["http:"], yes: ["http://x"], no: ["xhttp:"] },
  { name: "ends-with", argument: [".php", ".bak"], yes: ["a.bak"], no: ["a.bak?"] },
  { name: "within", argument: ["GET", "HEAD"], yes: ["get"], no: ["G", "GETHEAD"] },
  { name: "eq", argument: 2, yes: ["2", " 2.0 "], no: ["3", "two"] },
  { name: "gt", argument: 2, yes: ["3"], no: ["2", "x"] },
  { name: "ge", argument: 2, yes: ["2"], no: ["1"] },
  { name: "lt", argument: 2, yes: ["1", "no number is 0"], no: ["2"] },
  { name: "le", argument: 2, yes: ["2"], no: ["3"] },
  {
    name: "ip",
    argument: ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"],
    yes: ["10.1.2.3", "2001:db8:1::1", "192.0.2.7", "::ffff:10.0.0.1"],
    no: ["11.0.0.1", "2001:db9::1", "192.0.2.8", "010.0.0.1", "nonsense", ""],
  },
  { name: "bytes-outside", argument: ["9", "32-126"], yes: ["a\0b", "\xff"], no: ["a\tb ~"] },
  { name: "bad-percent", yes: ["100%", "%zz", "%4"], no: ["%41", "a"] },
  {
    name: "bad-utf8",
    yes: ["\xc0\xaf", "\xed\xa0\x80", "a\x80", "\xe2\x82", "\xf5\x80\x80\x80"],
    no: ["\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x91\x9f", "a"],
  },
  {
    name: "card-number",
    yes: ["card 4111 1111 1111 1111.", "5555555555554444", "3782-822463-10005"],
    no: ["4111111111111112", "1234567890123452", "0004111111111111111100"],
  },
  { name: "command", yes: ["x;c''at /etc/passwd"], no: ["rock'n'roll; cat"] },
  { name: "sqli", yes: ["1' or '1'='1"], no: ["o'brien"] },
  { name: "xss", yes: ["<svg onload=alert(1)>"], no: ["a < b"] },
  { name: "present", yes: ["", "a"], no: [] },
];

function operatorOf({ name, argument }: Case, negate: boolean): ReturnType<typeof createOperator> {
  const operator: PackageOperator = {
    name,
    negate,
    ...(typeof argument === "string" ? { expression: 0 } : {}),
    ...(typeof argument === "number" ? { number: argument } : {}),
    ...(typeof argument === "object" ? { list: 0 } : {}),
  };
  const flags = name === "rx" ? "is" : "s";
  return createOperator(
    operator,
    packageOf([], {
      expressions: [
        {
          source: String(argument),
          flags,
          engine: "native",
          limit: 0,
          weight: 1,
          worst: 1,
          burst: 1,
          span: 0,
        },
      ],
      lists: [typeof argument === "object" ? argument : []],
    }),
  );
}

describe("operators", () => {
  test("each has a case", () =>
    expect(CASES.map(({ name }) => name).toSorted()).toEqual([...OPERATORS.keys()].toSorted()));

  test.each(CASES)("$name", (entry) => {
    const operator = operatorOf(entry, false);
    const opposite = operatorOf(entry, true);
    for (const text of entry.yes) {
      expect(operator.test(text), text).toBe(true);
      expect(opposite.test(text), text).toBe(false);
      expect(typeof operator.excerpt(text)).toBe("string");
    }
    for (const text of entry.no) expect(operator.test(text), text).toBe(false);
  });

  test.each(["re2", "native", "short"] as const)("an expression on the %s engine", (engine) => {
    const expressions = [
      {
        source: "(?:un|\\x75n)ion\\s{1,3}select",
        flags: "is",
        engine,
        limit: 20,
        weight: 1,
        worst: 1,
        burst: 1,
        span: 0,
      },
    ];
    const operator = createOperator(
      { name: "rx", negate: false, expression: 0 },
      packageOf([], { expressions }),
    );
    expect(operator.test("1 UNION\nSELECT")).toBe(true);
    expect(operator.excerpt("1 UNION\nSELECT 2")).toBe("UNION\nSELECT");
    expect(operator.test("reunion selected"), "no space").toBe(true);
    expect(operator.test("unionselect")).toBe(false);
    expect(operator.test(`${"x".repeat(20)}union select`)).toBe(engine !== "short");
  });

  test("an operator this engine does not have is refused", () => {
    expect(() => createOperator({ name: "psychic", negate: false }, packageOf([]))).toThrow(
      "unknown operator psychic",
    );
  });
});
