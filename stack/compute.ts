/**
 * Compute: replicas of a service behind one address. A replica is a server of
 * its own on a random port; the balancer hands requests to them in turn and
 * streams both ways. Replicas come and go while it serves: a new one gets
 * requests when it listens, a leaving one finishes what it has.
 */
import {
  Agent,
  createServer,
  request as outgoing,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { pipeline } from "node:stream";
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";

const HOST = "127.0.0.1";
/** Milliseconds until a whole request, body included, must have arrived. */
const REQUEST_DEADLINE = 30_000;

export interface Listener {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  readonly port: number;
  /** Stops accepting, lets requests under way finish (at most `graceMs`), then closes. */
  close(graceMs?: number): Promise<void>;
}

/** Serves an application on 127.0.0.1; port 0 chooses a free one. */
export async function listen(fetch: Hono["fetch"], port = 0): Promise<Listener> {
  const answer = getRequestListener(fetch, { overrideGlobalObjects: false });
  return listening(
    createServer((incoming, response) => void answer(incoming, response)),
    port,
  );
}

async function listening(server: Server, port: number): Promise<Listener> {
  server.requestTimeout = REQUEST_DEADLINE;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, HOST, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const address = server.address();
  const bound = typeof address === "object" && address !== null ? address.port : port;
  return {
    url: `http://${HOST}:${bound}`,
    port: bound,
    close: (graceMs = 2_000) =>
      new Promise((resolve) => {
        const cut = setTimeout(() => server.closeAllConnections(), graceMs);
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

export interface Service {
  /** The one address in front of the replicas. */
  readonly url: string;
  /** How many replicas serve. */
  readonly replicas: number;
  /** Starts or stops replicas until there are `count`; resolves when they serve or are gone. */
  scale(count: number): Promise<void>;
  /** Stops answering on the address, as a zone that fails does; the replicas keep running. */
  fail(): Promise<void>;
  /** Answers again, on the same address. */
  restore(): Promise<void>;
  close(): Promise<void>;
}

/** Starts `count` replicas behind one address. `application` makes the application of one replica. */
export async function startService(application: () => Hono, count: number): Promise<Service> {
  const replicas: Listener[] = [];
  const balancer = createBalancer(replicas);
  let address = await balancer.open(0);
  let changing: Promise<void> = Promise.resolve();

  const change = async (wanted: number): Promise<void> => {
    const missing = Math.max(0, wanted - replicas.length);
    replicas.push(...(await Promise.all(Array.from({ length: missing }, () => listen(application().fetch)))));
    await Promise.all(replicas.splice(wanted).map((replica) => replica.close()));
  };
  const service: Service = {
    url: address.url,
    get replicas() {
      return replicas.length;
    },
    scale(wanted) {
      changing = changing.catch(() => undefined).then(() => change(Math.max(0, Math.trunc(wanted))));
      return changing;
    },
    fail: () => address.close(0),
    async restore() {
      address = await balancer.open(address.port);
    },
    async close() {
      await address.close();
      await service.scale(0);
      balancer.close();
    },
  };
  await service.scale(count);
  return service;
}

/** Headers of one hop, never passed on (RFC 9110 section 7.6.1); `Connection` may name more. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
]);

function createBalancer(replicas: readonly Listener[]): {
  open(port: number): Promise<Listener>;
  close(): void;
} {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  let turn = 0;

  const forward = (incoming: IncomingMessage, answer: ServerResponse, tries: number): void => {
    const replica = replicas[turn++ % replicas.length];
    if (replica === undefined) return refuse(answer, 503);
    const upstream = outgoing({
      host: HOST,
      port: replica.port,
      agent,
      method: incoming.method,
      path: incoming.url,
      headers: endToEnd(incoming.rawHeaders),
    });
    upstream.on("response", (response) => {
      answer.writeHead(response.statusCode ?? 502, endToEnd(response.rawHeaders));
      // An answer that breaks off must break off for the client too: pipeline destroys both ends.
      pipeline(response, answer, () => undefined);
    });
    upstream.on("error", () => {
      const unsent = !answer.headersSent && upstream.reusedSocket;
      if (unsent && tries > 0 && isBodiless(incoming)) return forward(incoming, answer, tries - 1);
      if (answer.headersSent) answer.destroy();
      else refuse(answer, 502);
    });
    answer.on("close", () => upstream.destroy());
    if (isBodiless(incoming)) upstream.end();
    else pipeline(incoming, upstream, () => undefined);
  };

  return {
    open: (port) =>
      listening(
        createServer((incoming, answer) => forward(incoming, answer, 2)),
        port,
      ),
    close: () => agent.destroy(),
  };
}

function isBodiless(incoming: IncomingMessage): boolean {
  return (
    incoming.headers["content-length"] === undefined && incoming.headers["transfer-encoding"] === undefined
  );
}

function endToEnd(rawHeaders: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    if (!HOP_BY_HOP.has(name.toLowerCase())) kept.push(name, rawHeaders[index + 1] ?? "");
  }
  return kept;
}

function refuse(answer: ServerResponse, status: number): void {
  answer
    .writeHead(status, { "Content-Type": "text/plain", "Cache-Control": "no-store" })
    .end("no replica answered\n");
}
