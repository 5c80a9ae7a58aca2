import fc from "fast-check";
import { expect, test } from "vitest";
import { Automaton } from "../../src/sentinel/engine/automaton.ts";
import { longRuns, QUOTE, signatureOf } from "../../src/sentinel/engine/signature.ts";

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

test("of a vocabulary is told what the words that occur stand for together", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "'"), minLength: 1, maxLength: 3 });
  const bits = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  const meaning = fc.record({ signs: bits, upper: bits, lower: bits });
  const words = fc.uniqueArray(fc.tuple(word, meaning), { maxLength: 8, selector: ([text]) => text });
  const literals = fc.uniqueArray(word, { maxLength: 4 });
  const text = fc.string({ unit: fc.constantFrom("a", "B", "b", "'", " "), maxLength: 30 });
  fc.assert(
    fc.property(literals, words, text, (others, vocabulary, value) => {
      const found = vocabulary.filter(([one]) => value.toLowerCase().includes(one)).map(([, one]) => one);
      const union = (of: "signs" | "upper" | "lower"): number => found.reduce((all, one) => all | one[of], 0);
      const scan = new Automaton(others, new Map(vocabulary)).scan(value);
      expect(scan).toMatchObject({ signs: union("signs"), upper: union("upper"), lower: union("lower") });
      expect(scan.hits).toEqual(new Automaton(others).scan(value).hits);
    }),
    { numRuns: 1000 },
  );
});

test("what more than one char is of is told", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("'", '"', "/", " ", "a"), maxLength: 4 }), (value) => {
      const { repeated } = new Automaton([]).scan(value);
      expect((repeated & QUOTE) !== 0).toBe((value.match(/['"]/g)?.length ?? 0) > 1);
    }),
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
