import fc from "fast-check";
import { expect, test } from "vitest";
import { formPairs } from "../../src/sentinel/bodies/urlencoded.ts";
import { percentDecode } from "../../src/sentinel/transformations/percent.ts";

/** Pair by pair, as WHATWG URL, 5.1 has it. */
function divided(form: string): [string, string][] {
  const decode = (text: string): string => percentDecode(text.replaceAll("+", " "));
  return form.split("&").flatMap((pair): [string, string][] => {
    if (pair === "") return [];
    const [name = "", ...rest] = pair.split("=");
    return [[decode(name), decode(rest.join("="))]];
  });
}

const pieces = fc.constantFrom(..."& = + % a 4 1 %41 %3d %26 %2B %25 %zz %4 %80 %9f \x80 \xe9".split(" "));

test("a form decoded in one pass has the pairs that it has divided first", () => {
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 24 }), (parts) => {
      const form = parts.join("");
      expect(formPairs(form)).toEqual(divided(form));
    }),
    { numRuns: 3_000 },
  );
});

test("a long form as well, and one after it", () => {
  const long = "name=a+value%21&".repeat(1_000);
  for (const form of [long, "a=b", long]) expect(formPairs(form)).toEqual(divided(form));
});
