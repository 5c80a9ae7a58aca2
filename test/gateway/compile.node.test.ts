import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { compileRoutes } from "../../src/gateway/compile/index.ts";

const SHIPPED = readFileSync("rules/routes.yaml", "utf8");

function compiled(text: string): ReturnType<typeof compileRoutes> {
  const folder = mkdtempSync(join(tmpdir(), "routes-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "routes.yaml"), text);
  return compileRoutes(folder);
}

describe("rules/routes.yaml", () => {
  test("as shipped: private paths, media, every class", () => {
    const { value, faults } = compileRoutes("rules");
    expect(faults).toEqual([]);
    expect(value?.private).toEqual(["/_edge/*", "/admin/*"]);
    expect(value?.media).toEqual({ paths: ["/media/*"], deadlineMs: 10_000, tryMs: 3000 });
    expect(value?.classes.map(({ name }) => name)).toEqual([
      "checkout",
      "cart",
      "account",
      "api",
      "product",
      "catalog",
    ]);
    expect(value?.compute.largeBytes).toBe(10 * 1024 * 1024);
    expect(value?.origin.eject).toEqual({ after: 3, forMs: 1000, atMostMs: 4000 });
    expect(JSON.parse(JSON.stringify(value))).toEqual(value);
  });

  test("no file: one fault, no exception", () => {
    const { value, faults } = compileRoutes("/nowhere");
    expect(value).toBeUndefined();
    expect(faults).toHaveLength(1);
    expect(faults[0]?.message).toContain("cannot be read");
  });

  /** One change to the shipped file, and where and how it is told. */
  const CASES: readonly (readonly [from: string, to: string, at: string, message: RegExp, remedy: RegExp])[] =
    [
      ["  - /admin/*", "  - /admin/**", "/admin/**", /not a path pattern/, /write \/a for one path/],
      ["  - /admin/*", "  - admin", "admin", /not a path pattern/, /write/],
      ["  - /admin/*", "  - /admin/%2e", "/admin/%2e", /not a path pattern/, /without escapes/],
      ["  - /admin/*", "  - /*", "/*", /would take every path/, /name the paths/],
      ["  - /_edge/*\n", "", "private:", /does not hold \/_edge/, /add \/_edge/],
      ["    - /media/*\n", "    []\n", "paths:", /no path/, /list at least one/],
      [
        "  deadline: 10s\n  try: 3s",
        "  deadline: 10\n  try: 3s",
        "deadline: 10",
        /not a duration/,
        /write it as/,
      ],
      [
        "  deadline: 10s\n  try: 3s",
        "  deadline: 1h\n  try: 3s",
        "deadline: 1h",
        /not a duration/,
        /write it as/,
      ],
      [
        "  deadline: 10s\n  try: 3s",
        "  deadline: 1s\n  try: 3s",
        "try: 3s",
        /longer than the deadline/,
        /lower it/,
      ],
      ["  - name: cart", "  - name: checkout", "name: checkout", /taken/, /its own name/],
      ["  - name: cart", "  - name: media", "name: media", /taken/, /its own name/],
      ["  - name: cart", "  - name: My Cart", "name: My Cart", /not a route class/, /lower-case/],
      ["[/cart/*]", "[/checkout/fast]", "/checkout/fast]", /never reached: \/checkout\/\*/, /move it ahead/],
      ["[/cart/*]", "[/media/cart/*]", "/media/cart/*]", /never reached: \/media\/\*/, /move it ahead/],
      ["percent: 20", "percent: 120", "percent: 120", /more than every request/, /0 to 100/],
      ["eject: { after: 3", "eject: { after: 0", "after: 0", /at least 1/, /number of failures/],
      [
        "for: 1s, at_most: 4s }\n  # After",
        "for: 9s, at_most: 4s }\n  # After",
        "at_most: 4s",
        /shorter than/,
        /raise at_most/,
      ],
      ["large_body: 10MB", "large_body: 10 megabytes", "large_body: 10 meg", /not a size/, /10MB/],
      ["    - video/*", "    - video", "video", /not a media type/, /image\/\*/],
      [
        "moved: []",
        "moved: [{ from: /d/*, to: /files/* }]",
        "to: /files/*",
        /not a media path/,
        /media\.paths/,
      ],
      [
        "moved: []",
        "moved: [{ from: /media/d/*, to: /media/e/* }]",
        "from: /media/d/*",
        /is a media path already, which Compute never serves/,
        /begin with a folder of the storefront/,
      ],
      ["moved: []", "moved: [{ from: /d, to: /media/d/* }]", "from: /d,", /not a folder/, /end it in/],
      ["stall: 60s", "stal: 60s", "stal: 60s", /unknown key/, /spelling/],
      ["hsts: max-age=31536000", "hsts: forever", "hsts: forever", /no max-age/, /begin with/],
      [`"'none'"`, `"'none'; script-src *"`, "frame_ancestors", /more than one directive/, /sources only/],
      ["strict-origin-when-cross-origin", "sometimes", "referrer_policy", /not a referrer policy/, /W3C/],
    ];

  test.each(CASES)("%s -> %s", (from, to, at, message, remedy) => {
    const text = SHIPPED.replace(from, to);
    expect(text).not.toBe(SHIPPED);
    const { value, faults } = compiled(text);
    expect(value).toBeUndefined();
    const fault = faults.find((candidate) => message.test(candidate.message));
    expect(fault, JSON.stringify(faults)).toBeDefined();
    expect(fault?.remedy).toMatch(remedy);
    expect(text.split("\n")[(fault?.line ?? 0) - 1]).toContain(at.split("\n")[0]);
  });

  test("all faults are told at once", () => {
    const text = SHIPPED.replace("/admin/*", "admin")
      .replace("large_body: 10MB", "large_body: much")
      .replace("percent: 20", "percent: x");
    expect(compiled(text).faults).toHaveLength(3);
  });

  test("not YAML at all", () => {
    const { value, faults } = compiled("private: [\n  - x: ]");
    expect(value).toBeUndefined();
    expect(faults[0]?.message).toContain("not valid YAML");
  });
});
