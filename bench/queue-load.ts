/**
 * The waiting room on real workerd: many virtual visitors against `npm run serve`,
 * which is killed and started again in the middle. Reports the most admissions in
 * any 60 s, the order, latencies and calls of objects. 127.0.0.1 only.
 *
 *   node bench/queue-load.ts [--visitors 50000] [--seconds 110] [--rate 20000/min] [--no-restart]
 *
 * Nine visitors in ten poll by the page's script, the others let it refresh.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Crowd } from "./load/crowd.ts";
import { Edge, originServer } from "./load/edge.ts";
import { type Outage, report } from "./load/figures.ts";
import { RawClient } from "./raw-http.ts";

const TOKEN = "queue-load-admin-token";
const GOAL = "the sale";
/** Nobody waits longer than this. */
const MOST_MS = 178_000;
/** When the edge is killed, as a part of the time in which visitors come. */
const KILLED_AT = 0.5;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      visitors: { type: "string", default: "50000" },
      seconds: { type: "string", default: "110" },
      rate: { type: "string", default: "20000/min" },
      "no-restart": { type: "boolean" },
    },
  });
  const count = Number(values.visitors);
  const arriveMs = Number(values.seconds) * 1000;
  const perMinute = Number.parseInt(values.rate, 10) * (values.rate.endsWith("/s") ? 60 : 1);
  const folder = mkdtempSync(join(tmpdir(), "queue-load-"));
  const origin = await originServer(GOAL);
  const edge = new Edge(folder, values.rate, {
    ADMIN_TOKEN: TOKEN,
    STOREFRONT_ORIGIN: origin.url,
    ARCHIVE_ORIGIN: origin.url,
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void edge.kill().then(() => process.exit(1)));
  }
  await edge.start();
  await warm(edge.port);
  const begun = performance.now();
  const crowd = new Crowd("/sale", GOAL, begun + MOST_MS);
  crowd.client.port = edge.port;
  const most = { gate: 0, room: 0, waiting: 0 };
  const watch = setInterval(() => void look(crowd, most), 2000);
  const progress = setInterval(() => tell(crowd, (performance.now() - begun) / 1000), 10_000);
  try {
    const restarted = values["no-restart"]
      ? Promise.resolve(null)
      : sleep(arriveMs * KILLED_AT).then(() => restart(edge, crowd));
    await arrive(crowd, count, arriveMs);
    const seconds = (performance.now() - begun) / 1000;
    await edge.kill();
    const kept = report(
      {
        crowd,
        admissions: edge.admissions(),
        perMinute,
        seconds,
        outage: await restarted,
        most,
        edgeCpu: edge.cpu,
      },
      (line) => process.stdout.write(`${line}\n`),
    );
    const verdict = "the cap held, every visitor was admitted and is in the store, no place was lost";
    process.stdout.write(`${kept ? verdict : "NOT KEPT"}\n`);
    if (!kept) process.exitCode = 1;
  } finally {
    clearInterval(watch);
    clearInterval(progress);
    await edge.kill();
    origin.close();
    crowd.client.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A store that has been open for a while: its code is compiled. */
async function warm(port: number): Promise<void> {
  const client = new RawClient(16);
  client.port = port;
  const get = (): Promise<unknown> =>
    client.get("/catalog", { host: `127.0.0.1:${port}`, accept: "text/html" }).catch(() => null);
  for (let round = 0; round < 40; round++) await Promise.all(Array.from({ length: 100 }, get));
  client.close();
}

/** All visits, begun evenly over the time; resolves when the last has ended. */
async function arrive(crowd: Crowd, count: number, overMs: number): Promise<void> {
  const begun = performance.now();
  const visits: Promise<void>[] = [];
  while (visits.length < count) {
    const due = Math.min(count, Math.floor(((performance.now() - begun) / overMs) * count));
    while (visits.length < due) visits.push(crowd.visit());
    await sleep(20);
  }
  await Promise.all(visits);
}

async function restart(edge: Edge, crowd: Crowd): Promise<Outage> {
  crowd.down = true;
  const from = Date.now();
  await edge.kill();
  await edge.start();
  crowd.down = false;
  return { from, to: Date.now() };
}

function tell(crowd: Crowd, seconds: number): void {
  const { visitors, reached, asked, failures, client } = crowd;
  process.stderr.write(
    `${seconds.toFixed(0)} s: ${visitors.length} came, ${reached} in the store, ${asked} requests, ${failures.down + failures.up} failed, ${client.queued} not sent yet\n`,
  );
}

/** What the room itself says: calls of its objects, people waiting. */
async function look(crowd: Crowd, most: { gate: number; room: number; waiting: number }): Promise<void> {
  if (crowd.down) return;
  try {
    const { body } = await crowd.client.get("/_edge/api/rooms", {
      host: `127.0.0.1:${crowd.client.port}`,
      authorization: `Bearer ${TOKEN}`,
    });
    const objects = /"objectCalls":\{"gate":([\d.]+),"room":([\d.]+)\}/.exec(body);
    most.gate = Math.max(most.gate, Number(objects?.[1] ?? 0));
    most.room = Math.max(most.room, Number(objects?.[2] ?? 0));
    most.waiting = Math.max(most.waiting, Number(/"waiting":([\d.]+)/.exec(body)?.[1] ?? 0));
  } catch {
    // Looked at again in two seconds.
  }
}

await main();
