/**
 * Throw-away PostgreSQL and Redis servers for tests. In CI a missing binary is
 * a failure: the real servers are what the shop runs on. On another machine it
 * is a reason to skip, and the reason is printed.
 */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { chown, mkdtemp, rm } from "node:fs/promises";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export interface TestServer {
  readonly url: string;
  /** Stops it from answering without closing connections, until `resume`. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

/** A server that can be started here, or why it cannot. */
export type ServerChoice =
  | { readonly available: true; start(): Promise<TestServer> }
  | { readonly available: false; readonly reason: string };

const run = promisify(execFile);
/** Milliseconds a server may take until it answers, on a machine busy with other tests. */
const START_DEADLINE = 30_000;

/** PostgreSQL from the PATH or from Debian's folders. */
export function postgresServer(): ServerChoice {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).toSorted((a, b) => Number(b) - Number(a)) : [];
  const folder = [...versions.map((version) => join(debian, version, "bin")), ...pathFolders()].find(
    (candidate) => existsSync(join(candidate, "initdb")),
  );
  return folder === undefined
    ? missing("PostgreSQL (initdb, postgres); on Debian: apt-get install postgresql")
    : { available: true, start: () => startPostgres(folder) };
}

/** Redis from the PATH. */
export function redisServer(): ServerChoice {
  const folder = pathFolders().find((candidate) => existsSync(join(candidate, "redis-server")));
  return folder === undefined
    ? missing("redis-server; on Debian: apt-get install redis-server")
    : { available: true, start: () => startRedis(join(folder, "redis-server")) };
}

function missing(what: string): ServerChoice {
  if (process.env["CI"] !== undefined) throw new Error(`CI needs ${what}`);
  const reason = `skipped: this machine has no ${what}`;
  process.stderr.write(`${reason}\n`);
  return { available: false, reason };
}

function pathFolders(): string[] {
  return (process.env["PATH"] ?? "").split(":").filter(Boolean);
}

async function startPostgres(binaries: string): Promise<TestServer> {
  const directory = await mkdtemp(join(tmpdir(), "postgres-"));
  // PostgreSQL refuses to run as root; its Debian package brings a user for it.
  const user = process.getuid?.() === 0 ? await idsOf("postgres") : undefined;
  if (user !== undefined) await chown(directory, user.uid, user.gid);
  const port = await freePort();
  const data = join(directory, "data");
  const options = { ...user, cwd: directory };
  await run(
    join(binaries, "initdb"),
    ["-D", data, "-U", "shop", "-A", "trust", "-E", "UTF8", "--no-sync"],
    options,
  );
  const settings = { port, listen_addresses: "127.0.0.1", unix_socket_directories: "", fsync: "off" };
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const server = spawn(join(binaries, "postgres"), ["-D", data, ...flags], { ...options, stdio: "ignore" });
  const ready = join(binaries, "pg_isready");
  await answering(server, () => run(ready, ["-h", "127.0.0.1", "-p", String(port), "-U", "shop"], options));
  return {
    url: `postgres://shop@127.0.0.1:${port}/postgres`,
    // SIGINT is PostgreSQL's fast shutdown: it does not wait for clients.
    ...pausable(server),
    stop: () => stopped(server, "SIGINT", directory),
  };
}

async function startRedis(binary: string): Promise<TestServer> {
  const directory = await mkdtemp(join(tmpdir(), "redis-"));
  const port = await freePort();
  const settings = { port, bind: "127.0.0.1", save: "", appendonly: "no", dir: directory };
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const server = spawn(binary, flags, { stdio: "ignore" });
  await answering(server, async () => {
    await new Promise<void>((resolve, reject) => {
      const socket = createConnection(port, "127.0.0.1", () => socket.write("PING\r\n"));
      socket.once("data", () => resolve(void socket.destroy()));
      socket.once("error", reject);
    });
  });
  return {
    url: `redis://127.0.0.1:${port}`,
    ...pausable(server),
    stop: () => stopped(server, "SIGTERM", directory),
  };
}

async function idsOf(user: string): Promise<{ uid: number; gid: number }> {
  const [uid, gid] = await Promise.all(
    ["-u", "-g"].map(async (flag) => (await run("id", [flag, user])).stdout),
  );
  return { uid: Number(uid), gid: Number(gid) };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => (typeof address === "object" && address !== null ? resolve(address.port) : reject()));
    });
  });
}

/** Asks until the server answers; fails when it ends or takes too long. */
async function answering(server: ChildProcess, ask: () => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + START_DEADLINE;
  for (;;) {
    if (server.exitCode !== null) throw new Error(`${server.spawnfile} ended with ${server.exitCode}`);
    try {
      await ask();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function pausable(server: ChildProcess): Pick<TestServer, "pause" | "resume"> {
  return { pause: () => void server.kill("SIGSTOP"), resume: () => void server.kill("SIGCONT") };
}

async function stopped(server: ChildProcess, signal: NodeJS.Signals, directory: string): Promise<void> {
  if (server.exitCode === null && server.signalCode === null) {
    const ended = new Promise((resolve) => server.once("exit", resolve));
    server.kill("SIGCONT");
    server.kill(signal);
    await ended;
  }
  await rm(directory, { recursive: true, force: true });
}
