/** The edge under the load test: `npm run serve` with state that outlives it, and what its objects have stored. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, cpSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ROOT } from "../../src/cli/project.ts";
import { quietWorkerd } from "../processes.ts";

const TICKS_PER_SECOND = 100;

export interface Admission {
  readonly ticket: string;
  /** ms, by the gate's clock. */
  readonly at: number;
}

export class Edge {
  readonly #folder: string;
  readonly #environment: Readonly<Record<string, string>>;
  #process: ChildProcess | null = null;
  #cpu = new Map<string, number>();
  port = 0;

  /** @param folder of its own, for rules, state and log */
  constructor(folder: string, rate: string, environment: Readonly<Record<string, string>>) {
    this.#folder = folder;
    const rules = join(folder, "rules");
    cpSync(join(ROOT, "rules"), rules, { recursive: true });
    const yaml = readFileSync(join(rules, "queue.yaml"), "utf8")
      .replace(/rate: .*/, `rate: ${rate}`)
      .replace(/state: .*/, "state: queue-all")
      // All visitors of the test have one address.
      .replace(/tickets_per_address: .*/, "tickets_per_address: 1000000000");
    writeFileSync(join(rules, "queue.yaml"), yaml);
    this.#environment = {
      ...environment,
      RULES_DIR: rules,
      PERSIST: join(folder, "state"),
      // A line a request, through a process beside it, would cost what a server's platform does elsewhere.
      MINIFLARE_WORKERD_PATH: quietWorkerd(),
    };
  }

  /** Starts it in a process group of its own, on the port it had before; resolves when it is ready. */
  start(): Promise<void> {
    const logFile = join(this.#folder, "edge.log");
    const log = openSync(logFile, "w");
    const child = spawn(process.execPath, [join(ROOT, "src/cli/main.ts"), "serve"], {
      cwd: ROOT,
      env: { ...process.env, ...this.#environment, PORT: String(this.port) },
      detached: true,
      stdio: ["ignore", log, "inherit"],
    });
    closeSync(log);
    this.#process = child;
    return new Promise((resolve, reject) => {
      child.once("exit", (code) => reject(new Error(`serve ended with ${code}`)));
      const watch = setInterval(() => {
        const ready = /ready http:\/\/127\.0\.0\.1:(\d+)/.exec(readFileSync(logFile, "utf8"));
        if (ready === null) return;
        clearInterval(watch);
        this.port = Number(ready[1]);
        child.removeAllListeners("exit");
        resolve();
      }, 50);
    });
  }

  /** The whole group at once, as a machine that loses power. */
  kill(): Promise<void> {
    const child = this.#process;
    if (child?.pid === undefined) return Promise.resolve();
    this.#process = null;
    for (const [name, seconds] of cpuOf(child.pid)) this.#cpu.set(name, (this.#cpu.get(name) ?? 0) + seconds);
    const { pid } = child;
    return new Promise((resolve) => {
      child.once("exit", () => resolve());
      process.kill(-pid, "SIGKILL");
    });
  }

  /** Seconds of processor that its processes had until they were killed, by name: workerd, and the node that starts it. */
  get cpu(): ReadonlyMap<string, number> {
    return this.#cpu;
  }

  /** What the gates have stored: every admission there was. To be read when the edge is dead. */
  admissions(): Admission[] {
    const folder = join(this.#folder, "state/do/edge-GateObject");
    const files = readdirSync(folder).filter(
      (name) => name.endsWith(".sqlite") && name !== "metadata.sqlite",
    );
    return files.flatMap((name) => {
      const database = new DatabaseSync(join(folder, name));
      const rows = database.prepare("SELECT id, admitted_at FROM visits").all();
      database.close();
      return rows.map(({ id, admitted_at: at }) => ({ ticket: String(id), at: Number(at) }));
    });
  }
}

/** Seconds of processor by process name of a group. */
function cpuOf(group: number): Map<string, number> {
  const seconds = new Map<string, number>();
  for (const pid of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      // proc(5): after the name in parentheses come state, parent, group; times of user and system are 11 later.
      const [, name = "", rest = ""] = /\((.*)\) (.*)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
      const fields = rest.split(" ");
      if (Number(fields[2]) !== group) continue;
      const own = (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
      seconds.set(name, (seconds.get(name) ?? 0) + own);
    } catch {
      // The process has just ended.
    }
  }
  return seconds;
}

/** A storefront that answers `body`, never stored. */
export function originServer(body: string): Promise<{ readonly url: string; close(): void }> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "text/html", "cache-control": "private, no-store" }).end(body);
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      const close = (): void => {
        server.closeAllConnections();
        server.close();
      };
      resolve({ url: `http://127.0.0.1:${port}`, close });
    });
  });
}
