import { createServer } from "node:net";
import { build } from "esbuild";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { compileCache } from "../../../src/cache/compile/index.ts";

/** A Worker that is the cache and nothing else (or another, to compare with), in workerd. */
export interface RunningDoor {
  readonly url: string;
  close(): Promise<void>;
}

export interface DoorOptions {
  /** Folder with cache.yaml. */
  readonly rules: string;
  readonly memoryOnly?: boolean;
  /** Another Worker's source file. */
  readonly worker?: string;
}

const COMPATIBILITY_DATE = "2026-11-01";

/** Starts it in front of `origin`, reached without Miniflare's entry proxy. */
export async function startDoor(origin: string, { rules, memoryOnly = false, worker = "test/cache/door-worker.ts" }: DoorOptions): Promise<RunningDoor> {
  const { value, faults } = compileCache(rules);
  if (value === undefined) throw new Error(JSON.stringify(faults));
  const bundle = await build({
    entryPoints: [worker],
    bundle: true,
    format: "esm",
    write: false,
    logLevel: "silent",
    plugins: [
      {
        name: "compiled-policy",
        setup(setup) {
          setup.onResolve({ filter: /^compiled-policy$/ }, ({ path }) => ({ path, namespace: "compiled" }));
          setup.onLoad({ filter: /.*/, namespace: "compiled" }, () => ({ contents: JSON.stringify(value), loader: "json" }));
        },
      },
    ],
  });
  const port = await freePort();
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modules: true,
      script: bundle.outputFiles[0]?.text ?? "",
      compatibilityDate: COMPATIBILITY_DATE,
      bindings: { ORIGIN: origin, ...(memoryOnly ? { MEMORY_ONLY: "1" } : {}) },
      unsafeDirectSockets: [{ host: "127.0.0.1", port }],
    }),
  );
  await miniflare.ready;
  return { url: `http://127.0.0.1:${port}`, close: async () => miniflare.dispose() };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
