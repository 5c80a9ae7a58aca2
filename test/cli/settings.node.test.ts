import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { FaultList } from "../../src/authoring/index.ts";
import { compilePolicy } from "../../src/cli/compile.ts";
import { ROOT, policySources } from "../../src/cli/project.ts";
import { readServeSettings } from "../../src/cli/settings.ts";

const SOUND = {
  STOREFRONT_ORIGIN: "http://127.0.0.1:3000,http://127.0.0.1:3001",
  ARCHIVE_ORIGIN: "http://127.0.0.1:4000",
};

async function faultsOf(work: () => unknown): Promise<string[]> {
  try {
    await work();
  } catch (error) {
    if (error instanceof FaultList)
      return error.faults.map(({ file, line, message, remedy }) => `${file}:${line}: ${message}; ${remedy}`);
    throw error;
  }
  return [];
}

describe("the environment of serve", () => {
  it("has defaults for everything but the origins", () => {
    expect(readServeSettings(SOUND)).toMatchObject({
      port: 8787,
      https: false,
      mode: undefined,
      persist: undefined,
    });
    expect(readServeSettings(SOUND).storefront.map(String)).toEqual([
      "http://127.0.0.1:3000/",
      "http://127.0.0.1:3001/",
    ]);
  });

  it("names every fault at once, with its variable and the remedy", async () => {
    const faults = await faultsOf(() =>
      readServeSettings({
        PORT: "http",
        SENTINEL_MODE: "off",
        HTTPS: "yes",
        ADMIN_TOKEN: "a b",
        STOREFRONT_ORIGIN: "localhost:3000,http://a/path",
      }),
    );
    expect(faults).toHaveLength(7);
    for (const name of [
      "PORT",
      "SENTINEL_MODE",
      "HTTPS",
      "ADMIN_TOKEN",
      "STOREFRONT_ORIGIN",
      "ARCHIVE_ORIGIN",
    ]) {
      expect(faults.join("\n")).toContain(`environment variable ${name}:`);
    }
  });
});

describe("policy files", () => {
  const folders: string[] = [];
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  /** The shipped rules with some lines replaced. */
  function edited(edits: Record<string, readonly [from: string, to: string]>): string {
    const folder = mkdtempSync(join(tmpdir(), "edge-rules-"));
    folders.push(folder);
    cpSync(join(ROOT, "rules"), folder, { recursive: true });
    for (const [file, [from, to]] of Object.entries(edits)) {
      const text = readFileSync(join(folder, file), "utf8");
      expect(text, file).toContain(from);
      writeFileSync(join(folder, file), text.replace(from, to));
    }
    return folder;
  }

  it("that are shipped compile", async () => {
    const policy = await compilePolicy(policySources({}));
    expect(policy.sentinel.rules.length).toBeGreaterThan(30);
  });

  it("with faults are refused with all faults of all files at once, each with its line", async () => {
    const rulesDir = edited({
      "queue.yaml": ["rate: 600/min", "rate: 0/min"],
      "cache.yaml": ["memory: 32MB", "memory: lots"],
      "routes.yaml": ["deadline: 30s", "deadline: soon"],
      "sentinel/sqli.yaml": ["operator:", "operater:"],
    });
    const faults = await faultsOf(() => compilePolicy({ rulesDir, blueprint: join(ROOT, "blueprint.json") }));
    for (const file of ["queue.yaml", "cache.yaml", "routes.yaml", "sqli.yaml"]) {
      expect(
        faults.filter((fault) => new RegExp(`${file}:[1-9]\\d*: .+; .+`).test(fault)),
        `${file} in\n${faults.join("\n")}`,
      ).not.toEqual([]);
    }
  });

  it("that are not there are one fault", async () => {
    const faults = await faultsOf(() =>
      compilePolicy({ rulesDir: "/nowhere/rules", blueprint: join(ROOT, "blueprint.json") }),
    );
    expect(faults).toEqual([expect.stringContaining("/nowhere/rules")]);
  });
});
