import { type IncomingHttpHeaders, request as httpRequest } from "node:http";
import { type Server, type Socket, createServer } from "node:net";
import { buildSync } from "esbuild";
import { type Json, Miniflare, convertV4MiniflareOptions } from "miniflare";
import { onTestFinished } from "vitest";
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

/** Starts the harness worker with zones at these ports of 127.0.0.1. */
export async function startGateway(setup: GatewaySetup): Promise<TestGateway> {
  const bundle = buildSync({
    entryPoints: ["test/gateway/harness/worker.ts"],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
  });
  const port = await freePort();
  const policy = setup.change?.(shippedRoutes()) ?? shippedRoutes();
  const archive = setup.archive ?? setup.storefront;
  const urls = (ports: readonly number[]): string[] => ports.map((zone) => `http://127.0.0.1:${zone}`);
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      name: "gateway",
      modules: [{ type: "ESModule", path: "worker.js", contents: bundle.outputFiles[0]?.text ?? "" }],
      modulesRoot: ".",
      compatibilityDate: "2026-11-01",
      bindings: {
        POLICY: jsonOf(policy),
        ZONES: jsonOf({ storefront: urls(setup.storefront), archive: urls(archive) }),
      },
      serviceBindings: { ...bindings("STOREFRONT", setup.storefront), ...bindings("ARCHIVE", archive) },
      unsafeDirectSockets: [{ host: "127.0.0.1", port }],
      cf: false,
    }),
  );
  onTestFinished(() => runtime.dispose());
  await runtime.ready;
  return {
    port,
    events: async () => (await fetch(`http://127.0.0.1:${port}/__events`)).json() as never,
  };
}

function jsonOf(value: unknown): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}

function bindings(prefix: string, ports: readonly number[]) {
  return Object.fromEntries(
    ports.map((port, index) => [
      `${prefix}_${index}`,
      { external: { address: `127.0.0.1:${port}`, http: {} } },
    ]),
  );
}

export async function freePort(): Promise<number> {
  const probe = createServer();
  const port = await listen(probe);
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

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

/** An origin that speaks bytes: `answer` gets the path and the socket, and may do anything. */
export async function startRawOrigin(
  answer: (path: string, socket: Socket, head: string) => void,
  port = 0,
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
