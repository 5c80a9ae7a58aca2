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
