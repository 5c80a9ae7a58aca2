import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { signatureOf } from "../../src/sentinel/engine/signature.ts";
import { peel } from "../../src/sentinel/peel.ts";

const peeled = (text: string): readonly string[] => peel(text, signatureOf(text));

const HIDDEN: readonly (readonly [how: string, text: string])[] = [
  ["percent", "%3Cscript%3E"],
  ["percent, three times", "%25253Cscript%25253E"],
  ["wide percent", "%u003cscript%u003e"],
  ["decimal entities", "&#60;script&#62;"],
  ["hexadecimal entities without semicolon", "&#x3cscript&#x3e"],
  ["named entities", "&lt;script&gt;"],
  ["coded escapes", String.raw`\u003cscript\x3e`],
  ["UTF-7", "+ADw-script+AD4-"],
  ["overlong UTF-8", "\xc0\xbcscript\xc0\xbe"],
  ["full width", "\xef\xbc\x9cscript\xef\xbc\x9e"],
  ["base64", btoa("<script>alert(1)</script>")],
  ["base64url in a text", `token=${btoa("??? <script>alert(1)</script>").replaceAll("/", "_")};`],
  ["base64 in a path", `/files/new/${btoa("<script>alert(1)</script>")}`],
  ["base64 behind a prefix", `tok_v1_${btoa("<script>alert(1)</script>")}`],
  ["base64 whose plus signs a form made spaces", btoa("??>??>~~ <script>alert(1)").replaceAll("+", " ")],
  ["zero-width spaces", "<scr\xe2\x80\x8bipt>"],
  ["direction marks", "\xe2\x80\xae<script\xe2\x80\xac>"],
  ["base64 of percent", btoa("%3Cscript%3Ealert(1)")],
  ["base64 of base64", btoa(btoa("<script>alert(1)</script>"))],
  ["base64 of base64 of base64", btoa(btoa(btoa("<script>alert(1)</script>")))],
  ["percent of base64", encodeURIComponent(`${btoa("<script>alert(1)</script>")}==`)],
];

describe("peeling", () => {
  test.each(HIDDEN)("%s", (_how, text) => {
    expect(peeled(text).some((form) => form.includes("<script>"))).toBe(true);
  });

  test("all ways were tried", () => expect(HIDDEN).toHaveLength(21));

  test.each([
    "blue shoes 42",
    "f0dd665d59a81948343d561730f66cad",
    "GA1.1.1691605328.1749483974",
    "/account/orders/list",
    "Zürich",
    "configuration-of-international-settings",
  ])("%s has one form", (text) => expect(peeled(text)).toEqual([]));

  test.each([
    ["O2lkO2xz", ";id;ls"],
    ["YWxlcnQoMSk=", "alert(1)"],
    ["fCBpZA==", "| id"],
    ["DQpRVUlUDQo", "\r\nQUIT\r\n"],
  ])("a whole value may be short: %s", (text, inner) => expect(peeled(text)).toContain(inner));

  test.each(["Checkout1", "SKU12345", "nice lamp for the desk", "BLACKFRIDAY", "Rock and Roll"])(
    "%s is no base64",
    (text) => expect(peeled(text)).toEqual([]),
  );

  test.each(["-", "_", "/"])("what the tail of an identifier happens to spell is no text: %s", (separator) =>
    expect(peeled(`kT9vQ2xL7mPz0aBcDeFg${separator}${btoa("' or 1")}`)).toEqual([]),
  );

  test("is bounded in forms and length, whatever the text", () => {
    const piece = fc.constantFrom(
      "%",
      "25",
      "3c",
      "&#",
      "60;",
      "\\u00",
      "+AD",
      "w-",
      "\xc0",
      "\xbc",
      "QUJD",
      "RUZH",
      "=",
      " ",
      "x",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const text = pieces.join("");
        const forms = peeled(text);
        expect(forms.length).toBeLessThanOrEqual(8);
        for (const form of forms) expect(form.length).toBeLessThanOrEqual(text.length);
      }),
      { numRuns: 500 },
    );
  });
});
