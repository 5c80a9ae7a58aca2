import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../src/cli/project.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "rules-cli-"));
  cpSync(join(ROOT, "rules"), folder, { recursive: true });
});
afterAll(() => rmSync(folder, { recursive: true }));

function edge(...args: string[]): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, "src/cli/main.ts"), ...args], {
    encoding: "utf8",
    env: { ...process.env, ADMIN_TOKEN: "a-token-for-tests", EDGE_URL: "http://127.0.0.1:9" },
  });
  return { status, out: stdout, err: stderr };
}

describe("the commands", { timeout: 60_000 }, () => {
  it("help is no mistake", () => {
    for (const args of [["--help"], ["check", "--help"], ["explain", "-h"]])
      expect(edge("rules", ...args)).toMatchObject({
        status: 0,
        out: expect.stringContaining("edge rules <command>"),
      });
  });

  it.each([
    ["purge --help", "--tag T | --url U | --prefix P | --all"],
    ["purge --tag x -h", "edge purge"],
    ["mode --help", "edge mode block | monitor"],
    ["status --help", "edge status"],
    ["audit -h", "--limit N"],
    ["console --help", "edge console"],
    ["start --help", "edge start"],
    ["serve --help", "edge serve"],
    ["compile --help", "edge compile"],
    ["bundle --help", "edge bundle"],
    ["blueprint check --help", "edge blueprint check"],
    ["cache explain --help", "--header 'Name: value'"],
    ["room rate --help", "edge room rate ROOM RATE"],
    ["-h", "edge <command> [arguments]"],
  ])("edge %s prints the usage", (line, usage) => {
    expect(edge(...line.split(" "))).toEqual({ status: 0, out: expect.stringContaining(usage), err: "" });
  });

  it("curl's own options are not ours", () => {
    const { status, out } = edge("cache", "explain", "curl", "https://store.acme.com/catalog", "-H", "-h: x");
    expect(out).not.toContain("--rules FOLDER");
    expect(status).toBe(0);
  });

  it.each(["", "exclusions", "settings"])("schema %s: JSON Schema for editors", (kind) => {
    const { status, out } = edge("rules", "schema", ...(kind === "" ? [] : [kind]));
    expect(JSON.parse(out)).toMatchObject({
      title: `Sentinel ${kind === "" ? "rules" : kind}`,
      type: "object",
    });
    expect(status).toBe(0);
    expect(edge("rules", "schema", "rates").status).toBe(2);
  });

  it("score: a line that is no request, with its place and without a stack", () => {
    const file = join(folder, "corpus.jsonl");
    writeFileSync(file, "\n{ not JSON\n");
    const { status, err } = edge("rules", "score", file);
    expect(err).toContain(`${file}:2:1: no request of a corpus: `);
    expect(err).not.toContain("    at ");
    expect(status).toBe(1);
  });

  it("score: --wrong takes a number, and shows no control characters", () => {
    const file = join(folder, "corpus.jsonl");
    const entry = {
      id: "x",
      set: "s",
      method: "GET",
      path: "/?\u001b[2J",
      headers: [],
      expect: "block",
      expect_ids: ["none"],
    };
    writeFileSync(file, JSON.stringify(entry));
    expect(edge("rules", "score", file, "--wrong", "abc")).toMatchObject({
      status: 2,
      err: "edge: --wrong abc is no whole number from 0 on\n",
    });
    expect(edge("rules", "score", file, "--wrong", "3").out).toContain("x: GET /?\\x1b[2J");
  });

  it("end quietly where nobody reads on", () => {
    const main = join(ROOT, "src/cli/main.ts");
    const { stderr, status } = spawnSync(
      "bash",
      ["-c", `"$0" "$1" rules schema | head -c 10; exit \${PIPESTATUS[0]}`, process.execPath, main],
      { encoding: "utf8" },
    );
    expect([stderr, status]).toEqual(["", 0]);
  });
});

describe("what check refuses, publish refuses", { timeout: 60_000 }, () => {
  const UNBOUND = `class: custom
rates:
  - id: rate-nobody
    description: A limit that nobody binds
    paths: [/x]
    key: [ip]
    limit: RATE_9_9
    hit: [GET /x]
    miss: [GET /y]
`;

  it.each(["check", "publish"])("%s: a rate limit that is not bound, with its line", (command) => {
    const file = join(folder, "sentinel/unbound.yaml");
    writeFileSync(file, UNBOUND);
    try {
      const { status, err } = edge("rules", command, "--rules", folder);
      expect(err).toContain(`${file}:7:5: rate-nobody: wrangler.toml binds no rate limit RATE_9_9`);
      expect(err).toContain("name one of RATE_5_60, RATE_20_60");
      expect(status).toBe(1);
    } finally {
      rmSync(file);
    }
  });

  it("publish: a fault in another file of the folder", () => {
    const other = join(folder, "cache.yaml");
    writeFileSync(other, "nothing: here\n");
    try {
      const { status, err } = edge("rules", "publish", "--rules", folder);
      expect(err).toContain("cache.yaml:1:1: nothing: unknown key");
      expect(status).toBe(1);
    } finally {
      cpSync(join(ROOT, "rules/cache.yaml"), other);
    }
  });
});
