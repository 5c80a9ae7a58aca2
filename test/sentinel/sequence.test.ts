import { describe, expect, test } from "vitest";
import {
  createSentinel,
  NO_OVERRIDES,
  type SentinelSettings,
  type Verdict,
} from "../../src/sentinel/index.ts";
import type {
  PackageCondition,
  PackageEffect,
  PackageExpression,
  PackageRule,
  PackageTemplate,
  SentinelPackage,
} from "../../src/sentinel/package.ts";
import { condition, ids, packageOf, requestOf } from "./support.ts";

/** The sequence's semantics, in the intermediate form as a front end for SecLang would make it. */
type Rule = Partial<PackageRule> & { readonly id: string };

const tx = (entry: string): PackageTemplate[number] => ({ variable: "tx", entry });
const set = (name: string, ...value: PackageTemplate): PackageEffect => ({ do: "set", name: [name], value });
const add = (name: string, value: string): PackageEffect => ({
  do: "set",
  name: [name],
  value: [value],
  by: "add",
});

/** SecAction: a condition that always holds. */
const always = (...effects: PackageEffect[]): PackageCondition =>
  condition(["method"], "present", { peel: false, effects });

/** A rule that is recorded where the entry of `tx` is this text. */
const tells = (id: string, entry: string, text: string, rest: Partial<PackageRule> = {}): Rule => ({
  id,
  action: "pass",
  conditions: [
    {
      ...condition([`tx:${entry}`], "equals", { peel: false }),
      operator: { name: "equals", negate: false, templates: [[text]] },
    },
  ],
  ...rest,
});

function expression(source: string): PackageExpression {
  return { source, flags: "s", engine: "native", limit: 0, weight: 1, worst: 1, burst: 1, span: 0 };
}

function sequence(rules: readonly Rule[], parts: Partial<SentinelPackage> = {}): SentinelPackage {
  return packageOf(
    rules.map((rule) => ({ ...rule, sequenced: true as const })),
    parts,
  );
}

function inspect(
  pkg: SentinelPackage,
  request: Parameters<typeof requestOf>[0] = {},
  settings: SentinelSettings = NO_OVERRIDES,
): Verdict {
  const verdict = createSentinel(pkg).inspectRequest(requestOf(request), settings, 0);
  if (verdict instanceof Promise) throw new Error("not synchronous");
  return verdict;
}

const ARGS = { target: "/?a=evil&b=fine&c=evil" };
const LISTS = { lists: [["evil"]] };
const evil = (rest: Parameters<typeof condition>[2] = {}): PackageCondition =>
  condition(["args"], "contains", { list: 0, peel: false, ...rest });

describe("a sequence", () => {
  test("runs in order, phase by phase", () => {
    const pkg = sequence([
      tells("late", "state", "two", { phase: 2 }),
      { id: "second", phase: 2, action: "pass", conditions: [always(set("state", "three"))] },
      { id: "first", phase: 1, action: "pass", conditions: [always(set("state", "two"))] },
      tells("early", "state", "two", { phase: 1 }),
      tells("last", "state", "three", { phase: 2 }),
    ]);
    expect(ids(inspect(pkg))).toEqual(["late", "second", "first", "early", "last"]);
  });

  test("adds, subtracts and unsets variables, once for each value that matched", () => {
    const pkg = sequence(
      [
        { id: "start", action: "pass", conditions: [always(set("Score", "10"), set("gone", "x"))] },
        { id: "hits", action: "pass", conditions: [evil({ effects: [add("score", "5")] })] },
        {
          id: "less",
          action: "pass",
          conditions: [
            always(
              { do: "set", name: ["score"], value: ["1"], by: "subtract" },
              { do: "unset", name: ["GONE"] },
            ),
          ],
        },
        tells("nineteen", "score", "19"),
        { id: "unset", action: "pass", conditions: [condition(["#tx:gone"], "eq", { number: 0 })] },
        tells("still-there", "gone", "x"),
      ],
      LISTS,
    );
    expect(ids(inspect(pkg, ARGS))).toEqual(["start", "hits", "less", "nineteen", "unset"]);
  });

  test("blocks by a score that its rules keep, against a threshold that is a variable", () => {
    const pkg = sequence(
      [
        { id: "setup", phase: 1, action: "pass", conditions: [always(set("threshold", "10"))] },
        { id: "hits", action: "pass", conditions: [evil({ effects: [add("score", "5")] })] },
        {
          id: "evaluation",
          action: "block",
          score: 0,
          conditions: [
            {
              ...condition(["tx:score"], "ge", { peel: false }),
              operator: { name: "ge", negate: false, templates: [[tx("threshold")]] },
            },
          ],
        },
        { id: "behind", action: "pass", conditions: [always()] },
      ],
      LISTS,
    );
    expect(inspect(pkg, { target: "/?a=evil" })).toMatchObject({ outcome: "pass", score: 0 });
    const verdict = inspect(pkg, ARGS);
    expect(verdict.outcome).toBe("block");
    expect(ids(verdict)).toEqual(["setup", "hits", "evaluation"]);
  });

  test("does what the first link of a chain says though the second does not hold", () => {
    const pkg = sequence(
      [
        {
          id: "chain",
          conditions: [
            evil({ effects: [add("first", "1")] }),
            condition(["method"], "equals", { list: 1, effects: [set("second", "1")] }),
          ],
        },
        tells("first", "first", "2"),
        { id: "second", action: "pass", conditions: [condition(["#tx:second"], "gt", { number: 0 })] },
      ],
      { lists: [["evil"], ["POST"]] },
    );
    expect(ids(inspect(pkg, ARGS))).toEqual(["first"]);
    expect(ids(inspect(pkg, { ...ARGS, method: "POST" }))).toEqual(["chain", "first", "second"]);
  });

  test("captures groups, and forgets those that took no part", () => {
    const pkg = sequence(
      [
        {
          id: "capture",
          action: "pass",
          conditions: [
            {
              ...condition(["args:a", "args:b"], "rx", { peel: false, capture: true }),
              operator: { name: "rx", negate: false, expression: 0 },
            },
          ],
        },
        tells("whole", "0", "x=1"),
        tells("first", "1", "x"),
        { id: "no-second", action: "pass", conditions: [condition(["#tx:2"], "eq", { number: 0 })] },
      ],
      { expressions: [expression("(\\w)=\\d(;)?")] },
    );
    expect(ids(inspect(pkg, { target: "/?a=y%3D2%3B&b=x%3D1" }))).toEqual([
      "capture",
      "whole",
      "first",
      "no-second",
    ]);
  });

  test("knows what matched: all of it, and the last", () => {
    const pkg = sequence(
      [
        {
          id: "hits",
          action: "pass",
          conditions: [
            evil({
              effects: [
                {
                  do: "set",
                  name: ["seen-", { variable: "matched.last.name" }],
                  value: [{ variable: "matched.last" }],
                },
              ],
            }),
            condition(["#matched"], "eq", { number: 2, effects: [set("both", "1")] }),
          ],
        },
        tells("a", "seen-args.query:a", "evil"),
        tells("both", "both", "1"),
        {
          id: "by-expression",
          action: "pass",
          conditions: [
            {
              ...condition([], "eq", { number: 2, peel: false }),
              targets: [{ variable: "tx", pattern: 0, count: true }],
            },
          ],
        },
      ],
      { ...LISTS, expressions: [expression("^seen-")] },
    );
    expect(ids(inspect(pkg, ARGS))).toEqual(["hits", "a", "both", "by-expression"]);
  });

  test("asks after every step of a chain where it should (multiMatch)", () => {
    const rules = (every: boolean): Rule[] => [
      {
        id: "steps",
        action: "pass",
        conditions: [
          evil({
            transforms: ["percent-decode", "remove-whitespace"],
            effects: [add("times", "1")],
            ...(every ? { every: true as const } : {}),
          }),
        ],
      },
      tells("twice", "times", "2"),
    ];
    const target = "/?q=%2565vil+%2541x";
    expect(ids(inspect(sequence(rules(true), LISTS), { target }))).toEqual(["steps", "twice"]);
    expect(ids(inspect(sequence(rules(false), LISTS), { target }))).toEqual(["steps"]);
  });

  test.each([
    ["to a rule", 3, ["skips", "three", "head", "body"]],
    ["to the end of the phase", "phase", ["skips", "body"]],
    ["to the end of the request", "request", ["skips"]],
    ["to the end of it all", "all", ["skips"]],
  ] as const)("skips %s", (_where, skip, expected) => {
    const pkg = sequence([
      { id: "skips", phase: 1, action: "pass", skip, conditions: [always()] },
      { id: "one", phase: 1, action: "pass", conditions: [always()] },
      { id: "two", phase: 1, action: "pass", conditions: [always()] },
      { id: "three", phase: 1, action: "pass", conditions: [always()] },
      { id: "head", phase: 1, action: "pass", conditions: [always()] },
      { id: "body", phase: 2, action: "pass", conditions: [always()] },
    ]);
    expect(ids(inspect(pkg))).toEqual(expected);
  });

  test("takes rules, or their targets, out for the rest of the request", () => {
    const pkg = sequence(
      [
        {
          id: "ctl",
          phase: 1,
          action: "pass",
          conditions: [
            always(
              { do: "remove-rules", rules: [1] },
              { do: "remove-targets", rules: [2], targets: [{ variable: "args", entry: "a" }] },
            ),
          ],
        },
        { id: "removed", conditions: [evil()] },
        { id: "without-a", conditions: [evil()] },
      ],
      LISTS,
    );
    expect(ids(inspect(pkg, { target: "/?a=evil" }))).toEqual(["ctl"]);
    expect(inspect(pkg, ARGS).matches).toMatchObject([
      { rule: "ctl" },
      { rule: "without-a", where: "args.query:c" },
    ]);
    expect(ids(inspect(pkg, { target: "/?a=evil" })), "for that request alone").toEqual(["ctl"]);
  });

  test("reads a body as a rule says", () => {
    const pkg = (as: "json" | "text"): SentinelPackage =>
      sequence(
        [
          { id: "ctl", phase: 1, action: "pass", conditions: [always({ do: "read-body", as })] },
          { id: "leaf", conditions: [condition(["args:a"], "contains", { list: 0, peel: false })] },
          { id: "whole", conditions: [condition(["body"], "contains", { list: 1, peel: false })] },
        ],
        { lists: [["evil"], ['{"a"']] },
      );
    const request = {
      method: "POST",
      headers: [["content-type", "application/x-www-form-urlencoded"]],
      body: '{"a": "evil"}',
    } as const;
    expect(ids(inspect(pkg("json"), request))).toEqual(["ctl", "leaf", "whole"]);
    expect(ids(inspect(pkg("text"), request))).toEqual(["ctl", "leaf", "whole"]);
    const form = { ...request, body: "b=1&a=evil" };
    expect(ids(inspect(pkg("text"), form))).toEqual(["ctl"]);
  });

  test("keeps what was found out of the record where a rule says so", () => {
    const pkg = sequence(
      [
        { id: "ctl", phase: 1, action: "pass", conditions: [always({ do: "audit", excerpts: false })] },
        { id: "hit", conditions: [evil()] },
      ],
      LISTS,
    );
    expect(inspect(pkg, ARGS).matches.map(({ excerpt }) => excerpt)).toEqual(["", ""]);
  });

  test("does not run what an operator switched off", () => {
    const pkg = sequence([{ id: "hit", conditions: [evil()] }], LISTS);
    expect(inspect(pkg, ARGS).outcome).toBe("block");
    const off: SentinelSettings = { ...NO_OVERRIDES, rules: { hit: "off" } };
    expect(inspect(pkg, ARGS, off)).toMatchObject({ outcome: "pass", matches: [] });
  });

  test("runs beside rules that stand for themselves", () => {
    const pkg = packageOf(
      [
        { id: "ordered", sequenced: true, action: "pass", conditions: [evil()] },
        { id: "free", conditions: [evil()] },
      ],
      LISTS,
    );
    expect(inspect(pkg, ARGS)).toMatchObject({ outcome: "block", score: 5, watched: 5 });
    expect(ids(inspect(pkg, ARGS))).toEqual(["ordered", "free"]);
  });

  test("a rule file gone wrong meets a budget, no exception", () => {
    const pkg = sequence([
      {
        id: "grows",
        action: "pass",
        conditions: [
          condition(["args.names"], "present", {
            peel: false,
            effects: [{ do: "set", name: [{ variable: "matched.last" }], value: ["1"] }],
          }),
        ],
      },
    ]);
    const target = `/?${Array.from({ length: 1_900 }, (_none, at) => `n${at}`).join("&")}`;
    expect(inspect(pkg, { target }).budget).toBe(null);
    const more = `/?${Array.from({ length: 1_900 }, (_none, at) => `n${at}&m${at}`).join("&")}`;
    expect(inspect(pkg, { target: more }).budget).toBe("values");
  });
});

describe("a sequence over an answer", () => {
  const pkg = sequence(
    [
      { id: "setup", phase: 1, action: "pass", conditions: [always(set("path", "shop"))] },
      tells("head", "path", "shop", { phase: 3 }),
      {
        id: "leak",
        phase: 4,
        action: "pass",
        conditions: [condition(["response.body"], "contains", { list: 0, effects: [add("leaks", "1")] })],
      },
      tells("one", "leaks", "1", { phase: 4 }),
      tells("two", "leaks", "2", { phase: 4 }),
    ],
    LISTS,
  );

  test("remembers what its request left behind, and counts no window twice", () => {
    const sentinel = createSentinel(pkg);
    const asked = inspect(pkg);
    const head = {
      method: "GET",
      target: "/",
      status: 200,
      headers: [["content-type", "text/html"]],
    } as const;
    const inspection = sentinel.inspectResponse(head, NO_OVERRIDES, 0, asked);
    expect(ids(inspection.head)).toEqual(["head"]);
    const bytes = new TextEncoder().encode("an evil word");
    expect(inspection.chunk(bytes)?.matches.map(({ rule }) => rule)).toEqual(["leak", "one"]);
    expect(inspection.chunk(bytes)).toBe(null);
    const alone = sentinel.inspectResponse(head, NO_OVERRIDES, 0);
    expect(ids(alone.head)).toEqual([]);
  });
});
