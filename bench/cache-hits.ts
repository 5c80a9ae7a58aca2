/** Hits a second and processor time a hit, of the edge and of what it is held against. */
import { type RunningDoor, startWorker } from "../test/support/node/cache-door.ts";
import { type LoadResult, load } from "./http-load.ts";
import { cpuMicros, workerds } from "./processes.ts";

const ROUNDS = 7;
/** Time until the engine has compiled what is hot, in s. */
const WARM_UP = 8;
export const CONNECTIONS = 32;

/** What a browser sends with a click: every target gets the same. */
export const BROWSER: Readonly<Record<string, string>> = {
  "user-agent":
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
  accept: "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
  "accept-language": "pt-BR,pt;q=0.9,en;q=0.8",
  "accept-encoding": "gzip, deflate, br, zstd",
  referer: "https://store.acme.com/catalog",
  "sec-fetch-dest": "document",
  "sec-fetch-mode": "navigate",
  "sec-fetch-site": "same-origin",
  cookie: "sid=8f0c2a; currency=brl; consent=1",
};

/** The runtime's limit: a Worker that does nothing but look into a Map. */
const MAP_WORKER = `const held = new Map();
export default { async fetch(request, env) {
  const { pathname } = new URL(request.url);
  let found = held.get(pathname);
  if (found === undefined) {
    const response = await fetch(env.ORIGIN + pathname);
    held.set(pathname, (found = { headers: new Headers(response.headers), body: await response.arrayBuffer() }));
  }
  return new Response(found.body, { headers: found.headers });
} };`;

const CACHE_API_WORKER = `export default { async fetch(request, env, context) {
  const found = await caches.default.match(request);
  if (found) return found;
  const response = await fetch(env.ORIGIN + new URL(request.url).pathname);
  context.waitUntil(caches.default.put(request, response.clone()));
  return response;
} };`;

export interface Target {
  readonly name: string;
  readonly url: string;
  /** Of its workerd. */
  readonly pid: number;
}

/** Starts something and finds out which workerd it runs in. */
export async function target(name: string, path: string, start: () => Promise<string>): Promise<Target> {
  const before = workerds();
  const url = (await start()) + path;
  const [pid] = [...workerds()].filter((found) => !before.has(found));
  if (pid === undefined) throw new Error(`${name} has no workerd`);
  return { name, url, pid };
}

export async function startMap(origin: string): Promise<RunningDoor> {
  return startWorker(MAP_WORKER, { ORIGIN: origin });
}

export async function startCacheApi(origin: string): Promise<RunningDoor> {
  return startWorker(CACHE_API_WORKER, { ORIGIN: origin });
}

export function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}

interface Round extends LoadResult {
  /** Processor time an answer, in us. */
  readonly cpu: number;
}

async function round({ url, pid }: Target, seconds: number): Promise<Round> {
  const before = cpuMicros(pid);
  const result = await load(url, CONNECTIONS, seconds * 1000, BROWSER);
  return { ...result, cpu: (cpuMicros(pid) - before) / result.count };
}

/**
 * Each target in turn, round for round, after a warm-up. The first is what the
 * others are shares of, the second what they are multiples of.
 */
export async function hits(targets: readonly Target[], seconds: number): Promise<void> {
  const rounds = targets.map((): Round[] => []);
  for (const each of targets) await round(each, WARM_UP);
  for (let count = 0; count < ROUNDS; count++)
    for (const [index, each] of targets.entries()) rounds[index]?.push(await round(each, seconds));
  console.log(`hits of 1 KB, ${CONNECTIONS} connections, median of ${ROUNDS} rounds of ${seconds} s`);
  const of = (index: number, what: "rate" | "p50" | "cpu"): number =>
    median((rounds[index] ?? []).map((result) => result[what]));
  for (const [index, { name }] of targets.entries()) {
    const columns = [
      `${of(index, "rate").toFixed(0)}/s`,
      `p50 ${of(index, "p50").toFixed(2)} ms`,
      `cpu ${of(index, "cpu").toFixed(0)} us`,
      `${((100 * of(index, "rate")) / of(0, "rate")).toFixed(0)}% of the Map`,
      `${((100 * of(0, "cpu")) / of(index, "cpu")).toFixed(0)}% by cpu`,
      `${(of(index, "rate") / of(1, "rate")).toFixed(1)} x the Cache API`,
    ];
    console.log(`  ${name.padEnd(22)}${columns.map((column) => column.padStart(20)).join("")}`);
  }
}
