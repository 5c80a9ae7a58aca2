import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

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
        test: { name: "workerd", include: ["test/**/*.test.ts"], exclude: ["test/**/*.node.test.ts"] },
      },
      {
        test: {
          name: "node",
          include: ["test/**/*.node.test.ts"],
          globalSetup: ["test/support/node/bundle.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
