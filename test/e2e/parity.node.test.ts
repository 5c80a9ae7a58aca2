import { join } from "node:path";
import { expect, it } from "vitest";
import { ROOT } from "../../src/cli/project.ts";
import { asSent, judgeHere, judgedByEdge } from "../../src/cli/replay.ts";
import { compileSentinel, exchangeOf } from "../../src/sentinel/compile/index.ts";
import { ADMIN_TOKEN, originForTest, serve } from "../support/node/edge.ts";

it(
  "Sentinel judges every example of the shipped rules alike in this process and over HTTP",
  { timeout: 120_000 },
  async () => {
    const origin = await originForTest((request, response) => {
      request.resume();
      response.end("page");
    });
    const edge = await serve({
      STOREFRONT_ORIGIN: origin.url,
      ARCHIVE_ORIGIN: origin.url,
      SENTINEL_MODE: "monitor",
    });
    try {
      const { value, tests } = compileSentinel(join(ROOT, "rules"));
      if (value === undefined) throw new Error("the shipped rules do not compile");
      const here = judgeHere(value);
      const address = { url: edge.url, token: ADMIN_TOKEN };
      const counts = { alike: 0, refused: 0 };
      for (const { rule, example } of tests) {
        const { request, response } = exchangeOf(example);
        if (response !== null) continue;
        const sent = asSent(request, address);
        const theirs = await judgedByEdge(sent, address);
        if (theirs === null) {
          counts.refused++;
          continue;
        }
        counts.alike++;
        expect(theirs, `${rule}: ${request.method} ${request.target}`).toEqual(await here(sent));
      }
      // What HTTP itself refuses (raw spaces, broken headers) does not reach Sentinel: few, and counted.
      expect(counts.alike).toBeGreaterThan(400);
      expect(counts.refused).toBeLessThan(counts.alike / 10);
    } finally {
      await edge.close();
    }
  },
);
