/** Start-up and memory of the rules as they are in workerd. `node bench/sentinel.ts` */
import { build } from "esbuild";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { gzipSync } from "node:zlib";
import type { SentinelPackage } from "../src/sentinel/index.ts";
import { print } from "./table.ts";

/** So many copies of a package are kept, and the mean is told. */
const COPIES = 8;

/** Both tables; `many`: other packages whose memory is of interest, by name. */
export async function inWorkerd(
  pkg: SentinelPackage,
  many: Readonly<Record<string, SentinelPackage>>,
): Promise<void> {
  const empty = { ...pkg, rules: [], literals: [], expressions: [], lists: [], exclusions: [] };
  await startUp(pkg, empty);
  print("", "");
  print(`heap that a package takes in workerd, MiB, mean of ${COPIES}`, "objects", "tables");
  for (const [name, asked] of Object.entries({ "no rules": empty, "the rules as shipped": pkg, ...many })) {
    const { objects, tables } = await heap(asked);
    print(name, objects, tables);
  }
}

async function bundled(entry: string): Promise<string> {
  const bundle = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: "esm",
    write: false,
    target: "es2024",
  });
  return bundle.outputFiles[0]?.text ?? "";
}

/** Hydration: the time from a request with the package to the answer, first and later ones. */
async function startUp(pkg: SentinelPackage, empty: SentinelPackage): Promise<void> {
  const script = await bundled("test/sentinel/parity-worker.ts");
  const runtime = new Miniflare(
    convertV4MiniflareOptions({ modules: true, script, compatibilityDate: "2026-11-01" }),
  );
  const ask = async (asked: SentinelPackage): Promise<number> => {
    const began = performance.now();
    const answer = await runtime.dispatchFetch("http://edge/", {
      method: "POST",
      body: JSON.stringify({ pkg: asked, requests: [] }),
    });
    await answer.text();
    return performance.now() - began;
  };
  await ask(empty);
  const cold = await ask(pkg);
  const median = async (asked: SentinelPackage): Promise<number> => {
    const times: number[] = [];
    for (let at = 0; at < 15; at++) times.push(await ask(asked));
    return times.toSorted((a, b) => a - b)[7] ?? 0;
  };
  const warm = await median(pkg);
  print("start-up in workerd, wall ms", "cold", "warm", "no rules");
  print(
    `module of ${Math.ceil(gzipSync(script).length / 1024)} KiB, package of ${Math.ceil(gzipSync(JSON.stringify(pkg)).length / 1024)} KiB (gzip)`,
    cold,
    warm,
    await median(empty),
  );
  await runtime.dispose();
}

/** Mebibytes that a package takes: the least seen between collections. */
async function heap(pkg: SentinelPackage): Promise<{ readonly objects: number; readonly tables: number }> {
  const script = await bundled("bench/sentinel-kept-worker.ts");
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      modules: true,
      script,
      compatibilityDate: "2026-11-01",
      inspectorPort: 0,
    }),
  );
  const { host } = await runtime.getInspectorURL();
  const inspector = await connect(`ws://${host}/core:user:`);
  const keep = async (): Promise<void> => {
    const sent = { method: "POST", body: JSON.stringify(pkg) };
    await (await runtime.dispatchFetch("http://edge/", sent)).arrayBuffer();
  };
  const least = async (): Promise<Usage> => {
    let found: Usage = { usedSize: Infinity, backingStorageSize: Infinity };
    for (let turn = 0; turn < 12; turn++) {
      await (await runtime.dispatchFetch("http://edge/")).arrayBuffer();
      const usage = await inspector.usage();
      if (usage.usedSize + usage.backingStorageSize < found.usedSize + found.backingStorageSize)
        found = usage;
    }
    return found;
  };
  await keep();
  const one = await least();
  for (let copy = 1; copy <= COPIES; copy++) await keep();
  const all = await least();
  inspector.close();
  await runtime.dispose();
  const share = (of: keyof Usage): number => (all[of] - one[of]) / COPIES / 1_048_576;
  return { objects: share("usedSize"), tables: share("backingStorageSize") };
}

interface Usage {
  readonly usedSize: number;
  readonly backingStorageSize: number;
}

/** The runtime's inspector, as far as it tells how large its heap is. */
async function connect(url: string): Promise<{ usage: () => Promise<Usage>; close: () => void }> {
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("error", () => reject(new Error("no inspector")));
  });
  let asked = 0;
  const usage = async (): Promise<Usage> => {
    const id = ++asked;
    const answer = new Promise<Usage>((resolve) => {
      const listen = ({ data }: MessageEvent<string>): void => {
        const message: { id?: number; result?: Usage } = JSON.parse(data);
        if (message.id !== id || message.result === undefined) return;
        socket.removeEventListener("message", listen);
        resolve(message.result);
      };
      socket.addEventListener("message", listen);
    });
    socket.send(JSON.stringify({ id, method: "Runtime.getHeapUsage" }));
    return answer;
  };
  return { usage, close: () => socket.close() };
}
