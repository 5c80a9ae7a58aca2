import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ROOT } from "../../src/cli/project.ts";
import { mostWithin, queueUp } from "../support/node/queuer.ts";
import { originForTest, serve } from "../support/node/edge.ts";

/** N, and more people than one minute takes. */
const PER_MINUTE = 180;
const VISITORS = 230;

it(
  `a room at ${PER_MINUTE}/min with ${VISITORS} people before it lets in no more than that in any minute, and nearly as many`,
  { timeout: 150_000 },
  async () => {
    const origin = await originForTest(
      (_request, response) => void response.writeHead(200, { "content-type": "text/html" }).end("the sale"),
    );
    const rules = mkdtempSync(join(tmpdir(), "edge-rules-"));
    cpSync(join(ROOT, "rules"), rules, { recursive: true });
    const yaml = readFileSync(join(rules, "queue.yaml"), "utf8");
    const edited = yaml.replace("rate: 600/min", `rate: ${PER_MINUTE}/min`);
    expect(edited).not.toBe(yaml);
    writeFileSync(join(rules, "queue.yaml"), edited);
    const edge = await serve({
      STOREFRONT_ORIGIN: origin.url,
      ARCHIVE_ORIGIN: origin.url,
      RULES_DIR: rules,
    });
    try {
      const admitted = await Promise.all(Array.from({ length: VISITORS }, () => queueUp(`${edge.url}/sale`)));
      expect(admitted.filter(({ body }) => body === "the sale")).toHaveLength(VISITORS);
      const times = admitted.map(({ admittedAt }) => admittedAt).toSorted((a, b) => a - b);
      const most = mostWithin(times, 60_000);
      expect(most).toBeLessThanOrEqual(PER_MINUTE);
      expect(most).toBeGreaterThan(0.9 * PER_MINUTE);
    } finally {
      await edge.close();
      await origin.close();
      rmSync(rules, { recursive: true, force: true });
    }
  },
);
