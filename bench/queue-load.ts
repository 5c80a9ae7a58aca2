/**
 * The waiting room on real workerd: many virtual visitors against `npm run serve`,
 * which is killed and started again in the middle. Reports the most admissions in
 * any 60 s, the order, latencies and calls of objects. 127.0.0.1 only.
 *
 *   node bench/queue-load.ts [--visitors 50000] [--seconds 75] [--rate 20000/min] [--no-restart]
 *
 * One visitor in five polls by script, the others let the page refresh.
 */
import { type ChildProcess, spawn } from "node:child_process";
import {
  closeSync,
  cpSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../src/cli/project.ts";
import { RawClient } from "./raw-http.ts";

const TOKEN = "queue-load-admin-token";
const GIVE_UP_MS = 175_000;

interface Visitor {
  cookies: Map<string, string>;
  readonly arrivesAt: number;
  /** Whether the page's script runs. */
  readonly script: boolean;
  issuedAt: number;
  admittedAt: number;
  pollMs: number;
}

interface Answer {
  readonly status: number;
  readonly room: string | null;
  readonly setCookies: readonly string[];
  readonly retryAfter: number;
  readonly body: string;
}

/** Enough for requests that wait at a gate, without keeping thousands at the door. */
const client = new RawClient(256);

async function get(path: string, fields: Record<string, string>): Promise<Answer> {
  const { status, headers, setCookies, body } = await client.get(path, fields);
  return {
    status,
    room: headers.get("x-waiting-room") ?? null,
    setCookies,
    retryAfter: Number(headers.get("retry-after") ?? 0),
    body,
  };
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

class LoadTest {
  readonly visitors: Visitor[] = [];
  readonly latencies: number[] = [];
  requests = 0;
  failures = 0;
  reached = 0;
  lostPlaces = 0;
  down = false;
  readonly #begun = performance.now();
  readonly #epoch = Date.now();

  /** ms since the epoch, monotonic. */
  now(): number {
    return this.#epoch + performance.now() - this.#begun;
  }

  /** One visitor: the page first, then polls as its script makes them, then the store. */
  async visit(visitor: Visitor): Promise<void> {
    this.visitors.push(visitor);
    for (let first = true; this.now() - this.#epoch < GIVE_UP_MS;) {
      const page = first || !visitor.script;
      const answer = await this.#ask(visitor, page);
      if (answer === null) {
        await sleep(500 + Math.random() * 1500);
        continue;
      }
      for (const line of answer.setCookies) this.#keep(visitor, line);
      if (answer.room === "admitted") {
        visitor.admittedAt = this.now();
        if (answer.body === "the sale") this.reached += 1;
        else await this.#enter(visitor);
        return;
      }
      if (answer.room === "queued") {
        const json = page ? null : this.#json(answer.body);
        if (answer.body.includes("new place")) this.lostPlaces += 1;
        visitor.pollMs = json === null ? answer.retryAfter * 1000 : Number(json["nextPollMs"]);
        first = false;
      }
      await sleep(Math.max(300, visitor.pollMs));
    }
  }

  tell(seconds: number): void {
    process.stderr.write(
      `${seconds.toFixed(0)} s: ${this.visitors.length} came, ${this.reached} in the store, ${this.requests} requests, ${this.failures} failed\n`,
    );
  }

  async #enter(visitor: Visitor): Promise<void> {
    for (let attempt = 0; attempt < 40; attempt++) {
      const answer = await this.#ask(visitor, true);
      if (answer?.body === "the sale") {
        this.reached += 1;
        return;
      }
      await sleep(1000);
    }
  }

  async #ask(visitor: Visitor, page: boolean): Promise<Answer | null> {
    const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const begun = performance.now();
    this.requests += 1;
    try {
      const answer = await get("/sale", {
        host: `127.0.0.1:${client.port}`,
        "user-agent":
          "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0 Safari/537.36",
        "accept-language": "en",
        accept: page ? "text/html" : "application/json",
        ...(page ? {} : { "x-waiting-room-poll": "1" }),
        ...(cookie === "" ? {} : { cookie }),
      });
      if (!this.down) this.latencies.push(performance.now() - begun);
      if (answer.status < 500) return answer;
    } catch {
      // Counted below; the visitor tries again, as a page does.
    }
    this.failures += 1;
    return null;
  }

  #keep(visitor: Visitor, line: string): void {
    const [pair = ""] = line.split(";");
    const equals = pair.indexOf("=");
    const name = pair.slice(0, equals);
    const value = pair.slice(equals + 1);
    if (value === "") visitor.cookies.delete(name);
    else visitor.cookies.set(name, value);
    if (name.startsWith("ticket") && value !== "" && visitor.issuedAt === 0) {
      visitor.issuedAt = Number.parseInt(value.split(".")[4] ?? "0", 36);
    }
  }

  #json(body: string): Record<string, unknown> | null {
    try {
      const value: Record<string, unknown> = JSON.parse(body);
      return value;
    } catch {
      return null;
    }
  }
}

function quantile(values: readonly number[], q: number): number {
  const sorted = Float64Array.from(values).toSorted();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

function mostWithin(times: readonly number[], ms: number): number {
  let most = 0;
  let first = 0;
  for (const [last, time] of times.entries()) {
    while (time - (times[first] ?? time) > ms) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

function originServer(): Promise<{ server: Server; url: string }> {
  const server = createServer((request, response) => {
    request.resume();
    response
      .writeHead(200, { "content-type": "text/html", "cache-control": "private, no-store" })
      .end("the sale");
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const origin = typeof address === "object" && address !== null ? address.port : 0;
      resolve({ server, url: `http://127.0.0.1:${origin}` });
    });
  });
}

/** Starts `serve` in a process group of its own; resolves when it is ready. */
function serve(environment: Record<string, string>, logFile: string): Promise<ChildProcess> {
  // Its log, a line a request, goes to a file: reading it would cost the visitors' processor.
  const log = openSync(logFile, "w");
  const child = spawn(process.execPath, [join(ROOT, "src/cli/main.ts"), "serve"], {
    cwd: ROOT,
    env: { ...process.env, ...environment },
    detached: true,
    stdio: ["ignore", log, "inherit"],
  });
  closeSync(log);
  return new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`serve ended with ${code}`)));
    const watch = setInterval(() => {
      const ready = /ready http:\/\/127\.0\.0\.1:(\d+)/.exec(readFileSync(logFile, "utf8"));
      if (ready === null) return;
      clearInterval(watch);
      client.port = Number(ready[1]);
      child.removeAllListeners("exit");
      resolve(child);
    }, 50);
  });
}

const TICKS_PER_SECOND = 100;

/** Seconds of processor that the edge's processes have had. */
function cpuOf({ pid }: ChildProcess): number {
  let ticks = 0;
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      // proc(5): after the name in parentheses come state, parent, group; times of user and system are 11 later.
      const fields = readFileSync(`/proc/${name}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      if (Number(fields[2]) === pid) ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // The process has just ended.
    }
  }
  return ticks / TICKS_PER_SECOND;
}

/** The whole group at once, as a machine that loses power. */
function kill(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      visitors: { type: "string", default: "50000" },
      seconds: { type: "string", default: "75" },
      rate: { type: "string", default: "20000/min" },
      "no-restart": { type: "boolean" },
    },
  });
  const count = Number(values.visitors);
  const arriveMs = Number(values.seconds) * 1000;
  const perMinute = Number.parseInt(values.rate, 10) * (values.rate.endsWith("/s") ? 60 : 1);
  const folder = mkdtempSync(join(tmpdir(), "queue-load-"));
  const rules = join(folder, "rules");
  cpSync(join(ROOT, "rules"), rules, { recursive: true });
  const yaml = readFileSync(join(rules, "queue.yaml"), "utf8")
    .replace(/rate: .*/, `rate: ${values.rate}`)
    .replace(/state: .*/, "state: queue-all")
    .replace(/tickets_per_address: .*/, "tickets_per_address: 1000000000");
  writeFileSync(join(rules, "queue.yaml"), yaml);
  const origin = await originServer();
  const environment = {
    PORT: "0",
    RULES_DIR: rules,
    PERSIST: join(folder, "state"),
    ADMIN_TOKEN: TOKEN,
    STOREFRONT_ORIGIN: origin.url,
    ARCHIVE_ORIGIN: origin.url,
  };
  const logFile = join(folder, "edge.log");
  let edge = await serve(environment, logFile);
  let edgeCpu = 0;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void kill(edge).then(() => process.exit(1)));
  }
  const test = new LoadTest();
  const begun = performance.now();
  const calls = { gate: 0, room: 0, waiting: 0 };
  const watch = setInterval(() => void look(test, calls), 2000);
  const progress = setInterval(() => test.tell((performance.now() - begun) / 1000), 10_000);
  try {
    const visits: Promise<void>[] = [];
    const restart = values["no-restart"]
      ? Promise.resolve(0)
      : sleep(arriveMs * 0.35).then(async () => {
          test.down = true;
          const stopped = performance.now();
          edgeCpu += cpuOf(edge);
          await kill(edge);
          edge = await serve({ ...environment, PORT: String(client.port) }, logFile);
          test.down = false;
          return performance.now() - stopped;
        });
    while (visits.length < count) {
      const due = Math.min(count, Math.floor(((performance.now() - begun) / arriveMs) * count));
      while (visits.length < due) {
        const now = test.now();
        visits.push(
          test.visit({
            cookies: new Map(),
            arrivesAt: now,
            script: visits.length % 5 === 0,
            issuedAt: 0,
            admittedAt: 0,
            pollMs: 3000,
          }),
        );
      }
      await sleep(20);
    }
    await Promise.all(visits);
    const seconds = (performance.now() - begun) / 1000;
    edgeCpu += cpuOf(edge);
    report(test, { perMinute, seconds, outageMs: await restart, calls, edgeCpu });
  } finally {
    clearInterval(watch);
    clearInterval(progress);
    await kill(edge);
    origin.server.closeAllConnections();
    origin.server.close();
    client.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What the room itself says: calls of its objects, people waiting. */
async function look(test: LoadTest, calls: { gate: number; room: number; waiting: number }): Promise<void> {
  if (test.down) return;
  try {
    const answer = await get("/_edge/api/rooms", {
      host: `127.0.0.1:${client.port}`,
      authorization: `Bearer ${TOKEN}`,
    });
    const numbers = (name: string): number =>
      Number(new RegExp(`"${name}":([\\d.]+)`).exec(answer.body)?.[1] ?? 0);
    const objects = /"objectCalls":\{"gate":([\d.]+),"room":([\d.]+)\}/.exec(answer.body);
    calls.gate = Math.max(calls.gate, Number(objects?.[1] ?? 0));
    calls.room = Math.max(calls.room, Number(objects?.[2] ?? 0));
    calls.waiting = Math.max(calls.waiting, numbers("waiting"));
  } catch {
    // Looked at again in two seconds.
  }
}

function report(
  test: LoadTest,
  run: {
    perMinute: number;
    seconds: number;
    outageMs: number;
    calls: { gate: number; room: number; waiting: number };
    edgeCpu: number;
  },
): void {
  const admitted = test.visitors.filter(({ admittedAt }) => admittedAt > 0);
  const times = admitted.map(({ admittedAt }) => admittedAt).toSorted((a, b) => a - b);
  const peak = mostWithin(times, 60_000);
  const pairs = 300_000;
  let inverted = 0;
  const pick = (): Visitor | undefined => admitted[Math.floor(Math.random() * admitted.length)];
  const place = (visitor: Visitor): number => visitor.issuedAt || visitor.arrivesAt;
  for (let pair = 0; pair < pairs; pair++) {
    const [a, b] = [pick(), pick()];
    if (a === undefined || b === undefined) continue;
    if ((place(a) - place(b)) * (a.admittedAt - b.admittedAt) < 0) inverted += 1;
  }
  const rows: [string, string | number][] = [
    ["visitors", test.visitors.length],
    ["admitted", admitted.length],
    ["reached the storefront", test.reached],
    ["places lost", test.lostPlaces],
    ["run, s", run.seconds.toFixed(1)],
    ["outage, s", (run.outageMs / 1000).toFixed(1)],
    ["N, most in any 60 s", run.perMinute],
    ["most admitted in any 60 s", `${peak} (${((100 * peak) / run.perMinute).toFixed(2)}% of N)`],
    ["pairs out of order", `${((100 * inverted) / pairs).toFixed(3)}%`],
    ["most people waiting at once", run.calls.waiting],
    ["requests", `${test.requests} (${Math.round(test.requests / run.seconds)}/s)`],
    [
      "processor a request, edge / visitors, ms",
      [run.edgeCpu * 1000, process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000]
        .map((ms) => (ms / test.requests).toFixed(3))
        .join(" / "),
    ],
    ["failed requests (outage included)", test.failures],
    [
      "latency p50 / p95 / p99, ms",
      [0.5, 0.95, 0.99].map((q) => quantile(test.latencies, q).toFixed(1)).join(" / "),
    ],
    ["calls of the busiest gate, of the room, a second", `${run.calls.gate} / ${run.calls.room}`],
  ];
  for (const [name, value] of rows) process.stdout.write(`${name.padEnd(50)} ${value}\n`);
  const kept = peak <= run.perMinute && test.reached === admitted.length && test.lostPlaces === 0;
  process.stdout.write(
    kept ? "the cap held, every admitted visitor is in the store, no place was lost\n" : "NOT KEPT\n",
  );
  if (!kept) process.exitCode = 1;
}

await main();
