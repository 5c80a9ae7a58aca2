import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compileSentinel, runInlineTests } from "../../src/sentinel/compile/index.ts";

/** Where each kind of example in the manual belongs, by how it begins. */
const PLACES: readonly (readonly [beginning: string, file: string, wrap: (text: string) => string])[] = [
  ["class: sqli", "sqli.yaml", (text) => text],
  ...["store-gift-card-form", "store-foreign-redirect"].map(
    (id) =>
      [
        `- id: ${id}`,
        `${id}.yaml`,
        (text: string) => `class: store\nrules:\n${text.replace(/^/gm, "  ")}`,
      ] as const,
  ),
  ["rates:", "rates.yaml", (text) => `class: rates\n${text}`],
  ["exclusions:", "exclusions.yaml", (text) => text.replace("# or tags: [injection]", "")],
  ["thresholds:", "settings.yaml", (text) => text],
];

test("the examples of docs/rules.md compile and behave", async () => {
  const blocks = [...readFileSync("docs/rules.md", "utf8").matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(
    ([, text = ""]) => text,
  );
  const root = mkdtempSync(join(tmpdir(), "manual-"));
  mkdirSync(join(root, "sentinel"));
  for (const [beginning, file, wrap] of PLACES) {
    const block = blocks.find((text) => text.startsWith(beginning));
    expect(block, beginning).toBeDefined();
    writeFileSync(join(root, "sentinel", file), wrap(block ?? ""));
  }
  const now = Date.UTC(2026, 10, 22);
  const { value, faults, tests } = compileSentinel(root, { now, proofs: join(root, "proofs.json") });
  rmSync(root, { recursive: true });
  expect(faults).toEqual([]);
  if (value === undefined) throw new Error("not compiled");
  expect(await runInlineTests(value, tests)).toEqual({ run: 12, faults: [] });
});
