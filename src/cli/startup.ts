import { existsSync, readFileSync, readdirSync } from "node:fs";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import type { WorkerBundle } from "./project.ts";

export interface Startup {
  /** CPU time of one start in ms: fresh isolate with our Worker to its first answer, less the same for an empty Worker. */
  readonly cpuMs: number;
  /** The same by the clock, the fastest run: other work on the machine only ever adds. */
  readonly bestMs: number;
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
    // Once for what the first isolate of a process pays for all.
    await time("first", EMPTY);
    const series = async (name: string, source: unknown): Promise<{ best: number; cpu: number | null }> => {
      const before = workerdCpuMs();
      const times: number[] = [];
      for (let run = 0; run < RUNS; run++) times.push(await time(`${name}-${run}`, source));
      const after = workerdCpuMs();
      return {
        best: Math.min(...times),
        cpu: before === null || after === null ? null : (after - before) / RUNS,
      };
    };
    const empty = await series("empty", EMPTY);
    const edge = await series("edge", worker);
    const bestMs = edge.best - empty.best;
    const cpuMs = edge.cpu === null || empty.cpu === null ? bestMs : edge.cpu - empty.cpu;
    return { cpuMs, bestMs, runs: RUNS };
  } finally {
    await runtime.dispose();
  }
}

/** Kernel ticks a second: 100 on every Linux that Node runs on. */
const TICK_MS = 10;

/** CPU time that workerd, this process' child, has used so far, in ms; null where the system does not tell (no /proc). */
function workerdCpuMs(): number | null {
  if (!existsSync("/proc/self/stat")) return null;
  const ticks = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => statOf(pid))
    .filter((stat) => stat !== null && stat.command === "workerd" && stat.parent === process.pid)
    .reduce((sum, stat) => sum + (stat?.ticks ?? 0), 0);
  return ticks * TICK_MS;
}

/** Name, parent and CPU ticks of a process, from proc(5); null where it has just ended. */
function statOf(pid: string): { command: string; parent: number; ticks: number } | null {
  try {
    const [, command = "", rest = ""] =
      /^\d+ \((.*)\) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
    const fields = rest.split(" ");
    return { command, parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
  } catch {
    return null;
  }
}

function milliseconds(result: unknown): number {
  if (typeof result === "object" && result !== null && "ms" in result && "status" in result) {
    if (result.status === 421 && typeof result.ms === "number") return result.ms;
  }
  throw new Error(`the Worker did not start: ${JSON.stringify(result)}`);
}
