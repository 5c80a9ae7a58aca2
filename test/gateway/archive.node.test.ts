import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { type IncomingMessage, type ServerResponse, get } from "node:http";
import { describe, expect, test } from "vitest";
import {
  type ShippedRoutes,
  ask,
  startGateway,
  startHttpOrigin,
  useGateways,
} from "../support/node/gateway.ts";

const MB = 1024 * 1024;

useGateways();

/** Writes `bytes` zeros as fast as they are taken. */
function pour(response: ServerResponse, bytes: number): void {
  const chunk = Buffer.alloc(65_536);
  let left = bytes;
  const more = (): void => {
    while (left > 0) {
      const size = Math.min(left, chunk.length);
      left -= size;
      if (!response.write(chunk.subarray(0, size))) {
        response.once("drain", more);
        return;
      }
    }
    response.end();
  };
  more();
}

describe("Archive", () => {
  const file = Buffer.from(Array.from({ length: 1000 }, (_value, index) => index % 251));

  function archive(request: IncomingMessage, response: ServerResponse): void {
    response.setHeader("etag", '"v1"');
    response.setHeader("accept-ranges", "bytes");
    response.setHeader("x-cookie", request.headers.cookie ?? "none");
    if (request.headers["if-none-match"] === '"v1"') {
      response.writeHead(304).end();
      return;
    }
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
    if (range === null) {
      response.writeHead(200, { "content-type": "image/webp", "content-length": file.length });
      response.end(request.method === "HEAD" ? undefined : file);
      return;
    }
    const part = file.subarray(Number(range[1]), Number(range[2]) + 1);
    response.writeHead(206, {
      "content-type": "image/webp",
      "content-length": part.length,
      "content-range": `bytes ${range[1]}-${range[2]}/${file.length}`,
    });
    response.end(part);
  }

  test("ranges and conditions pass untouched, hashed names never change, sessions stay out", async () => {
    const compute = await startHttpOrigin((_request, response) => response.writeHead(500).end());
    const gateway = await startGateway({ storefront: [compute], archive: [await startHttpOrigin(archive)] });
    const url = "/media/hero-1a2b3c4d.webp";
    const part = await ask(gateway.port, url, { headers: { range: "bytes=100-199", cookie: "session=s" } });
    expect(part.status).toBe(206);
    expect(part.headers["content-range"]).toBe("bytes 100-199/1000");
    expect(part.headers["content-length"]).toBe("100");
    expect(part.body.equals(file.subarray(100, 200))).toBe(true);
    expect(part.headers["x-cookie"]).toBe("none");
    expect(part.headers["cache-control"]).toBe("public, max-age=31536000, immutable");
    const same = await ask(gateway.port, url, { headers: { "if-none-match": '"v1"' } });
    expect([same.status, same.headers.etag, same.body.length]).toEqual([304, '"v1"', 0]);
    const head = await ask(gateway.port, url, { method: "HEAD" });
    expect([head.status, head.headers["content-length"], head.body.length]).toEqual([200, "1000", 0]);
    const whole = await ask(gateway.port, url);
    expect(whole.body.equals(file)).toBe(true);
  });

  test("nothing but a file under media is ever asked of Archive", async () => {
    const asked: string[] = [];
    const port = await startHttpOrigin((request, response) => {
      asked.push(request.url ?? "");
      response.writeHead(200, { "content-length": 2 }).end("ok");
    });
    const compute = await startHttpOrigin((_request, response) => response.writeHead(404).end());
    const gateway = await startGateway({ storefront: [compute], archive: [port] });
    const paths = [
      "/media",
      "/media?list-type=2",
      "/media/",
      "/media/products/",
      "/media/../etc/passwd",
      "/media/..%2f..%2fetc/passwd",
      "/media/%2e%2e/%2e%2e/etc/passwd",
      "/media/..\\..\\etc\\passwd",
      "/media/%252e%252e%252fetc/passwd",
      "/media/..;/etc/passwd",
      "/media/x/..%5c..%5cetc",
      "/media/.htaccess",
      "/media/a%00.webp",
    ];
    for (const path of paths) expect([path, (await ask(gateway.port, path)).status]).toEqual([path, 404]);
    expect((await ask(gateway.port, "/media/a.webp", { method: "PUT", body: "x" })).status).toBe(405);
    expect(asked).toEqual(["/media/..%3B/etc/passwd"].filter((path) => asked.includes(path)));
  });

  test("a gigabyte streams in bounded memory", async () => {
    const port = await startHttpOrigin((_request, response) => {
      response.writeHead(200, { "content-type": "video/mp4", "content-length": 1024 * MB });
      pour(response, 1024 * MB);
    });
    const gateway = await startGateway({ storefront: [port] });
    await ask(gateway.port, "/media/warm-up", { method: "HEAD" });
    const pid = workerdPid(gateway.port);
    const before = residentBytes(pid);
    let most = before;
    const received = await new Promise<number>((resolve, reject) => {
      get({ host: "127.0.0.1", port: gateway.port, path: "/media/film.mp4", agent: false }, (response) => {
        let bytes = 0;
        let next = 16 * MB;
        response.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes < next) return;
          next += 16 * MB;
          most = Math.max(most, residentBytes(pid));
        });
        response.once("end", () => resolve(bytes));
        response.once("error", reject);
      }).once("error", reject);
    });
    expect(received).toBe(1024 * MB);
    expect((most - before) / MB).toBeLessThan(64);
  }, 60_000);
});

/** Process id of the listener on a port of this machine. */
function workerdPid(port: number): number {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const line = readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .find((row) => row.includes(`0100007F:${hex} 00000000:0000 0A`));
  const inode = line?.trim().split(/\s+/)[9];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      for (const fd of readdirSync(`/proc/${pid}/fd`)) {
        if (readlinkSync(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`) return Number(pid);
      }
    } catch {
      // A process that ended meanwhile.
    }
  }
  throw new Error(`nobody listens on ${port}`);
}

function residentBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(match?.[1]) * 1024;
}

describe("never stream large files from Compute", () => {
  const moving = (policy: ShippedRoutes): ShippedRoutes => ({
    ...policy,
    compute: { ...policy.compute, moved: [{ from: "/downloads/*", to: "/media/*" }] },
  });

  test("a 50 MB image is refused, and counted; one that moved is found in Archive", async () => {
    let sent = 0;
    const port = await startHttpOrigin((request, response) => {
      response.writeHead(200, { "content-type": "image/png", "content-length": 50 * MB });
      response.once("close", () => (sent += response.socket?.bytesWritten ?? 0));
      if (request.method !== "HEAD") pour(response, 50 * MB);
    });
    const gateway = await startGateway({ storefront: [port], change: moving });
    const refused = await ask(gateway.port, "/banner");
    expect(refused.status).toBe(502);
    expect(JSON.parse(refused.body.toString())).toMatchObject({
      code: "large-from-compute",
      reason: "media-type",
    });
    const moved = await ask(gateway.port, "/downloads/banner.png");
    expect([moved.status, moved.headers.location]).toEqual([307, "/media/banner.png"]);
    expect(await gateway.events()).toEqual([
      { kind: "large-from-compute", reason: "media-type", answer: "refused" },
      { kind: "large-from-compute", reason: "media-type", answer: "moved" },
    ]);
    expect(sent).toBeLessThan(20 * MB);
  });

  test("nor in small parts", async () => {
    const asked: (string | undefined)[] = [];
    const port = await startHttpOrigin((request, response) => {
      asked.push(request.headers.range);
      if (request.headers.range === undefined) response.writeHead(200, { "content-type": "image/png" });
      else response.writeHead(206, { "content-range": `bytes 0-1/${1024 * MB}`, "content-length": 2 });
      response.end("ab");
    });
    const gateway = await startGateway({ storefront: [port] });
    const statusOf = async (range: string): Promise<number> =>
      (await ask(gateway.port, "/film", { headers: { range } })).status;
    // Parts of several ranges have types of their own, inside the body: such a request is one for the whole.
    expect([await statusOf("bytes=0-1"), await statusOf("bytes=0-1,4-5")]).toEqual([502, 502]);
    expect(asked).toEqual(["bytes=0-1", undefined]);
  });

  test("a large page without a length is cut, and counted", async () => {
    const port = await startHttpOrigin((_request, response) => {
      response.writeHead(200, { "content-type": "text/html" });
      pour(response, 50 * MB);
    });
    const gateway = await startGateway({ storefront: [port] });
    const answer = await ask(gateway.port, "/export");
    expect(answer.whole).toBe(false);
    expect(answer.body.length).toBeLessThanOrEqual(10 * MB);
    expect(await gateway.events()).toEqual([
      { kind: "body-cut", zone: "storefront-0", end: "too-large" },
      { kind: "large-from-compute", reason: "large-body", answer: "cut" },
    ]);
  });
});
