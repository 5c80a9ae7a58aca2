import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import type { WorkerBundle } from "./bundle.ts";

export interface Startup {
  /** Fresh isolate with our Worker to its first answer, less the same for an empty Worker, in ms: the fastest run, for other work on the machine only ever adds. */
  readonly bestMs: number;
  readonly medianMs: number;
  readonly runs: number;
}

const RUNS = 15;

/**
 * Loads Workers from source into fresh isolates of one workerd and times them to
 * their first answer. workerd's clock stands still while code runs and moves on
 * at I/O, so the time is taken around the load, from outside the loaded Worker.
 */
const TIMER = `
export default {
  async fetch(request, env) {
    const { id, worker } = await request.json();
    const stub = env.LOADER.get(id, () => worker);
    const before = performance.now();
    const response = await stub.getEntrypoint().fetch("http://elsewhere.invalid/");
    await response.text();
    await scheduler.wait(0);
    return Response.json({ ms: performance.now() - before, status: response.status });
  },
};`;

const EMPTY = {
  compatibilityDate: "2026-11-01",
  mainModule: "index.js",
  modules: { "index.js": "export default { fetch() { return new Response(null, { status: 421 }); } };" },
  env: {},
};

/** Start-up cost of the bundle in workerd: isolate, parsing, hydrating the policy, first answer (a 421, which needs no origin). */
export async function measureStartup(bundle: WorkerBundle, policyText: string): Promise<Startup> {
  const worker = {
    compatibilityDate: "2026-11-01",
    mainModule: bundle.main,
    modules: { ...bundle.scripts, [bundle.policyModule]: { text: policyText } },
    env: {
      STOREFRONT_ORIGIN: "http://127.0.0.1:9",
      ARCHIVE_ORIGIN: "http://127.0.0.1:9",
      TICKET_KEYS: `start-up:${"A".repeat(43)}`,
    },
  };
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      modules: [{ type: "ESModule", path: "timer.js", contents: TIMER }],
      compatibilityDate: "2026-11-01",
      workerLoaders: { LOADER: {} },
      cf: false,
    }),
  );
  try {
    const url = await runtime.ready;
    const time = async (id: string, source: unknown): Promise<number> => {
      const response = await fetch(url, { method: "POST", body: JSON.stringify({ id, worker: source }) });
      const result: unknown = await response.json();
      return milliseconds(result);
    };
    const differences: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const empty = await time(`empty-${run}`, EMPTY);
      differences.push((await time(`edge-${run}`, worker)) - empty);
    }
    differences.sort((a, b) => a - b);
    return {
      bestMs: differences[0] ?? Number.NaN,
      medianMs: differences[Math.floor(RUNS / 2)] ?? Number.NaN,
      runs: RUNS,
    };
  } finally {
    await runtime.dispose();
  }
}

function milliseconds(result: unknown): number {
  if (typeof result === "object" && result !== null && "ms" in result && "status" in result) {
    if (result.status === 421 && typeof result.ms === "number") return result.ms;
  }
  throw new Error(`the Worker did not start: ${JSON.stringify(result)}`);
}
