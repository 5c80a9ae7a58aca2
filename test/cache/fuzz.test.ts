/** Parsers of what strangers send: never an exception, bounded output. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Classifier } from "../../src/cache/classify.ts";
import { notModified, rangeOf } from "../../src/cache/conditions.ts";
import { parseHttpDate } from "../../src/cache/dates.ts";
import { parseCacheControl, responseDirectives } from "../../src/cache/directives.ts";
import { initialAge } from "../../src/cache/freshness.ts";
import { listMembers } from "../../src/cache/fields.ts";
import { keptQuery, keyOf } from "../../src/cache/key.ts";
import { malformedFields } from "../../src/cache/malformed.ts";
import { headToStore } from "../../src/cache/store-head.ts";
import { responseTags } from "../../src/cache/tags.ts";
import { variantOf, varyNames } from "../../src/cache/vary.ts";
import { START, classWith, shipped } from "./rig.ts";

/** Header values: what HTTP lets through, with pieces that parsers look for. */
const value = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '"',
        ",",
        "=",
        ";",
        "max-age",
        "no-store",
        "0",
        "9".repeat(30),
        "*",
        "W/",
        "bytes=",
        "-",
        " ",
        "\\",
        "Mon, 01 Jan 2024 00:00:00 GMT",
      ),
      fc.string({ maxLength: 6 }),
    ),
    { maxLength: 12 },
  )
  .map((parts) =>
    parts
      .join("")
      .replace(/[^\t\x20-\x7e]/g, "")
      .trim(),
  );
const NAMES = [
  "cache-control",
  "cdn-cache-control",
  "surrogate-control",
  "expires",
  "date",
  "age",
  "vary",
  "etag",
  "last-modified",
  "cache-tag",
  "surrogate-key",
  "cache-groups",
  "content-type",
  "connection",
];
const headers = fc.dictionary(fc.constantFrom(...NAMES), value).map((fields) => new Headers(fields));
const RUNS = { numRuns: 1000 };

const EXCHANGE = {
  requestHeaders: new Headers(),
  authorized: false,
  requestNoStore: false,
  requestTime: START,
  responseTime: START,
  target: "/",
  random: 0.5,
};

const ignore = (): void => undefined;

describe("anything at all", () => {
  it("in a response is stored with sane numbers, or not", () => {
    fc.assert(
      fc.property(headers, fc.integer({ min: 200, max: 599 }), (fields, status) => {
        const head = headToStore(
          { status, headers: fields },
          EXCHANGE,
          classWith({ lifetime: { fallback: 5, max: null, heuristic: true, negative: 1 } }),
        );
        if (typeof head === "string") return;
        for (const number of [head.lifetime, head.initialAge, head.staleWhileRevalidate, head.staleIfError])
          expect(number).toBeGreaterThanOrEqual(0);
        notModified(head, fields, START, ignore);
        rangeOf(head, fields, 100, START, ignore);
      }),
      RUNS,
    );
  });

  it("in single fields does not throw", () => {
    fc.assert(
      fc.property(value, (text) => {
        parseCacheControl(text);
        parseHttpDate(text, START);
        varyNames(text);
        const fields = new Headers({
          "cdn-cache-control": text,
          "surrogate-control": text,
          age: text,
          "cache-tag": text,
          accept: text,
        });
        for (const name of ["cache-control", "vary", "etag", "cache-groups", "expires"])
          fields.set(name, text);
        for (const part of malformedFields(fields, START)) expect(part).toBeTypeOf("string");
        for (const member of listMembers(text, "plain")) expect(member).toBe(member.trim());
        responseDirectives(fields);
        responseTags(fields);
        variantOf(["accept", "age"], fields);
        expect(initialAge(fields, START, START)).toBeGreaterThanOrEqual(0);
      }),
      RUNS,
    );
  });

  it("around a prohibition does not make a response storable", () => {
    const junk = fc.constantFrom(
      "max-age=600",
      "public",
      ";",
      ",",
      " ",
      "\t",
      "/",
      ":",
      "x y",
      "=,",
      "@",
      ", ",
    );
    const separator = fc.constantFrom(";", ",", " ", ", ", " ; ", "@");
    fc.assert(
      fc.property(
        fc.constantFrom("no-store", "private", "NO-STORE", "Private"),
        fc.array(junk, { maxLength: 5 }),
        fc.array(junk, { maxLength: 5 }),
        separator,
        separator,
        (forbidding, before, after, left, right) => {
          const control = `${before.join("")}${left}${forbidding}${right}${after.join("")}`;
          for (const name of ["cache-control", "cdn-cache-control"]) {
            const said = new Headers({ "cache-control": "max-age=600", [name]: control });
            const head = headToStore({ status: 200, headers: said }, EXCHANGE, classWith());
            expect(head, control).toBeTypeOf("string");
          }
        },
      ),
      RUNS,
    );
  });

  it("in Range and If-Range gives a range within the body, or none", () => {
    const head = headToStore(
      { status: 200, headers: new Headers({ "cache-control": "max-age=9", etag: '"a"' }) },
      {
        requestHeaders: new Headers(),
        authorized: false,
        requestNoStore: false,
        requestTime: START,
        responseTime: START,
        target: "/",
        random: 0,
      },
      classWith(),
    );
    if (typeof head === "string") throw new Error(head);
    fc.assert(
      fc.property(
        fc.tuple(fc.nat(300), fc.nat(300)),
        fc.nat(200),
        fc.constantFrom("-", "", "--"),
        ([from, to], length, between) => {
          const range = rangeOf(
            head,
            new Headers({ range: `bytes=${from}${between}${to}` }),
            length,
            START,
            ignore,
          );
          if (range === undefined || range === "unsatisfiable") return;
          expect(range.first).toBeGreaterThanOrEqual(0);
          expect(range.last).toBeLessThan(length);
          expect(range.first).toBeLessThanOrEqual(range.last);
        },
      ),
      RUNS,
    );
  });

  it("in a query keeps nothing but what the class names, and is its own canonical form", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (query) => {
        const kept = keptQuery(query, ["q", "page"]);
        for (const name of new URLSearchParams(kept).keys()) expect(["q", "page"]).toContain(name);
        expect(kept).not.toMatch(/[;#?\s]/);
        expect(keptQuery(kept, ["q", "page"])).toBe(kept);
      }),
      RUNS,
    );
  });

  it("in a path has a class, and different requests of a class never the same key", () => {
    const classifier = new Classifier(shipped);
    const rules = classWith({ query: ["q"] });
    // fast-check's own paths take milliseconds each.
    const segment = fc.oneof(
      fc.constantFrom("..", ".", "%2f", "%2e", ";x", "account", "ACCOUNT", "é", "x.css", ""),
      fc.string({ maxLength: 8 }),
    );
    const path = fc.array(segment, { maxLength: 4 }).map((segments) => `/${segments.join("/")}`);
    const request = fc.tuple(path, fc.string({ maxLength: 20 }));
    fc.assert(
      fc.property(request, request, ([onePath, query], [otherPath, otherQuery]) => {
        expect(classifier.classOf(onePath).name).toBeTypeOf("string");
        const one = keyOf("h", onePath, `q=${encodeURIComponent(query)}`, new Headers(), rules, new Map());
        const other = keyOf(
          "h",
          otherPath,
          `q=${encodeURIComponent(otherQuery)}`,
          new Headers(),
          rules,
          new Map(),
        );
        expect(one?.text === other?.text).toBe(onePath === otherPath && query === otherQuery);
      }),
      RUNS,
    );
  }, 30_000);
});
