import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { inject } from "vitest";
import { compilePolicy } from "../../../src/cli/compile.ts";
import { type RunningEdge, edgeWorker, freePort } from "../../../src/cli/serve.ts";
import { readServeSettings } from "../../../src/cli/settings.ts";
import { ADMIN_TOKEN } from "./edge.ts";

/**
 * The production bundle in two isolates of one site: they share the Durable Objects
 * and the Cache API, and nothing else. `environment` as `npm run serve` reads it.
 */
export async function serveTwoIsolates(
  environment: Record<string, string>,
): Promise<readonly [RunningEdge, RunningEdge]> {
  const settings = readServeSettings({ PORT: "0", ADMIN_TOKEN, ...environment });
  const policy = await compilePolicy(settings.sources);
  const [first, second] = [await freePort(), await freePort()];
  const worker = edgeWorker(settings, inject("bundle"), policy, [first, second]);
  const declared: unknown = "durableObjects" in worker ? worker.durableObjects : undefined;
  const objects = Object.entries(declared ?? {}).map(([binding, object]: [string, object]) => [
    binding,
    { ...object, scriptName: worker.name },
  ]);
  const at = (port: number) => ({ unsafeDirectSockets: [{ host: "127.0.0.1", port }] });
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      workers: [
        { ...worker, ...at(first) },
        { ...worker, name: "edge-2", durableObjects: Object.fromEntries(objects), ...at(second) },
      ],
      cf: false,
    }),
  );
  await runtime.ready;
  const running = (port: number): RunningEdge => ({
    url: `http://127.0.0.1:${port}`,
    directUrl: `http://127.0.0.1:${port}`,
    rules: policy.sentinel.rules.length,
    close: () => runtime.dispose(),
  });
  return [running(first), running(second)];
}
