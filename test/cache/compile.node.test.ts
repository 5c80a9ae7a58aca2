import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compileCache, explain } from "../../src/cache/compile/index.ts";
import { compileRoutes, refusals } from "../../src/gateway/compile/index.ts";
import { cacheCommand } from "../../src/cli/cache.ts";

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
    ["/catalog", "stale", "as the origin says, else 1m while it is fetched anew, 1d where the origin fails"],
    ["/cart", "cached", "no: the class says never"],
    ["/unknown", "cached", "no: no class matches the path; add one to rules/cache.yaml to have it cached"],
    [
      "/ACCOUNT/x.css",
      "cached",
      "no: no class matches the path; add one to rules/cache.yaml to have it cached",
    ],
    ["//catalog/./x/..", "request", "GET /catalog/"],
    ["//catalog/./x/..", "written as", "//catalog/./x/.."],
    ["/product/a%00", "cached", "no: the edge refuses the target with 400 or 414 (control-byte)"],
    ["/account%2fx.css", "class", "never (by /account/**)"],
    [
      "/product/a;b",
      "cached",
      "no: the path can be read in two ways (encoded separators, dots, controls, `;`, `//`)",
    ],
    [
      "/fragments/HEADER",
      "cached",
      "no: read without letter case or encoding it is a path that is never cached",
    ],
    [
      "POST /catalog",
      "cached",
      "no: POST goes to the origin, and where that takes it (below 400) /catalog is purged",
    ],
    ["DELETE /cart", "cached", "no: DELETE goes to the origin"],
    [
      "HEAD /catalog",
      "cached",
      "answered from a stored GET; without one it goes to the origin, and nothing is stored",
    ],
    [
      "GET /catalog Range: bytes=0-1",
      "cached",
      "answered from a stored response; without one the range goes to the origin, and nothing is stored",
    ],
    ["GET /catalog Range: nonsense", "cached", "yes, where the response allows it"],
    [
      "GET /catalog Authorization: x",
      "cached",
      "only where the response says public, s-maxage or must-revalidate (Authorization); never from what is stored",
    ],
    ["GET /catalog Upgrade: websocket", "cached", "no: it asks for another protocol"],
    ["https://elsewhere.example/catalog", "host", "elsewhere.example is not store.acme.com"],
    ["https://elsewhere.example/catalog", "cached", "no: the edge answers 421"],
    ["https://store.acme.com:8443/catalog", "cached", "no: the edge answers 421"],
    ["https://store.acme.com:443/catalog", "cached", "yes, where the response allows it"],
    ["http://localhost:8787/catalog", "cached", "yes, where the response allows it"],
    ["TRACE /catalog", "cached", "no: the edge answers 405"],
    ["CONNECT /catalog", "cached", "no: the edge answers 405"],
    ["/media/", "cached", "no: the edge answers 404 (There is no such file.)"],
    ["/media", "cached", "no: the edge answers 404 (There is no such file.)"],
    ["/media/.env", "cached", "no: the edge answers 404 (There is no such file.)"],
    ["POST /media/a.png", "cached", "no: the edge answers 405 (Media can only be read.)"],
    ["GET /media/a.png Upgrade: websocket", "cached", "no: the edge answers 404 (There is no such file.)"],
    ["/media/a.png", "cached", "yes, where the response allows it"],
    ["/Admin/x", "cached", "no: the path is private; without the Fabric's credentials it is an unknown one"],
    ["/%61dmin", "cached", "no: the path is private; without the Fabric's credentials it is an unknown one"],
  ];
  it.each(explained)("explain %s: %s is %s", (text, label, expected) => {
    const { value } = compileCache("rules");
    const { value: routes } = compileRoutes("rules");
    if (value === undefined || routes === undefined) throw new Error("no policy");
    const [, method = "GET", address = "", name = "x-none", field = ""] =
      /^(?:([A-Z]+) )?(\S+)(?: ([\w-]+): (.*))?$/.exec(text) ?? [];
    const url = address.startsWith("/") ? `https://store.acme.com${address}` : address;
    const request = { method, url, headers: new Headers({ [name]: field }), hasBody: false };
    const explanation = explain(value, "store.acme.com", request, refusals(routes));
    expect(Object.fromEntries(explanation)[label]).toBe(expected);
  });

  it("explain, asked badly, says what to write", async () => {
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [["explain"], /no request; give an address or a curl line/],
      [["explain", "nonsense"], /an address begins with \/ or https:/],
      [["explain", "curl", "-I"], /the curl line has no URL/],
      [["explain", "{}"], /no HAR entry/],
      [["explain", "-H", "bad", "/catalog"], /write 'Name: value'/],
      [["unexplain"], /no such thing as cache unexplain/],
      [[], /what of the cache/],
    ];
    for (const [args, message] of cases) await expect(cacheCommand(args)).rejects.toThrow(message);
    await expect(cacheCommand(["explain", "--rules", "/nowhere", "/"])).rejects.toThrow(/cannot be read/);
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
      "12: classes.Bad_Name: not a name",
    ]);
    for (const fault of faults) expect(fault.remedy).not.toBe("");
  });

  /** Edits of the shipped file as hurried people make them: what is replaced by what, and the fault at its line. */
  const edits: readonly (readonly [from: string, to: string, fault: RegExp])[] = [
    ["memory: 32MB", "memory: 32", /limits.memory: not a size; write it as 512KB/],
    ["object: 2MB", "object: 0KB", /limits.object: not a size/],
    ["memory: 32MB", "memory: 4MB", /limits.object: more than an eighth of `memory`/],
    ["paths: [/fragments/]", "paths: [/fragments]", /fragments.paths\[0\]: not a folder; begin and end with/],
    ["depth: 3", "depth: 0", /fragments.depth: is below 1; write 1 or more/],
    ["deadline: 2s", "deadline: 0s", /fragments.deadline: no time to fetch anything/],
    ["cache: never", "cache: no", /cache: neither yes nor never/],
    ["cache: never", "cahce: never", /cahce: unknown key; did you mean cache\?/],
    ["query: [q, category, page]", "query: q", /query: neither a list of parameters nor `all`/],
    [
      "lifetime: { max: 1d, negative: 10s }",
      "lifetime: 1d",
      /lifetime: is not a mapping; write its keys below it/,
    ],
    [
      "lifetime: { max: 1d, negative: 10s }",
      "lifetime: { max: 1m, default: 1d }",
      /default: is longer than `max`/,
    ],
    ["match: [/fragments/**]", "match: /fragments/**", /match: is not a list; write it as \[a, b\]/],
    ["match: [/fragments/**]", 'match: ["/**.css"]', /web cache deception/],
    ["match: [/assets/**]", "match: [/café/**]", /no request has such a path; write it as .*caf%C3%A9/],
    ["match: [/assets/**]", "match: [//assets/**]", /match\[0\]: no request has such a path/],
    ["match: [/assets/**]", "match: [/assets/../static/**]", /match\[0\]: no request has such a path/],
    ["match: [/assets/**]", "match: [/%61ssets/**]", /match\[0\]: no request has such a path/],
    ["match: [/assets/**]", "match: [/assets%2Fx/**]", /match\[0\]: no request has such a path/],
    ["paths: [/fragments/]", "paths: [/fragments//]", /paths\[0\]: no request has such a path/],
    ["match: [/assets/**]", "match: [/**]", /\/media\/\*\* is already matched by \/\*\* of assets/],
    [
      "match: [/api/search]",
      "match: [/*]",
      /paths of \/cart\/\*\*, which is never to be cached, are cached by \/\* of search; move this class ahead/,
    ],
    ["types: [text/html]", "types: [html]", /types\[0\]: not a media type/],
    ["jitter: 10", "jitter: 10%", /jitter: is not a number; write a number without a unit/],
    ["jitter: 10", "statuses: [206]", /statuses\[0\]: never kept/],
    [
      "jitter: 10",
      "headers: [x-forwarded-host]",
      /x-forwarded-host of a client never reaches the origin; remove it/,
    ],
    ["jitter: 10", "dimensions: [constructor]", /there is no dimension constructor/],
    ["jitter: 10", "dimensions: [currency]", /there is no dimension currency; declare it under dimensions/],
    ["  assets:", "  none:", /classes.none: is what paths of no class are called; choose another name/],
    ["version: 1", "version: 2", /version: unknown version; write 1/],
    ["classes:", "klasses:", /classes: is missing \(a mapping\); add it/],
    ["  assets:", "\tassets:", /not valid YAML: Tabs are not allowed as indentation; indent with spaces/],
  ];
  it.each(edits)("%s -> %s", (from, to, expected) => {
    const shipped = readFileSync("rules/cache.yaml", "utf8");
    expect(shipped).toContain(from);
    const { value, faults } = compiled(shipped.replace(from, to));
    expect(value).toBeUndefined();
    const told = faults.find(({ message, remedy }) => expected.test(`${message}; ${remedy}`));
    expect(told, JSON.stringify(faults)).toBeDefined();
    expect(told?.line).toBeGreaterThan(0);
    expect(told?.file).toMatch(/cache\.yaml$/);
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
      "5: classes.b.headers.0: a class cannot be keyed by all cookies",
      "5: classes.b.match.0: /x is already matched by /x of a",
    ]);
  });

  it("of keys that would be skipped, and of aliases that grow without bound", () => {
    const { faults } = compiled("version: 1\nclasses:\n  __proto__: { match: [/x], cache: never }\n");
    expect(faults).toMatchObject([{ line: 3, message: "__proto__ cannot be a key" }]);
    const rows = "abcdefgh".split("").map((name, index, all) => {
      const inner = index === 0 ? "x" : `*${all[index - 1] ?? ""}`;
      return `${name}: &${name} [${Array.from({ length: 9 }, () => inner).join()}]`;
    });
    expect(compiled(rows.join("\n")).faults).toMatchObject([
      { line: 1, remedy: expect.stringMatching("aliases") },
    ]);
  });

  it("of a file that is not there or not YAML", () => {
    expect(compileCache("/nowhere").faults[0]?.message).toMatch(/cannot be read/);
    expect(compiled("version: [").faults[0]?.message).toMatch(/not valid YAML/);
  });
});
