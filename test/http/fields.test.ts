import { expect, it } from "vitest";
import { Fields } from "../../src/http/fields.ts";

const fields = Fields.of(new Headers({ Accept: "text/html", Cookie: "a=1", "X-Edge-Debug": "t" }));

it("reads what Headers reads, by lower-case names", () => {
  expect([fields.get("accept"), fields.get("Accept"), fields.has("cookie"), fields.has("host")]).toEqual([
    "text/html",
    null,
    true,
    false,
  ]);
  expect([...fields.toHeaders()]).toEqual([...fields.list]);
});

it("measures lines as on the wire", () =>
  expect(Fields.of(new Headers({ a: "1", bb: "22" })).bytes).toBe(6 + 8));

it("is left as it is by taking away what is not there", () => {
  expect(fields.without((name) => name === "host")).toBe(fields);
  expect(fields.without((name) => name.startsWith("x-")).list.map(([name]) => name)).toEqual([
    "accept",
    "cookie",
  ]);
});

it("replaces, adds and takes away one value, and stays itself", () => {
  const names = (changed: Fields): string[] => [...changed.toHeaders().keys()];
  expect(fields.with("cookie", "b=2").get("cookie")).toBe("b=2");
  expect(names(fields.with("host", "h"))).toEqual(["accept", "cookie", "host", "x-edge-debug"]);
  expect(names(fields.with("cookie", null))).toEqual(["accept", "x-edge-debug"]);
  expect(fields.get("cookie")).toBe("a=1");
});
