import { createServer } from "node:net";
import { build } from "esbuild";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { compileCache } from "../../../src/cache/compile/index.ts";

/** A Worker alone in workerd, reached without Miniflare's entry proxy. */
export interface RunningDoor {
  readonly url: string;
  close(): Promise<void>;
}

export interface DoorOptions {
  /** Folder with cache.yaml. */
  readonly rules: string;
  readonly memoryOnly?: boolean;
}

const COMPATIBILITY_DATE = "2026-11-01";

/** Starts a Worker that is the cache and nothing else in front of `origin`. */
export async function startDoor(
  origin: string,
  { rules, memoryOnly = false }: DoorOptions,
): Promise<RunningDoor> {
  const { value, faults } = compileCache(rules);
  if (value === undefined) throw new Error(JSON.stringify(faults));
  const bundle = await build({
    entryPoints: ["test/cache/door-worker.ts"],
    bundle: true,
    format: "esm",
    write: false,
    logLevel: "silent",
    plugins: [
      {
        name: "compiled-policy",
        setup(setup) {
          setup.onResolve({ filter: /^compiled-policy$/ }, ({ path }) => ({ path, namespace: "compiled" }));
          setup.onLoad({ filter: /.*/, namespace: "compiled" }, () => ({
            contents: JSON.stringify(value),
            loader: "json",
          }));
        },
      },
    ],
  });
  return startWorker(bundle.outputFiles[0]?.text ?? "", {
    ORIGIN: origin,
    ...(memoryOnly ? { MEMORY_ONLY: "1" } : {}),
  });
}

/** Starts a Worker of one module. */
export async function startWorker(
  script: string,
  bindings: Readonly<Record<string, string>> = {},
): Promise<RunningDoor> {
  const port = await freePort();
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modules: true,
      script,
      compatibilityDate: COMPATIBILITY_DATE,
      bindings,
      unsafeDirectSockets: [{ host: "127.0.0.1", port }],
    }),
  );
  await miniflare.ready;
  return { url: `http://127.0.0.1:${port}`, close: async () => miniflare.dispose() };
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
