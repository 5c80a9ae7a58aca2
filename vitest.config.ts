import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

const ALONE = ["test/e2e/room.node.test.ts"];
/** Machines are shared: what takes a second takes ten there, and a test that hangs hangs for longer. */
const PATIENCE = { testTimeout: 30_000, hookTimeout: 60_000 };
const NODE = { ...PATIENCE, globalSetup: ["test/support/node/bundle.ts"] };

/** Tests of Worker code run inside workerd (`*.test.ts`); tests of the CLI, the stack and the whole system run in Node (`*.node.test.ts`). */
export default defineConfig({
  test: {
    // Each request logs a line; only those of failed tests are worth reading.
    silent: "passed-only",
    // Half of the time tests wait for servers and clocks: more files at once than there are cores.
    maxWorkers: 3,
    projects: [
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              bindings: { ADMIN_TOKEN: "test-admin-token", TICKET_KEYS: `test:${"A".repeat(43)}` },
            },
          }),
        ],
        test: {
          ...PATIENCE,
          name: "workerd",
          include: ["test/**/*.test.ts"],
          exclude: ["test/**/*.node.test.ts"],
        },
      },
      {
        test: {
          ...NODE,
          name: "node",
          include: ["test/**/*.node.test.ts"],
          exclude: ALONE,
        },
      },
      {
        // What is about order and seconds runs when nothing else does.
        test: { ...NODE, name: "alone", include: ALONE, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
