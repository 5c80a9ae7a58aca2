import { type Server, type IncomingMessage, type ServerResponse, createServer } from "node:http";
import { connect } from "node:net";
import { inject, onTestFinished } from "vitest";
import { type RunningEdge, serveEdge } from "../../../src/cli/serve.ts";
import { readServeSettings } from "../../../src/cli/settings.ts";

export const ADMIN_TOKEN = "end-to-end-admin-token";

/** Serves the production bundle on a free port; `environment` as `npm run serve` reads it. */
export function serve(environment: Record<string, string>): Promise<RunningEdge> {
  const settings = readServeSettings({ PORT: "0", ADMIN_TOKEN, ...environment });
  return serveEdge(settings, inject("bundle"));
}

/** Calls the private API of an edge under test. */
export async function operate(edge: RunningEdge, path: string, body?: unknown): Promise<Response> {
  return fetch(`${edge.url}/_edge/api/${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: {
      authorization: `Bearer ${ADMIN_TOKEN}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

export interface TestOrigin {
  readonly url: string;
  /** Requests seen, oldest first. */
  readonly requests: {
    readonly method: string;
    readonly url: string;
    readonly headers: IncomingMessage["headers"];
    readonly rawHeaders: readonly string[];
  }[];
  /** How it answers; may be replaced at any time. */
  answer: (request: IncomingMessage, response: ServerResponse) => void;
  close(): Promise<void>;
}

/** An origin whose every answer the test decides. */
export async function startOrigin(answer: TestOrigin["answer"]): Promise<TestOrigin> {
  const requests: TestOrigin["requests"] = [];
  const server: Server = createServer((request, response) => {
    requests.push({
      method: request.method ?? "",
      url: request.url ?? "",
      headers: request.headers,
      rawHeaders: request.rawHeaders,
    });
    origin.answer(request, response);
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  const origin: TestOrigin = {
    url: `http://127.0.0.1:${port}`,
    requests,
    answer,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return origin;
}

/** As `startOrigin`, ended with the test. */
export async function originForTest(answer: TestOrigin["answer"]): Promise<TestOrigin> {
  const origin = await startOrigin(answer);
  onTestFinished(() => origin.close());
  return origin;
}

/**
 * Sends bytes as they are, as no well-behaved client would, and gives back all
 * that came until the connection closed or `quietMs` passed without a byte.
 */
export function sendRaw(url: string, bytes: string | Buffer, quietMs = 3000): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let answer = "";
    socket.setTimeout(quietMs, () => socket.destroy());
    socket.on("data", (chunk: Buffer) => {
      answer += chunk.toString("latin1");
    });
    socket.once("error", (error) => (answer === "" ? reject(error) : undefined));
    socket.once("close", () => resolve(answer));
    socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  });
}

/** Repeats `attempt` until it returns something other than undefined; fails after `withinMs`. */
export async function eventually<T>(attempt: () => Promise<T | undefined>, withinMs: number): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const result = await attempt();
    if (result !== undefined) return result;
    if (performance.now() > deadline) throw new Error(`did not happen within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
