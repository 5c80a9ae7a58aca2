import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { signatureOf } from "../../src/sentinel/engine/signature.ts";
import { encode } from "../../src/sentinel/transformations/code-points.ts";
import { TRANSFORMATIONS } from "../../src/sentinel/transformations/index.ts";
import { foldUtf8 } from "../../src/sentinel/transformations/utf8.ts";

const CASES: readonly (readonly [name: string, input: string, output: string])[] = [
  ["lowercase", "SeLeCT \xc3\x89", "select \xc3\x89"],
  ["trim", " \ta ", "a"],
  ["trim-left", " a ", "a "],
  ["trim-right", " a ", " a"],
  ["length", "abc", "3"],
  ["compress-whitespace", "a \t\r\n\xa0b", "a b"],
  ["remove-whitespace", "a \t\xa0b", "ab"],
  ["remove-nulls", "a\0b", "ab"],
  ["replace-nulls", "a\0b", "a b"],
  ["percent-decode", "%41+%zz%4", "A+%zz%4"],
  ["percent-decode", "%%2020", "% 20"],
  ["form-decode", "a+b%2b", "a b+"],
  ["percent-decode-wide", "%u0041%u003c%uff1c", "A<<"],
  ["html-decode", "&lt;&#60;&#x3c;&#0000060&LT;&ltscript&colon;", "<<<<<<script:"],
  ["html-decode", "fish &chips; &#x110000;", "fish &chips; ?"],
  ["html-decode", "&#233;&#x1f45f;", "\xc3\xa9\xf0\x9f\x91\x9f"],
  ["js-decode", String.raw`\x3c\u003c\u{3c}\74\n\q`, "<<<<\nq"],
  ["css-decode", String.raw`\3c \00003cscript\(`, "<\x3cscript("],
  ["c-decode", String.raw`\x41\101\t\e`, "AA\te"],
  ["base64-decode", "PHNjcmlwdD4=", "<script>"],
  ["base64-decode", "PHNjcmlwdD4 rest", "<script>"],
  ["hex-decode", "3c73", "<s"],
  ["sql-hex-decode", "select 0x61646d696e", "select admin"],
  ["utf8-decode", "\xc3\xa9\xc0\xbc\xef\xbc\x9c\xe2\x82\xac", "\xe9<<?"],
  ["sql-comments", "un/**/ion/*!50000select*/1/*", "un ion select 1 "],
  ["remove-comments", "a/*b*/c<!--d-->e--f\ng#h", "ace\ng"],
  ["normalize-path", "/a/./b//../c/../../../etc/", "/../etc/"],
  ["normalize-path-windows", "a\\..\\..\\b", "../b"],
  ["shell", 'c"a"t$IFS/e$x\\tc/passwd;;ID', "cat/etc/passwd id"],
];

describe("transformations", () => {
  test.each(CASES)("%s %j", (name, input, output) => {
    expect(TRANSFORMATIONS.get(name)?.apply(input)).toBe(output);
  });

  test("each has a case", () => {
    expect(CASES).toHaveLength(29);
    expect([...new Set(CASES.map(([name]) => name))].toSorted()).toEqual(
      [...TRANSFORMATIONS.keys()].toSorted(),
    );
  });

  test.each([...TRANSFORMATIONS.keys()])(
    "%s changes nothing without the chars it names, and never throws",
    (name) => {
      const transformation = TRANSFORMATIONS.get(name);
      if (transformation === undefined) throw new Error("no such transformation");
      const bytes = fc.array(
        fc.oneof(
          fc.integer({ min: 0, max: 255 }),
          fc.constantFrom(..."%+&\\/ *-#;x0u41{}$<".split("").map((char) => char.charCodeAt(0))),
        ),
        { maxLength: 40 },
      );
      fc.assert(
        fc.property(bytes, (codes) => {
          const text = String.fromCharCode(...codes);
          const out = transformation.apply(text);
          const { needs } = transformation;
          if (needs !== 0 && (signatureOf(text) & needs) === 0) expect(out).toBe(text);
          expect(/[^\x00-\xff]/.test(out)).toBe(false);
        }),
        { numRuns: 300 },
      );
    },
  );
});

test("folding UTF-8 agrees with escapes on every code point that can be seen", () => {
  const unseen = (point: number): boolean =>
    point === 0xad ||
    (point >= 0x200b && point <= 0x200f && point !== 0x200d) ||
    (point >= 0x202a && point <= 0x202e) ||
    (point >= 0x2060 && point <= 0x2064) ||
    point === 0xfeff;
  const bytes = (point: number): string =>
    String.fromCharCode(...new TextEncoder().encode(String.fromCodePoint(point)));
  const wrong: number[] = [];
  for (let point = 0x80; point < 0x11000; point++) {
    if (point >= 0xd800 && point <= 0xdfff) continue;
    const folded = foldUtf8(bytes(point));
    if (folded !== (unseen(point) ? "" : encode(point))) wrong.push(point);
  }
  expect(wrong).toEqual([]);
});
