import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalize } from "../../src/http/canonical.ts";

/** Raw target, canonical path, canonical query, folded path, faults. */
const CASES: readonly (readonly [string, string, string, string, readonly string[]])[] = [
  ["/", "/", "", "/", []],
  ["/catalog?page=2", "/catalog", "page=2", "/catalog", []],
  ["?q=1", "/", "q=1", "/", []],
  ["/a/../../etc/passwd", "/etc/passwd", "", "/etc/passwd", []],
  ["/a/../b/%2e%2e//x", "/x", "", "/x", []],
  ["/.", "/", "", "/", []],
  ["/a/..", "/", "", "/", []],
  ["/a/", "/a/", "", "/a/", []],
  ["/a//b///c/", "/a/b/c/", "", "/a/b/c/", []],
  ["/static/..%2faccount", "/account", "", "/account", []],
  ["//account", "/account", "", "/account", []],
  ["/ACCOUNT", "/ACCOUNT", "", "/account", []],
  ["/account;x.css", "/account%3Bx.css", "", "/account", []],
  ["/account%2fx.css", "/account/x.css", "", "/account/x.css", []],
  ["/account%0a.css", "/account%0A.css", "", "/account\n.css", ["control-byte"]],
  ["/a%00b", "/a%00b", "", "/a\0b", ["control-byte"]],
  ["/%69nternal", "/internal", "", "/internal", []],
  ["/%5fedge/", "/_edge/", "", "/_edge/", []],
  ["/%255fedge/x", "/%255fedge/x", "", "/_edge/x", []],
  ["/%25255fedge/x", "/%25255fedge/x", "", "/_edge/x", []],
  ["/_EDGE/./api", "/_EDGE/api", "", "/_edge/api", []],
  ["/x/..;/_edge/", "/x/..%3B/_edge/", "", "/_edge/", []],
  ["\\evil\\..\\x", "/x", "", "/x", []],
  ["/caf%c3%a9/%7euser", "/caf%C3%A9/~user", "", "/caf\u00c3\u00a9/~user".toLowerCase(), []],
  ["/%c0%ae%c0%ae/", "/%C0%AE%C0%AE/", "", "/\u00c0\u00ae\u00c0\u00ae/".toLowerCase(), ["invalid-utf8"]],
  ["/%zz", "/%25zz", "", "/%zz", ["malformed-percent"]],
  ["/?q=%zz", "/", "q=%25zz", "/", []],
  ["/?p=1&utm_content=x;p=2", "/", "p=1&utm_content=x%3Bp=2", "/", []],
  ["/?q=%c3%a9", "/", "q=%C3%A9", "/", []],
  ["/'(a)!*:@&=+$,", "/'(a)!*:@&=+$,", "", "/'(a)!*:@&=+$,", []],
  ["/%27%28a%29", "/'(a)", "", "/'(a)", []],
  ["*", "/*", "", "/*", ["not-origin-form"]],
];

describe("canonicalize", () => {
  it("states how many cases it ran", () => expect(CASES.length).toBe(32));

  it.each(CASES)("%s", (raw, path, query, foldedPath, faults) => {
    const target = canonicalize(`http://store.acme.com${raw}`);
    expect({ ...target, faults: [...target.faults] }).toEqual({
      scheme: "http",
      authority: "store.acme.com",
      path,
      query,
      rawTarget: raw,
      foldedPath,
      faults,
    });
  });

  it("reads the authority in lower case, with its port, and takes a scheme from outside", () => {
    expect(canonicalize("http://Store.ACME.com:8443/x", "https")).toMatchObject({
      scheme: "https",
      authority: "store.acme.com:8443",
    });
    expect(canonicalize("https://store.acme.com")).toMatchObject({
      scheme: "https",
      path: "/",
      rawTarget: "/",
    });
  });

  it("refuses targets over 16 KiB", () => {
    expect(canonicalize(`http://h/${"a".repeat(16_383)}`).faults).toEqual([]);
    expect(canonicalize(`http://h/${"a".repeat(16_384)}`).faults).toEqual(["target-too-long"]);
  });

  const targets = fc.string({
    unit: fc.constantFrom(..."/.%2e5fF;\\?a_c0\u00e9~ ".split("")),
    maxLength: 60,
  });

  it("is idempotent where it found no fault: the canonical form is its own canonical form", () => {
    fc.assert(
      fc.property(targets, (raw) => {
        const first = canonicalize(`http://h/${raw}`);
        if (first.faults.length > 0) return;
        const second = canonicalize(`http://h${first.path}${first.query === "" ? "" : `?${first.query}`}`);
        expect([second.path, second.query, second.faults]).toEqual([first.path, first.query, []]);
      }),
    );
  });

  it("never leaves a dot segment, a doubled slash, a backslash or an encoded slash in a path", () => {
    fc.assert(
      fc.property(targets, (raw) => {
        const { path } = canonicalize(`http://h/${raw}`);
        expect(path).toMatch(/^\//);
        expect(path).not.toMatch(/\/\/|\\|%2f|%5c|;|\/\.{1,2}(?:\/|$)/i);
      }),
    );
  });

  it("folds a path to the same whether it is written plainly or escaped", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."/aZ._-~0".split("")), maxLength: 40 }), (path) => {
        const escaped = path.replace(/[aZ]/g, (char) => `%${char.charCodeAt(0).toString(16)}`);
        expect(canonicalize(`http://h/${path}`).foldedPath).toBe(
          canonicalize(`http://h/${escaped}`).foldedPath,
        );
      }),
    );
  });

  it("takes time linear in the target (a catastrophic expression once stood here)", () => {
    const hostile = `http://h/${"a".repeat(16_000)}!`;
    expect(canonicalize(hostile).path).toHaveLength(16_002);
  });
});
