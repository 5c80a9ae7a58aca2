/**
 * The cache's benchmarks: hits a second against a Worker that answers from a Map
 * (the runtime's limit) and one that answers from the Cache API; what the origin
 * sees of a crowd; first bytes; memory.
 *
 *   node bench/cache.ts [--seconds <per round>]
 *
 * Ratios are of medians over rounds in turn, as the machine is not ours alone.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import { type RunningDoor, freePort, startDoor, startWorker } from "../test/support/node/cache-door.ts";
import { type LoadResult, load } from "./http-load.ts";

const ROUNDS = 5;
const CONNECTIONS = 32;
const BODY = "x".repeat(1024);
const PAGE_HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "public, max-age=600",
  etag: '"1"',
};

const MAP_WORKER = `const held = new Map();
export default { async fetch(request, env) {
  const { pathname } = new URL(request.url);
  let found = held.get(pathname);
  if (found === undefined) {
    const response = await fetch(env.ORIGIN + pathname);
    held.set(pathname, (found = { headers: [...response.headers], body: await response.arrayBuffer() }));
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

let asked = 0;

function answer(request: IncomingMessage, response: ServerResponse): void {
  asked++;
  const [, , kind = ""] = (request.url ?? "").split("/");
  const send = (headers: Readonly<Record<string, string>>, body: string, delay = 0): void => {
    setTimeout(
      () => response.writeHead(200, { ...headers, "content-length": Buffer.byteLength(body) }).end(body),
      delay,
    );
  };
  if (kind === "cold") return send(PAGE_HEADERS, BODY, 200);
  if (kind === "private") return send({ "cache-control": "private" }, BODY, 500);
  if (kind === "stale")
    return send(
      { ...PAGE_HEADERS, "cache-control": "max-age=1, stale-while-revalidate=600" },
      BODY,
      asked > 1 ? 20_000 : 0,
    );
  if (request.url?.startsWith("/fragments/") === true) return send(PAGE_HEADERS, BODY, Number(kind));
  if (kind === "composed") {
    const includes = [50, 200, 400].map((ms) => `<esi:include src="/fragments/${ms}"/>`).join("");
    return send({ ...PAGE_HEADERS, "surrogate-control": 'content="ESI/1.0"' }, BODY + includes + BODY);
  }
  send(PAGE_HEADERS, BODY);
}

/** The production edge with these rules. */
async function startEdge(
  origin: string,
  rules: string | undefined,
  children: ChildProcess[],
): Promise<string> {
  const port = await freePort();
  const environment = {
    PORT: String(port),
    STOREFRONT_ORIGIN: origin,
    ARCHIVE_ORIGIN: origin,
    ...(rules === undefined ? {} : { RULES_DIR: rules }),
  };
  const child = spawn(process.execPath, ["src/cli/main.ts", "serve"], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  await new Promise<void>((ready, fail) => {
    child.once("exit", (code) => fail(new Error(`serve ended with ${code}`)));
    child.stdout.on("data", (chunk: Buffer) => {
      if (chunk.toString().includes("ready ")) ready();
    });
  });
  return `http://127.0.0.1:${port}`;
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Hits a second and p50 of each, by rounds in turn. */
async function hits(targets: Readonly<Record<string, string>>, seconds: number): Promise<void> {
  const rounds: Record<string, LoadResult[]> = {};
  for (const url of Object.values(targets)) await (await fetch(url)).arrayBuffer();
  await new Promise((resolve) => setTimeout(resolve, 500));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, url] of Object.entries(targets))
      (rounds[name] ??= []).push(await load(url, CONNECTIONS, seconds * 1000));
  }
  const rate = (name: string): number => median((rounds[name] ?? []).map((result) => result.rate));
  const limit = rate("Map");
  console.log(`hits of 1 KB, ${CONNECTIONS} connections, median of ${ROUNDS} rounds of ${seconds} s`);
  for (const [name, results] of Object.entries(rounds)) {
    const p50 = median(results.map((result) => result.p50));
    const columns = [
      `${rate(name).toFixed(0)}/s`,
      `p50 ${p50.toFixed(2)} ms`,
      `${((100 * rate(name)) / limit).toFixed(0)}% of the Map`,
      `${(rate(name) / rate("Cache API")).toFixed(1)} x the Cache API`,
    ];
    console.log(`  ${name.padEnd(24)} ${columns.map((column) => column.padStart(18)).join("")}`);
  }
}

async function crowd(edge: string): Promise<void> {
  asked = 0;
  await Promise.all(
    Array.from({ length: 1000 }, async () => (await fetch(`${edge}/test/cold/1`)).arrayBuffer()),
  );
  console.log(`1,000 concurrent cold requests: ${asked} origin request(s)`);
  const one = performance.now();
  await (await fetch(`${edge}/test/private/1`)).arrayBuffer();
  const single = performance.now() - one;
  const many = performance.now();
  await Promise.all(
    Array.from({ length: 50 }, async () => (await fetch(`${edge}/test/private/1`)).arrayBuffer()),
  );
  console.log(
    `50 concurrent uncacheable requests: ${((performance.now() - many) / single).toFixed(2)} x one (${single.toFixed(0)} ms)`,
  );
}

async function stale(edge: string, seconds: number): Promise<void> {
  asked = 0;
  await (await fetch(`${edge}/test/stale/1`)).arrayBuffer();
  await (await fetch(`${edge}/test/page/1`)).arrayBuffer();
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const fresh: number[] = [];
  const old: number[] = [];
  asked = 1;
  for (let round = 0; round < ROUNDS; round++) {
    fresh.push((await load(`${edge}/test/page/1`, CONNECTIONS, (seconds * 1000) / 2)).p50);
    old.push((await load(`${edge}/test/stale/1`, CONNECTIONS, (seconds * 1000) / 2)).p50);
  }
  console.log(
    `stale hits: p50 ${(median(old) / median(fresh)).toFixed(2)} x a fresh hit's, ${asked - 1} refresh(es) under way`,
  );
}

async function composed(edge: string): Promise<void> {
  const began = performance.now();
  const response = await fetch(`${edge}/product/composed`);
  const reader = response.body?.getReader();
  await reader?.read();
  const first = performance.now() - began;
  while ((await reader?.read())?.done === false);
  console.log(
    `composed page, slowest fragment 400 ms: first byte ${first.toFixed(0)} ms, last ${(performance.now() - began).toFixed(0)} ms`,
  );
}

/** Resident bytes of all workerd processes below this one. */
function residentBytes(): number {
  const children = (parent: number): number[] =>
    readdirSync(`/proc/${parent}/task`).flatMap((task) =>
      readFileSync(`/proc/${parent}/task/${task}/children`, "utf8")
        .trim()
        .split(" ")
        .filter(Boolean)
        .map(Number),
    );
  const pages = (pid: number): number =>
    Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * 4096;
  return children(process.pid).reduce((sum, pid) => sum + pages(pid), 0);
}

async function memory(origin: string, seconds: number): Promise<void> {
  const door = await startDoor(origin, { rules: "test/cache/rules", memoryOnly: true });
  const page = `${door.url}/test/page/0`;
  // workerd takes some 200 MB before it begins to collect, whatever it serves: measured after that.
  await load(page, CONNECTIONS, seconds * 4000);
  const before = residentBytes();
  for (let index = 0; index < 10_000; index += 50) {
    await Promise.all(
      Array.from({ length: 50 }, async (_, offset) =>
        (await fetch(`${door.url}/test/page/${index + offset}`)).arrayBuffer(),
      ),
    );
  }
  await load(page, CONNECTIONS, seconds * 2000);
  const accounted: unknown = await (await fetch(`${door.url}/_memory`)).json();
  console.log(
    `10,000 objects of 1 KB: ${JSON.stringify(accounted)}, resident ${((residentBytes() - before) / 1e6).toFixed(1)} MB more`,
  );
  await door.close();
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { seconds: { type: "string", default: "3" } } });
  const seconds = Number(values.seconds);
  const server = createServer(answer);
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const children: ChildProcess[] = [];
  const doors: RunningDoor[] = [];
  try {
    await memory(origin, seconds);
    const [map, api, door] = await Promise.all([
      startWorker(MAP_WORKER, { ORIGIN: origin }),
      startWorker(CACHE_API_WORKER, { ORIGIN: origin }),
      startDoor(origin, { rules: "test/cache/rules" }),
    ]);
    doors.push(map, api, door);
    const bare = await startEdge(origin, "test/cache-conformance/rules", children);
    const shipped = await startEdge(origin, undefined, children);
    const targets = {
      Map: `${map.url}/test/page/1`,
      "Cache API": `${api.url}/test/page/1`,
      "cache alone": `${door.url}/test/page/1`,
      "edge, empty rule set": `${bare}/test/page/1`,
      "edge, shipped rules": `${shipped}/product/1`,
    };
    await hits(targets, seconds);
    await crowd(bare);
    await stale(bare, seconds);
    await composed(shipped);
  } finally {
    for (const child of children) child.kill();
    await Promise.all(doors.map(async (running) => running.close()));
    server.closeAllConnections();
    server.close();
  }
}

await main();
