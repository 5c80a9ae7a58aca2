import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compileCache, explain } from "../../src/cache/compile/index.ts";

/** Compiles this text as `cache.yaml`. */
function compiled(text: string): ReturnType<typeof compileCache> {
  const folder = mkdtempSync(join(tmpdir(), "cache-rules-"));
  writeFileSync(join(folder, "cache.yaml"), text);
  return compileCache(folder);
}

describe("the shipped rules", () => {
  it("compile to the golden policy that the Worker's tests use", () => {
    const { value, faults } = compileCache("rules");
    expect(faults).toEqual([]);
    const golden: unknown = JSON.parse(readFileSync("test/cache/golden/shipped.json", "utf8"));
    expect(
      value,
      "after a wanted change: npm run edge -- cache compile > test/cache/golden/shipped.json",
    ).toEqual(golden);
  });

  const explained: readonly (readonly [string, string, string])[] = [
    ["/catalog?page=2&utm_source=x", "class", "catalog (by /catalog)"],
    ["/catalog?page=2&utm_source=x", "key", "/catalog?page=2"],
    ["/catalog?page=2&utm_source=x", "not in the key", "utm_source"],
    ["/cart", "cached", "no: the class says never"],
    ["/unknown", "cached", "no: no class matches the path"],
    ["/ACCOUNT/x.css", "cached", "no: no class matches the path"],
    [
      "/product/a%2fb",
      "cached",
      "no: the path can be read in two ways (encoded separators, dots, controls, `;`, `//`)",
    ],
    [
      "/fragments/HEADER",
      "cached",
      "no: read without letter case or encoding it is a path that is never cached",
    ],
  ];
  it.each(explained)("explain %s: %s is %s", (path, label, text) => {
    const { value } = compileCache("rules");
    if (value === undefined) throw new Error("no policy");
    expect(
      Object.fromEntries(explain(value, new URL(path, "https://store.acme.com"), new Headers()))[label],
    ).toBe(text);
  });
});

describe("faults", () => {
  it("come all at once, each with its place and remedy", () => {
    const { value, faults } = compiled(`version: 1
limits: { memory: 500MB }
dimensions:
  nothing: { header: X-A, default: a }
  both: { header: a, cookie: b, values: [x], default: x }
classes:
  deceived:
    match: ["/**.css", /ok]
    lifetime: { default: 5 minutes }
    jitter: 80
    qurey: [a]
  Bad_Name:
    match: []
`);
    expect(value).toBeUndefined();
    const told = faults.map(({ line, message }) => `${line}: ${message}`);
    expect(told).toEqual([
      "4: dimensions.nothing: has no values",
      "5: dimensions.both: names a header and a cookie, or neither",
      "8: classes.deceived.match[0]: a pattern by suffix lets /account/x.css be cached (web cache deception)",
      "9: classes.deceived.lifetime.default: not a duration",
      "10: classes.deceived.jitter: more than half",
      "11: classes.deceived.qurey: unknown key",
      "12: classes.Bad_Name: Invalid key in record",
    ]);
    for (const fault of faults) expect(fault.remedy).not.toBe("");
  });

  it("of several values together", () => {
    const { faults } = compiled(`version: 1
limits: { memory: 128MB, object: 32MB }
classes:
  a: { match: [/x], dimensions: [country] }
  b: { match: [/x], headers: [Cookie] }
`);
    expect(faults.map(({ line, message }) => `${line}: ${message}`)).toEqual([
      "2: limits.memory: an isolate has 128 MB in all",
      "2: limits.object: too large to be held while it arrives",
      "4: classes.a.dimensions.0: there is no dimension country",
      "5: classes.b.match.0: /x is already matched by a",
      "5: classes.b.headers: a class cannot be keyed by all cookies",
    ]);
  });

  it("of a file that is not there or not YAML", () => {
    expect(compileCache("/nowhere").faults[0]?.message).toMatch(/cannot be read/);
    expect(compiled("version: [").faults[0]?.message).toMatch(/not valid YAML/);
  });
});
