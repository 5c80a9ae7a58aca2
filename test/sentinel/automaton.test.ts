import fc from "fast-check";
import { expect, test } from "vitest";
import { Automaton } from "../../src/sentinel/engine/automaton.ts";
import { longRuns, signatureOf } from "../../src/sentinel/engine/signature.ts";

test("the automaton finds exactly the literals that occur, ignoring case, each once", () => {
  const literal = fc.string({
    unit: fc.constantFrom("a", "b", "c", "'", "\xe9"),
    minLength: 1,
    maxLength: 4,
  });
  const text = fc.string({ unit: fc.constantFrom("a", "B", "c", "A", "'", "\xe9", " "), maxLength: 60 });
  fc.assert(
    fc.property(fc.uniqueArray(literal, { maxLength: 12 }), text, (literals, value) => {
      const folded = value.replace(/[A-Z]/g, (char) => char.toLowerCase());
      const expected = literals.flatMap((one, index) => (folded.includes(one) ? [index] : []));
      const { hits, signature } = new Automaton(literals).scan(value);
      expect([...hits].toSorted((a, b) => a - b)).toEqual(expected);
      expect(signature).toBe(signatureOf(value));
    }),
    { numRuns: 1000 },
  );
});

test("long runs are found wherever they stand", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "Z", "9", "+", " ", "."), maxLength: 80 });
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 16 }), (value, length) => {
      const all = [...value.matchAll(new RegExp(`[A-Za-z0-9+/_-]{${length},}`, "g"))].map(([run]) => run);
      expect(longRuns(value, length, 3)).toEqual(all.slice(0, 3));
    }),
    { numRuns: 1000 },
  );
});
