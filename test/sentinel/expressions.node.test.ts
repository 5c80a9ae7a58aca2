import { RegExpParser } from "@eslint-community/regexpp";
import fc from "fast-check";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { vetExpression } from "../../src/sentinel/compile/expressions.ts";
import { requiredLiterals } from "../../src/sentinel/compile/literals.ts";
import { proofCache } from "../../src/sentinel/compile/proofs.ts";
import { measureSteps } from "../../src/sentinel/compile/steps.ts";
import { createSentinel, NO_OVERRIDES } from "../../src/sentinel/index.ts";
import { condition, packageOf, requestOf } from "./support.ts";

const parser = new RegExpParser();
const literals = (source: string, ignoreCase = true): readonly string[] | null =>
  requiredLiterals(parser.parsePattern(source), ignoreCase);

describe("literals of an expression", () => {
  test.each([
    ["union\\s{1,9}select", ["select"]],
    ["(?:foo|barn)x", ["foox", "barnx"]],
    ["a?bc", ["bc"]],
    ["(?:cat|id)[ \\t]\\w", ["cat ", "cat\t", "id ", "id\t"]],
    ["ab(?:c.|d\\w)", ["abc", "abd"]],
    ["(?:.c|\\wd)ef", ["cef", "def"]],
    [
      "(?:php\\d?|sh)=x",
      ["php=x", "php0=x", ...Array.from({ length: 9 }, (_none, digit) => `php${digit + 1}=x`), "sh=x"],
    ],
    ["(?:bar|rebar|crowbars)\\w", ["bar"]],
    ["[ab]cd", ["acd", "bcd"]],
    ["ab{2}c", ["abbc"]],
    ["(?:ab)+", ["ab"]],
    ["x|", null],
    [".*", null],
    ["\\d{3}", null],
    ["\\bWORD\\b", ["word"]],
    ["(?=ab)c", ["c"]],
    ["\xe9abc", ["\xc9abc", "\xe9abc"]],
    ["[\xc0\xc1][./]", ["\xc0.", "\xc0/", "\xc1.", "\xc1/", "\xe0.", "\xe0/", "\xe1.", "\xe1/"]],
    ["\xdf\xb5\xd7", ["\xdf\xb5\xd7"]],
    ["a[^x]b{0,3}cd", ["cd"]],
  ])("%s", (source, expected) => {
    const found = literals(source);
    expect(found === null ? null : found.toSorted()).toEqual(expected === null ? null : expected.toSorted());
  });

  test("whatever matches contains one of them", () => {
    const atom = fc.constantFrom(
      "a",
      "b",
      "cd",
      "[ab]",
      "[^a]",
      ".",
      "\\d",
      "\\s",
      "(?:ab|c)",
      "(?:x|yz|)",
      "\\bq",
      "\\.",
      "(?!z)w",
      "\\xc0",
      "[\\xe1\\xdf]",
      "[\\xb5\\xff]",
    );
    const quantifier = fc.constantFrom("", "", "", "?", "{2}", "{0,2}", "+", "*", "{1,3}?");
    const sequence = fc
      .array(fc.tuple(atom, quantifier), { minLength: 1, maxLength: 5 })
      .map((parts) =>
        parts
          .map(
            (pair) => (pair[0].length > 1 && !/^[[(\\]/.test(pair[0]) ? `(?:${pair[0]})` : pair[0]) + pair[1],
          )
          .join(""),
      );
    const expression = fc.array(sequence, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("|"));
    const text = fc.string({
      unit: fc.constantFrom(
        "a",
        "B",
        "c",
        "d",
        "x",
        "y",
        "z",
        "q",
        "w",
        ".",
        " ",
        "1",
        ..."\xc0\xe0\xc1\xe1\xdf\xb5\xff".split(""),
      ),
      maxLength: 12,
    });
    let matches = 0;
    fc.assert(
      fc.property(expression, text, fc.boolean(), (source, value, ignoreCase) => {
        const found = literals(source, ignoreCase);
        if (found === null || !new RegExp(source, ignoreCase ? "is" : "s").test(value)) return;
        matches++;
        // As the automaton folds: ASCII alone.
        const folded = value.replace(/[A-Z]/g, (char) => char.toLowerCase());
        expect(found.some((literal) => folded.includes(literal))).toBe(true);
      }),
      { numRuns: 6000 },
    );
    expect(matches).toBeGreaterThan(200);
  });
});

describe("vetting", () => {
  const cache = proofCache(join(mkdtempSync(join(tmpdir(), "proofs-")), "proofs.json"));
  const engine = (source: string): string => {
    const vetted = vetExpression(source, "is", cache);
    return "message" in vetted ? "refused" : vetted.expression.engine;
  };

  test.each([
    ["bounded and cheap", "union\\s{1,20}select", "native"],
    ["proven linear", "union\\s+select", "native"],
    ["quadratic", "\\s+$", "re2"],
    ["bounded and dear", "(?:a{0,40}){0,20}b", "re2"],
    ["exponential", "(a+)+$", "re2"],
    ["exponential with lookaround", "(?=a)(a+)+$", "refused"],
    ["quadratic with lookbehind", "(?<!x)a+b", "native or short or refused"],
    ["a back-reference", "(a|b)\\1", "native or short or refused"],
    ["no expression", "(", "refused"],
  ])("%s: %s", (_what, source, expected) => {
    expect(expected.split(" or ")).toContain(engine(source));
  });

  test("steps are counted the same way every time, and grow with what is nested", () => {
    const steps = (source: string): number => measureSteps(parser.parsePattern(source), true).stepsPerChar;
    expect(steps("abc")).toBeLessThanOrEqual(4);
    expect(steps("a.{0,40}b.{0,40}c")).toBeGreaterThan(200);
    expect(steps("x\\w{0,9}y")).toBe(steps("x\\w{0,9}y"));
  });

  test("an anchored expression is tried at the first start alone", () => {
    const steps = (source: string): number => measureSteps(parser.parsePattern(source), true).stepsPerChar;
    expect(steps("^\\s{0,90}x|^\\s?y")).toBe(0);
    expect(steps("^\\s{0,90}x|\\s{0,90}y")).toBeGreaterThan(20);
  });
});

describe("long texts are looked at around literals", () => {
  const expressions = [
    "evil\\d{1,3}x",
    "^evil\\b",
    "evil$",
    "\\bevil\\b",
    "(?<!no )evil(?! twin)",
    "[ab]{0,20}evil|vile.{0,30}end",
    "evil.{0,900}z",
  ];

  test.each(expressions)("%s: as if they were looked at as a whole", (source) => {
    const vetted = vetExpression(
      source,
      "is",
      proofCache(join(mkdtempSync(join(tmpdir(), "proofs-")), "proofs.json")),
    );
    if ("message" in vetted) throw new Error(vetted.message);
    expect(vetted.expression.span).toBeGreaterThan(0);
    const required = (vetted.literals ?? []).map((literal) => literal.slice(0, 10));
    const pkg = packageOf(
      [
        {
          id: "one",
          conditions: [
            {
              ...condition(["args"], "rx", { literals: required.map((_literal, index) => index) }),
              operator: { name: "rx", negate: false, expression: 0 },
            },
          ],
        },
      ],
      { expressions: [vetted.expression], literals: required },
    );
    const sentinel = createSentinel(pkg);
    const whole = new RegExp(source, "is");
    const piece = fc.constantFrom(
      "evil",
      "vile",
      "evil12x",
      "no evil",
      "evil twin",
      " ",
      "a",
      "bb",
      "z",
      "end",
      "x".repeat(300),
      "y ".repeat(400),
    );
    let long = 0;
    let matched = 0;
    fc.assert(
      fc.property(fc.array(piece, { minLength: 3, maxLength: 60, size: "max" }), (pieces) => {
        const text = pieces.join("");
        if (text.length >= 2048) long++;
        const verdict = sentinel.inspectRequest(
          requestOf({ target: `/?q=${encodeURIComponent(text)}` }),
          NO_OVERRIDES,
          0,
        );
        if (verdict instanceof Promise) throw new Error("not synchronous");
        const expected = whole.test(text);
        if (expected) matched++;
        expect(verdict.matches.length === 1).toBe(expected);
      }),
      { numRuns: 400, seed: 5 },
    );
    expect(long).toBeGreaterThan(100);
    expect(matched).toBeGreaterThan(5);
  });
});
