import { type Socket, connect } from "node:net";

export interface LoadResult {
  /** Answers a second. */
  readonly rate: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly count: number;
}

const HEAD_END = Buffer.from("\r\n\r\n");

/**
 * Asks for one URL over keep-alive connections, one request at a time on each,
 * for so many ms. Plain sockets, as Node's HTTP client would be the bottleneck.
 * @throws where an answer is not a 200 with a Content-Length
 */
export async function load(
  url: string,
  connections: number,
  ms: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<LoadResult> {
  const { hostname, port, host, pathname, search } = new URL(url);
  const lines = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = Buffer.from(`GET ${pathname}${search} HTTP/1.1\r\n${lines.join("")}\r\n`);
  const times: number[] = [];
  const began = performance.now();
  const end = began + ms;
  await Promise.all(
    Array.from({ length: connections }, async () =>
      drive(connect({ host: hostname, port: Number(port), noDelay: true }), request, end, times),
    ),
  );
  const seconds = (performance.now() - began) / 1000;
  const sorted = Float64Array.from(times).toSorted();
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
  return { rate: times.length / seconds, p50: at(0.5), p99: at(0.99), count: times.length };
}

async function drive(socket: Socket, request: Buffer, end: number, times: number[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let sent = performance.now();
    let received: Buffer = Buffer.alloc(0);
    socket.on("error", reject);
    socket.on("data", (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const length = answerLength(received);
      if (length === undefined) return;
      if (Number.isNaN(length)) {
        socket.destroy();
        return reject(new Error(`not a 200 with a length: ${received.subarray(0, 300).toString()}`));
      }
      if (received.length < length) return;
      received = received.subarray(length);
      const now = performance.now();
      times.push(now - sent);
      if (now >= end) {
        socket.destroy();
        return resolve();
      }
      sent = now;
      socket.write(request);
    });
    socket.once("connect", () => {
      sent = performance.now();
      socket.write(request);
    });
  });
}

/** Bytes of the whole answer; undefined while its head is not all there, NaN where it is not as expected. */
function answerLength(bytes: Buffer): number | undefined {
  const end = bytes.indexOf(HEAD_END);
  if (end < 0) return undefined;
  const head = bytes.subarray(0, end).toString("latin1");
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  return head.startsWith("HTTP/1.1 200") && length !== undefined
    ? end + HEAD_END.length + Number(length)
    : Number.NaN;
}
