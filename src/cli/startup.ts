import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import type { WorkerBundle } from "./project.ts";

/** Wall-clock ms of the fastest of `runs` starts, less the same for an empty Worker: other work on the machine only ever adds. */
export interface Startup {
  /** What the platform calls start-up: a fresh isolate reads the script and runs its global scope. */
  readonly scriptMs: number;
  /** To the first answer: the policy hydrated and everything wired as well. */
  readonly answerMs: number;
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

/** Reads the whole script and does nothing with it. */
const SCRIPT_ONLY =
  'import "./index.js"; export default { fetch() { return new Response(null, { status: 421 }); } };';

/** Starts the bundle in fresh isolates; the first answer is a 421, which needs no origin. */
export async function measureStartup(bundle: WorkerBundle, policyText: string): Promise<Startup> {
  const modules = { ...bundle.scripts, [bundle.policyModule]: { text: policyText } };
  const worker = {
    compatibilityDate: "2026-11-01",
    mainModule: bundle.main,
    modules,
    env: {
      STOREFRONT_ORIGIN: "http://127.0.0.1:9",
      ARCHIVE_ORIGIN: "http://127.0.0.1:9",
      TICKET_KEYS: `start-up:${"A".repeat(43)}`,
    },
  };
  const scriptOnly = {
    ...worker,
    mainModule: "script-only.js",
    modules: { ...modules, "script-only.js": SCRIPT_ONLY },
  };
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      modules: [{ type: "ESModule", path: "timer.js", contents: TIMER }],
      compatibilityDate: "2026-11-01",
      workerLoaders: { LOADER: {} },
      cf: false,
      // What the loaded Workers log is not of interest here.
      handleStructuredLogs: () => undefined,
    }),
  );
  try {
    const url = await runtime.ready;
    const time = async (id: string, source: unknown): Promise<number> => {
      const response = await fetch(url, { method: "POST", body: JSON.stringify({ id, worker: source }) });
      const result: unknown = await response.json();
      return milliseconds(result);
    };
    // Once for what the first isolate of a process pays for all.
    await time("first", EMPTY);
    const times = { empty: [] as number[], script: [] as number[], answer: [] as number[] };
    for (let run = 0; run < RUNS; run++) {
      times.empty.push(await time(`empty-${run}`, EMPTY));
      times.script.push(await time(`script-${run}`, scriptOnly));
      times.answer.push(await time(`answer-${run}`, worker));
    }
    const empty = Math.min(...times.empty);
    return {
      scriptMs: Math.min(...times.script) - empty,
      answerMs: Math.min(...times.answer) - empty,
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
