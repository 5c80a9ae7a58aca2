import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { keysAt, nearest, respelled } from "../../src/authoring/spelling.ts";

const NAMES = ["args", "args.names", "headers", "lowercase", "compress-whitespace", "severity", "rx"];

describe("the name that was meant", () => {
  it.each([
    ["arg", "args"],
    ["arsg", "args"],
    ["arg_names", "args.names"],
    ["header", "headers"],
    ["lower-case", "lowercase"],
    ["compressWhitespace", "compress-whitespace"],
    ["severty", "severity"],
    ["regex", undefined],
    ["x", undefined],
    ["", undefined],
    ["cookies", undefined],
    ["a".repeat(10_000), undefined],
  ])("%s: %s", (word, meant) => expect(nearest(word, NAMES)).toBe(meant));

  it("is the name itself where there is one, and always one of those known", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1 }), { minLength: 1 }), fc.string(), (names, word) => {
        const found = nearest(word, names);
        expect(found === undefined || names.includes(found)).toBe(true);
        const [first = ""] = names;
        expect(nearest(first, [first])).toBe(first);
      }),
    );
  });

  it("is told with the other ways out", () => {
    expect(respelled("arg", ["args", "body"])).toBe("did you mean args? Otherwise use one of args, body");
    expect(respelled("zebra", ["args", "body"])).toBe("use one of args, body");
    expect(respelled("zebra", ["args"], "remove it")).toBe("remove it");
  });
});

describe("keys of a schema", () => {
  const schema = z.strictObject({
    limits: z.strictObject({ body: z.int() }).optional(),
    rules: z.array(
      z.union([z.string(), z.strictObject({ id: z.string() }), z.strictObject({ name: z.string() })]),
    ),
    named: z.record(z.string(), z.strictObject({ one: z.string().transform(String) })).default({}),
  });

  it.each<[PropertyKey[], string[]]>([
    [[], ["limits", "rules", "named"]],
    [["limits"], ["body"]],
    [
      ["rules", 7],
      ["id", "name"],
    ],
    [["named", "x"], ["one"]],
    [["named", "x", "one"], []],
    [["nowhere"], []],
    [["constructor"], []],
  ])("at %j", (path, keys) => expect(keysAt(schema, path)).toEqual(keys));
});
