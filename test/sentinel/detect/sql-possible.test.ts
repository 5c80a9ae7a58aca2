import fc from "fast-check";
import { expect, test } from "vitest";
import { possibleKinds } from "../../../src/sentinel/detect/sql-possible.ts";
import { readSql } from "../../../src/sentinel/detect/sql-reader.ts";
import { see } from "../../../src/sentinel/detect/vocabulary.ts";
import { CALLED, PREFIXES, WORDS } from "../../../src/sentinel/detect/sql-words.ts";

const PIECES = [
  ...WORDS.keys(),
  ...CALLED.keys(),
  ...PREFIXES.map(([prefix]) => prefix),
  ..."' \" ` [ ] ( ) , ; @ @@version # -- /* */ /*!50000 = < > ! != ~ : := :: | || & && \\N \\ . .5 1 0x4142 0x4142434445 1e5 n' {x } % ^ + * ? \n \xa0 \xc2\xa0 \xe9 _ $ xp_cmdshell master..xp_dirtree [mysql]. information_schema.tables v$version 1or1".split(
    " ",
  ),
  " ",
];

test("a text is never read as a kind of token that it was not said to have", () => {
  const text = fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map((pieces) => pieces.join(""));
  const spaced = fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map((pieces) => pieces.join(" "));
  fc.assert(
    fc.property(fc.oneof(text, spaced, fc.string()), fc.nat(8), (value, start) => {
      const { signs, upper, lower } = possibleKinds(see(value));
      const tokens = readSql(value, Math.min(start, value.length));
      expect([tokens.signs & ~signs, tokens.upper & ~upper, tokens.lower & ~lower]).toEqual([0, 0, 0]);
    }),
    { numRuns: 3_000 },
  );
});
