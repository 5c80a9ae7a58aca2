import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  createServer as createHttpServer,
  request as httpRequest,
} from "node:http";
import { type Server, type Socket, createServer } from "node:net";
import type { Duplex } from "node:stream";
import { buildSync } from "esbuild";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { compileRoutes } from "../../../src/gateway/compile/index.ts";

/** A gateway under test, alone behind workerd's own listener. */
export interface TestGateway {
  readonly port: number;
  /** What was observed since the last call. */
  events(): Promise<{ readonly kind: string; readonly [key: string]: unknown }[]>;
}

export interface GatewaySetup {
  readonly storefront: readonly number[];
  readonly archive?: readonly number[];
  /** Parts of the policy that the test needs otherwise. */
  readonly change?: (policy: ShippedRoutes) => ShippedRoutes;
}

export type ShippedRoutes = NonNullable<ReturnType<typeof compileRoutes>["value"]>;

export function shippedRoutes(): ShippedRoutes {
  const { value, faults } = compileRoutes("rules");
  if (value === undefined) throw new Error(JSON.stringify(faults));
  return value;
}

/** Ports that the file's one workerd has bindings to, least recently used first. */
const slots: number[] = [];
let running: Promise<{ readonly runtime: Miniflare; readonly port: number }> | undefined;

const SLOTS = 12;

async function run(): Promise<{ runtime: Miniflare; port: number }> {
  const bundle = buildSync({
    entryPoints: ["test/gateway/harness/worker.ts"],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
  });
  const [port = 0, ...ports] = await freePorts(SLOTS + 1);
  slots.push(...ports);
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      name: "gateway",
      modules: [{ type: "ESModule", path: "worker.js", contents: bundle.outputFiles[0]?.text ?? "" }],
      modulesRoot: ".",
      compatibilityDate: "2026-11-01",
      serviceBindings: Object.fromEntries(
        ports.map((slot) => [`PORT_${slot}`, { external: { address: `127.0.0.1:${slot}`, http: {} } }]),
      ),
      unsafeDirectSockets: [{ host: "127.0.0.1", port }],
      cf: false,
    }),
  );
  await runtime.ready;
  return { runtime, port };
}

/** To be called once in a file that starts gateways. */
export function useGateways(): void {
  beforeAll(async () => {
    await (running ??= run());
  });
  afterAll(async () => {
    const { runtime } = await (running ?? run());
    await runtime.dispose();
  });
}

/** A port that gateways can reach, where nobody listens; taken back when the test is over. */
export function takePort(): number {
  const port = slots.shift();
  if (port === undefined) throw new Error(`a test may take ${SLOTS} ports at most`);
  onTestFinished(() => void slots.push(port));
  return port;
}

/** A gateway that remembers nothing, with zones at these ports (see `takePort`). */
export async function startGateway(setup: GatewaySetup): Promise<TestGateway> {
  if (running === undefined) throw new Error("call useGateways() in this file");
  const { port } = await running;
  const policy = setup.change?.(shippedRoutes()) ?? shippedRoutes();
  const { storefront, archive = storefront } = setup;
  const url = `http://127.0.0.1:${port}`;
  const begun = await fetch(`${url}/__begin`, {
    method: "POST",
    body: JSON.stringify({ policy, storefront, archive }),
  });
  if (begun.status !== 204) throw new Error(await begun.text());
  return { port, events: async () => (await fetch(`${url}/__events`)).json() as never };
}

async function freePorts(count: number): Promise<number[]> {
  const probes = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(probes.map((probe) => listen(probe)));
  await Promise.all(probes.map((probe) => new Promise((resolve) => probe.close(resolve))));
  return ports;
}

/** Listens at a port that gateways can reach. */
export function listen(server: Server, port = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      if (typeof address === "object" && address !== null) resolve(address.port);
      else reject(new Error("no port"));
    });
  });
}

export interface RawOrigin {
  readonly port: number;
  /** Request heads seen, with whatever of the body came with them. */
  readonly heads: string[];
  /** Connections that the other side closed, by the path last asked on them. */
  readonly closed: string[];
  stop(): Promise<void>;
}

/** An origin that speaks HTTP. */
export async function startHttpOrigin(
  handler: RequestListener,
  upgrade?: (request: IncomingMessage, socket: Duplex) => void,
): Promise<number> {
  const server = createHttpServer(handler);
  if (upgrade !== undefined) server.on("upgrade", upgrade);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return listen(server, takePort());
}

/** An origin that speaks bytes: `answer` gets the path and the socket, and may do anything. */
export async function startRawOrigin(
  answer: (path: string, socket: Socket, head: string) => void,
  port = takePort(),
): Promise<RawOrigin> {
  const heads: string[] = [];
  const closed: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let received = "";
    let path = "";
    socket.on("error", () => undefined);
    socket.on("close", () => {
      sockets.delete(socket);
      closed.push(path);
    });
    socket.on("data", (chunk: Buffer) => {
      received += chunk.toString("latin1");
      if (!received.includes("\r\n\r\n") || !/^[A-Z]+ \S+ HTTP/.test(received)) return;
      const head = received;
      received = "";
      path = head.split(" ", 2)[1] ?? "";
      heads.push(head);
      answer(path, socket, head);
    });
  });
  const bound = await listen(server, port);
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      for (const socket of sockets) socket.destroy();
      server.close(() => resolve());
    });
  onTestFinished(stop);
  return { port: bound, heads, closed, stop };
}

export interface Asked {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Whether the body ended as HTTP says it must; false for one that broke off. */
  readonly whole: boolean;
  readonly ms: number;
}

export interface AskOptions {
  readonly method?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: Buffer | string;
}

/** One request over a connection of its own, nothing followed, nothing decoded. */
export function ask(port: number, path: string, options: AskOptions = {}): Promise<Asked> {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        host: "127.0.0.1",
        port,
        path,
        method: options.method ?? "GET",
        headers: options.headers ?? {},
        agent: false,
        maxHeaderSize: 1_048_576,
      },
      (response) => {
        const chunks: Buffer[] = [];
        const finish = (): void =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks),
            whole: response.complete,
            ms: performance.now() - start,
          });
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.once("end", finish);
        response.once("error", finish);
      },
    );
    request.once("error", reject);
    request.setTimeout(20_000, () => request.destroy(new Error(`no answer to ${path} in 20 s`)));
    request.end(options.body);
  });
}
