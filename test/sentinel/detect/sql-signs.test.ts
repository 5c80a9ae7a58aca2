import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { codeOf, type Kinds, meets, overlap } from "../../../src/sentinel/detect/sql-kinds.ts";
import {
  AFTER_NUMBER,
  AFTER_QUOTE,
  AFTER_SHORT_QUOTE,
  ANYWHERE,
  HEADS_AFTER_NUMBER,
  HEADS_AFTER_QUOTE,
} from "../../../src/sentinel/detect/sql-signs.ts";
import { SqlTokens } from "../../../src/sentinel/detect/sql-tokens.ts";

function tokensOf(kinds: string): SqlTokens {
  const tokens = new SqlTokens();
  tokens.clear(kinds.length);
  for (const kind of kinds) tokens.add(codeOf(kind));
  return tokens;
}

/** Strings of tokens made of what is written in an expression; most of them match, those that a look-around forbids do not. */
function matching({ source }: RegExp): fc.Arbitrary<string> {
  return fc.stringMatching(new RegExp(source.replaceAll(/\(\?<?![^)]+?\)?\)/g, "")), { size: "-1" });
}

describe("what signs need", () => {
  it("is in every string of tokens that a sign matches", () => {
    let seen = 0;
    for (const { name, needs, expression } of ANYWHERE) {
      fc.assert(
        fc.property(matching(expression), (kinds) => {
          if (!expression.test(kinds)) return;
          seen++;
          const tokens: Kinds = tokensOf(kinds);
          expect(meets(tokens, needs) && overlap(tokens, needs.telling), `${name}: ${kinds}`).toBe(true);
        }),
        { numRuns: 60 },
      );
    }
    expect(seen).toBeGreaterThan(ANYWHERE.length * 30);
  });

  it("begins with one of the heads where a sign stands at the beginning", () => {
    let seen = 0;
    for (const [signs, heads] of [
      [AFTER_NUMBER, HEADS_AFTER_NUMBER],
      [AFTER_QUOTE, HEADS_AFTER_QUOTE],
      [AFTER_SHORT_QUOTE, HEADS_AFTER_QUOTE],
    ] as const) {
      for (const { name, expression } of signs) {
        fc.assert(
          fc.property(matching(expression), (kinds) => {
            if (!expression.test(kinds)) return;
            seen++;
            expect(heads.has(codeOf(kinds.replace(/^\)+/, ""))), `${name}: ${kinds}`).toBe(true);
          }),
          { numRuns: 60 },
        );
      }
    }
    expect(seen).toBeGreaterThan(1_000);
  });
});
