/**
 * The cache's benchmarks: hits a second against a Worker that answers from a Map
 * (the runtime's limit) and one that answers from the Cache API; what the origin
 * sees of a crowd; stale hits; first bytes; memory.
 *
 *   node bench/cache.ts [--seconds <per round>] [--only hits|crowd|stale|composed|memory]
 *
 * Every target is a workerd of its own without Miniflare's entry proxy, asked by
 * the same client for the same body with a browser's headers, warm, in turn;
 * figures are medians over rounds, as the machine is not ours alone. The edge is
 * the production bundle as `npm run serve` starts it. It writes its log line for
 * every request, but to /dev/null: reading a log is no cost of the edge, and
 * Miniflare would parse it on the cores that are measured.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import { type RunningDoor, freePort, startDoor } from "../test/support/node/cache-door.ts";
import { CONNECTIONS, hits, median, startCacheApi, startMap, target } from "./cache-hits.ts";
import { load } from "./http-load.ts";
import { quietWorkerd, residentBytes } from "./processes.ts";

const ROUNDS = 5;
const BODY = "x".repeat(1024);
const PAGE_HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "public, max-age=600",
  etag: '"1"',
};
/** A refresh that outlasts the measuring of a round, and not the gateway's deadline of 10 s. */
const REFRESH_MS = 9_000;

let asked = 0;
let underWay = 0;
let mostUnderWay = 0;

function answer(request: IncomingMessage, response: ServerResponse): void {
  asked++;
  underWay++;
  mostUnderWay = Math.max(mostUnderWay, underWay);
  response.on("close", () => underWay--);
  const [, , kind = ""] = (request.url ?? "").split("/");
  const send = (headers: Readonly<Record<string, string>>, body: string, delay = 0): void => {
    setTimeout(
      () => response.writeHead(200, { ...headers, "content-length": Buffer.byteLength(body) }).end(body),
      delay,
    );
  };
  if (kind === "cold") return send(PAGE_HEADERS, BODY, 200);
  if (kind === "unkept") return send({ "cache-control": "no-store" }, BODY);
  if (kind === "private") return send({ "cache-control": "private" }, BODY, 500);
  if (kind === "stale")
    return send(
      { ...PAGE_HEADERS, "cache-control": "max-age=1, stale-while-revalidate=600" },
      BODY,
      asked > 1 ? REFRESH_MS : 0,
    );
  if (request.url?.startsWith("/fragments/") === true) return send(PAGE_HEADERS, BODY, Number(kind));
  if (kind.startsWith("composed-")) {
    const includes = [50, 200, 400].map((ms) => `<esi:include src="/fragments/${ms}/${kind}"/>`).join("");
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
    MINIFLARE_WORKERD_PATH: quietWorkerd(),
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

/** Milliseconds that `work` takes. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

async function together(count: number, url: string): Promise<void> {
  await Promise.all(Array.from({ length: count }, async () => (await fetch(url)).arrayBuffer()));
}

async function crowd(edge: string, seconds: number): Promise<void> {
  await load(`${edge}/test/page/1`, CONNECTIONS, seconds * 1000);
  asked = 0;
  await together(1000, `${edge}/test/cold/1`);
  console.log(`1,000 concurrent cold requests: ${asked} origin request(s)`);
  const ratios: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const url = `${edge}/test/private/${round}`;
    const one = await timed(async () => together(1, url));
    ratios.push((await timed(async () => together(50, url))) / one);
  }
  console.log(`50 concurrent uncacheable requests of 0.5 s: ${median(ratios).toFixed(2)} x one`);
}

/** Rounds of stale hits while a refresh hangs, each beside one of fresh hits. */
async function stale(edge: string, seconds: number): Promise<void> {
  const ratios: number[] = [];
  let refreshes = 0;
  mostUnderWay = 0;
  for (let round = 0; round < ROUNDS; round++) {
    asked = 0;
    await (await fetch(`${edge}/test/stale/${round}`)).arrayBuffer();
    await (await fetch(`${edge}/test/page/1`)).arrayBuffer();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    asked = 1;
    const fresh = await load(`${edge}/test/page/1`, CONNECTIONS, seconds * 1000);
    const old = await load(`${edge}/test/stale/${round}`, CONNECTIONS, seconds * 1000);
    ratios.push(old.p50 / fresh.p50);
    refreshes += asked - 1;
    await new Promise((resolve) => setTimeout(resolve, REFRESH_MS - seconds * 1000));
  }
  console.log(
    `stale hits: p50 ${median(ratios).toFixed(2)} x a fresh hit's; ${refreshes} refreshes of ${ROUNDS} objects, ${mostUnderWay} under way at once at most`,
  );
}

async function composed(edge: string, seconds: number): Promise<void> {
  await load(`${edge}/product/1`, CONNECTIONS, seconds * 1000);
  const first: number[] = [];
  const last: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now();
    const reader = (await fetch(`${edge}/product/composed-${round}`)).body?.getReader();
    await reader?.read();
    first.push(performance.now() - began);
    while ((await reader?.read())?.done === false);
    last.push(performance.now() - began);
  }
  console.log(
    `cold composed page, slowest fragment 400 ms: first byte ${median(first).toFixed(0)} ms, last ${median(last).toFixed(0)} ms`,
  );
}

/** Asks for 10,000 pages of a kind, and then for one until the runtime has had occasion to collect. */
async function pages(door: string, kind: string, seconds: number): Promise<number> {
  for (let index = 0; index < 10_000; index += 50) {
    await Promise.all(
      Array.from({ length: 50 }, async (_, offset) =>
        (await fetch(`${door}/test/${kind}/${index + offset}`)).arrayBuffer(),
      ),
    );
  }
  await load(`${door}/test/page/0`, CONNECTIONS, seconds * 4000);
  return residentBytes();
}

/** The same work twice, the first time for pages that are not kept: workerd takes some 200 MB before it collects, whatever it serves. */
async function memory(origin: string, seconds: number): Promise<void> {
  const door = await startDoor(origin, { rules: "test/cache/rules", memoryOnly: true });
  await pages(door.url, "unkept", seconds);
  const before = await pages(door.url, "unkept", seconds);
  const more = (await pages(door.url, "page", seconds)) - before;
  const accounted: unknown = await (await fetch(`${door.url}/_memory`)).json();
  console.log(
    `10,000 objects of 1 KB: ${JSON.stringify(accounted)}, resident ${(more / 1e6).toFixed(1)} MB more`,
  );
  await door.close();
}

/** A bare edge and one with the store's own rules, and what they are held against. */
async function compared(
  origin: string,
  children: ChildProcess[],
  doors: RunningDoor[],
  seconds: number,
): Promise<void> {
  const door = (start: (origin: string) => Promise<RunningDoor>) => async (): Promise<string> => {
    const running = await start(origin);
    doors.push(running);
    return running.url;
  };
  const page = "/test/page/1";
  const targets = [
    await target("Map", page, door(startMap)),
    await target("Cache API", page, door(startCacheApi)),
    await target(
      "cache alone",
      page,
      door(async () => startDoor(origin, { rules: "test/cache/rules" })),
    ),
    await target("edge, empty rule set", page, async () => startEdge(origin, EMPTY, children)),
    await target("edge, shipped rules", "/product/1", async () => startEdge(origin, undefined, children)),
  ];
  await hits(targets, seconds);
}

const EMPTY = "test/cache-conformance/rules";
const PARTS = ["memory", "hits", "crowd", "stale", "composed"];

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { seconds: { type: "string", default: "3" }, only: { type: "string" } },
  });
  const seconds = Number(values.seconds);
  const wanted = (part: string): boolean => values.only === undefined || values.only === part;
  if (!PARTS.some(wanted)) throw new Error(`--only takes one of ${PARTS.join(", ")}`);
  const server = createServer(answer);
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const children: ChildProcess[] = [];
  const doors: RunningDoor[] = [];
  try {
    if (wanted("memory")) await memory(origin, seconds);
    if (wanted("hits")) await compared(origin, children, doors, seconds);
    const edge = async (rules?: string): Promise<string> => startEdge(origin, rules, children);
    if (wanted("crowd")) await crowd(await edge(EMPTY), seconds);
    if (wanted("stale")) await stale(await edge(EMPTY), seconds);
    if (wanted("composed")) await composed(await edge(), seconds);
  } finally {
    for (const child of children) child.kill();
    await Promise.all(doors.map(async (running) => running.close()));
    server.closeAllConnections();
    server.close();
  }
}

await main();
