import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { createSentinel, NO_OVERRIDES } from "../../src/sentinel/index.ts";
import { bodyRequest, shipped } from "../support/node/sentinel-rules.ts";

setFlagsFromString("--expose-gc");

const { pkg } = shipped();

/** Bytes in use once all that can go is gone. */
function kept(): number {
  runInNewContext("gc")();
  return process.memoryUsage().heapUsed;
}

test.each([
  ["names of parameters", (index: number) => `parameter_number_${index}=1&rest=${"a".repeat(100_000)}`, ""],
  ["cookies", () => "", "number_of_a_cookie_"],
] as const)("what is remembered of %s keeps no request in memory", (_what, body, cookie) => {
  const sentinel = createSentinel(pkg);
  const ask = (index: number): void => {
    const asked = bodyRequest("application/x-www-form-urlencoded", body(index));
    const line = `${cookie}${index}=1; b=${"a".repeat(50_000)}`;
    const headers = cookie === "" ? asked.headers : [...asked.headers, ["cookie", line] as const];
    void sentinel.inspectRequest({ ...asked, headers }, NO_OVERRIDES, 0);
  };
  for (let index = 0; index < 20; index++) ask(index);
  const before = kept();
  for (let index = 20; index < 220; index++) ask(index);
  expect(kept() - before).toBeLessThan(5_000_000);
});

test("a long name of a cookie is not remembered", () => {
  const sentinel = createSentinel(pkg);
  const ask = (index: number): void => {
    const name = `${index}${"a".repeat(50_000)}`;
    const asked = { ...bodyRequest("text/plain", ""), headers: [["cookie", `${name}=1`] as const] };
    void sentinel.inspectRequest(asked, NO_OVERRIDES, 0);
  };
  ask(0);
  const before = kept();
  for (let index = 1; index <= 200; index++) ask(index);
  expect(kept() - before).toBeLessThan(5_000_000);
});
