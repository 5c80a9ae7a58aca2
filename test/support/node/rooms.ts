import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { ROOT } from "../../../src/cli/project.ts";
import type { RunningEdge } from "../../../src/cli/serve.ts";
import { serve, startOrigin, type TestOrigin } from "./edge.ts";

/** An edge with waiting rooms before an origin of its own. */
export interface ServedRooms {
  readonly edge: RunningEdge;
  readonly close: () => Promise<void>;
}

/** Serves the shipped rules with these rooms in place of their own, lines of YAML below `rooms:`. */
export async function serveRooms(rooms: string, answer: TestOrigin["answer"]): Promise<ServedRooms> {
  const folder = mkdtempSync(join(tmpdir(), "edge-rooms-"));
  cpSync(join(ROOT, "rules"), folder, { recursive: true });
  const file = join(folder, "queue.yaml");
  const shipped = readFileSync(file, "utf8");
  const edited = shipped.replace(/^rooms:[\s\S]*/m, `rooms:\n${rooms}`);
  expect(edited).not.toBe(shipped);
  writeFileSync(file, edited);
  const origin = await startOrigin(answer);
  const { url } = origin;
  const edge = await serve({ STOREFRONT_ORIGIN: url, ARCHIVE_ORIGIN: url, RULES_DIR: folder });
  return {
    edge,
    close: async () => {
      await edge.close();
      await origin.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
