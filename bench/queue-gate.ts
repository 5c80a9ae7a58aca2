/**
 * What the gate adds to a request when no queue is active: the real door in real
 * workerd, called many times within one request and timed from outside, because
 * clocks inside stand still between I/O.
 *
 *   node bench/queue-gate.ts
 */
import { build } from "esbuild";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { compileQueue } from "../src/queue/compile/index.ts";
import { join } from "node:path";
import { ROOT } from "../src/cli/project.ts";

const CALLS = 40_000;
const ROUNDS = 5;

const worker = (policy: string): string => `
import { createQueue, ticketKeys, RoomObject, GateObject } from ${JSON.stringify(join(ROOT, "src/queue/index.ts"))};
export { RoomObject, GateObject };
const policy = ${policy};
let queue;
export default {
  async fetch(request, env, context) {
    queue ??= createQueue(policy, { rooms: env.ROOM, gates: env.GATE, keys: ticketKeys("k:" + "A".repeat(43)), cacheApi: caches.default, secure: true, capacity: { threshold: 65, replicasMin: 2 } });
    const url = new URL(request.url);
    const waitUntil = (work) => context.waitUntil(work);
    const now = Date.now();
    const call = (headers, rooms = {}) => queue.gate({ path: url.pathname, foldedPath: url.pathname, method: "GET", headers, clientIp: "192.0.2.1", private: false, verifiedBot: false }, rooms, waitUntil, now);
    const headers = new Headers({ accept: "text/html", "user-agent": "bench" });
    if (url.searchParams.has("line")) {
      const wait = { [policy.rooms[0].name]: { state: "hold", changedAt: 1 } };
      const first = await call(headers, wait);
      headers.set("cookie", "session=abc; " + first.response.headers.getSetCookie().map((line) => line.split(";")[0]).join("; "));
      headers.set("accept", url.searchParams.get("line"));
      for (let count = Number(url.searchParams.get("calls")); count > 0; count--) await call(headers, wait);
      return new Response("line");
    }
    if (url.searchParams.has("pass")) {
      const first = await call(headers);
      headers.set("cookie", "session=abc; " + first.setCookies.map((line) => line.split(";")[0]).join("; "));
    }
    let kind = "";
    for (let count = Number(url.searchParams.get("calls")); count > 0; count--) kind = (await call(headers)).kind;
    return new Response(kind);
  },
};`;

async function main(): Promise<void> {
  const { value } = compileQueue(join(ROOT, "rules"));
  const bundle = await build({
    stdin: { contents: worker(JSON.stringify(value)), resolveDir: ROOT, loader: "js" },
    bundle: true,
    format: "esm",
    target: "es2024",
    write: false,
    external: ["cloudflare:workers"],
  });
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: "gate",
      modules: [{ type: "ESModule", path: "gate.js", contents: bundle.outputFiles[0]?.text ?? "" }],
      modulesRoot: ".",
      compatibilityDate: "2026-11-01",
      durableObjects: {
        ROOM: { className: "RoomObject", useSQLite: true },
        GATE: { className: "GateObject", useSQLite: true },
      },
    }),
  );
  try {
    for (const [name, path] of [
      ["a path without a room", "/catalog?"],
      ["a visitor with a pass", "/sale?pass&"],
      ["a page for somebody in line", "/sale?line=text/html&"],
      ["a poll of somebody in line", "/sale?line=application/json&"],
    ] as const) {
      const times: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const idle = await timed(miniflare, `${path}calls=0`);
        times.push(((await timed(miniflare, `${path}calls=${CALLS}`)) - idle) / CALLS);
      }
      const median = times.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? Number.NaN;
      process.stdout.write(`${name.padEnd(30)} ${(median * 1000).toFixed(2)} us a request (limit 50)\n`);
      if (median > 0.05) process.exitCode = 1;
    }
  } finally {
    await miniflare.dispose();
  }
}

async function timed(miniflare: Miniflare, path: string): Promise<number> {
  const begun = performance.now();
  await (await miniflare.dispatchFetch(`http://edge${path}`)).text();
  return performance.now() - begun;
}

await main();
