import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Automaton } from "../../src/sentinel/engine/automaton.ts";
import { Transaction } from "../../src/sentinel/engine/transaction.ts";
import { DEFAULT_SETTINGS } from "../../src/sentinel/package.ts";
import { collectHead } from "../../src/sentinel/request.ts";
import { COLLECTIONS } from "../../src/sentinel/variables.ts";

function collect(headers: readonly (readonly [string, string])[], target = "/"): Transaction {
  const tx = new Transaction(new Automaton([]), DEFAULT_SETTINGS.limits, new Set(COLLECTIONS), 0);
  const head = { method: "GET", target, protocol: "HTTP/1.1", clientIp: "203.0.113.7", headers };
  collectHead({ ...head, body: new Uint8Array(), bodyComplete: true }, tx);
  return tx;
}

describe("headers", () => {
  test.each([
    ["Accept", "headers"],
    ["Sec-CH-UA", "headers"],
    ["If-None-Match", "headers"],
    ["User-Agent", "headers"],
    ["Authorization", "headers"],
    ["Accept-Language", "headers.free"],
    ["X-Anything", "headers.free"],
    ["Lookup", "headers.free"],
    ["X-Forwarded-For", "headers.free"],
  ] as const)("%s is one of %s", (name, collection) => {
    expect(
      collect([[name, "x"]])
        .of(collection)
        .map((value) => value.name),
    ).toEqual([name.toLowerCase()]);
  });
});

describe("cookies", () => {
  const cookies = (line: string): string[] =>
    collect([["Cookie", line]])
      .of("cookies")
      .map(({ name, text }) => `${name}=${text}`);

  test.each([
    ["a=1; b=2;c=3", ["a=1", "b=2", "c=3"]],
    ["a; =1", ["=a", "=1"]],
    ["a=; cat /etc/passwd", ["a=", "=cat /etc/passwd"]],
    ["a=x,y and z", ["a=x,y and z"]],
    ["a=1, b=2; c=3", ["a=1, b=2", "a=1", "b=2", "c=3"]],
  ])("%s", (line, values) => expect(cookies(line)).toEqual(values));

  test("nothing of a line goes unseen", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 100 }), (line) => {
        const seen = cookies(line).join("");
        for (const char of line.replace(/[;\s=]/g, "")) expect(seen).toContain(char);
      }),
    );
  });
});
