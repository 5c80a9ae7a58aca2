/**
 * Over real HTTP, in real workerd: what tests inside one request cannot show, as
 * workerd lets no request touch another's promises and streams.
 */
import {
  type IncomingMessage,
  type Server,
  type ServerResponse,
  createServer,
  request as httpRequest,
} from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RunningDoor, startDoor } from "../support/node/cache-door.ts";

let origin: Server;
let door: RunningDoor;
let asked: string[] = [];
/** Ends of answers that the origin keeps back. */
let held: (() => void)[] = [];
let together = 1;

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const CHUNK = Buffer.alloc(65_536, "x");
const release = (): void => held.splice(0).forEach((end) => end());
const wait = async (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** By the first segment of the path; the rest makes URLs differ. */
const HANDLERS: Readonly<Record<string, Handler>> = {
  slow: (_, response) =>
    void setTimeout(() => response.setHeader("cache-control", "max-age=60").end("shared"), 300),
  // Answers none before all that are to come side by side are there.
  private: (_, response) => {
    held.push(() => response.setHeader("cache-control", "private").end("mine"));
    if (held.length === together) release();
  },
  // Sends its beginning; its end when the test lets it.
  drip: (_, response) => {
    response.setHeader("cache-control", "max-age=60").write("begin;");
    held.push(() => response.end("end"));
  },
  large: (_, response) => {
    response.setHeader("cache-control", "max-age=60").flushHeaders();
    let left = 160;
    const more = (): void => {
      while (left-- > 0) {
        if (!response.write(CHUNK)) return void response.once("drain", more);
      }
      response.end();
    };
    setTimeout(more, 200);
  },
  cut: (request, response) => {
    response.setHeader("cache-control", "max-age=60").write("half");
    setTimeout(() => request.socket.destroy(), 200);
  },
  // The second answer comes when the test lets it.
  swr: (_, response) => {
    response.setHeader("cache-control", "max-age=1, stale-while-revalidate=60");
    if (asked.length === 1) response.end("v1");
    else held.push(() => response.end("v2"));
  },
  echo: (request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => response.setHeader("cache-control", "max-age=60").end(`body ${body}`));
  },
};

beforeAll(async () => {
  origin = createServer((request, response) => {
    asked.push(request.url ?? "");
    HANDLERS[request.url?.split("/")[1] ?? ""]?.(request, response);
  });
  await new Promise<void>((listening) => origin.listen(0, "127.0.0.1", listening));
  // Listening on a port, so never a string.
  const address = origin.address() as AddressInfo;
  door = await startDoor(`http://127.0.0.1:${address.port}`, { rules: "test/cache/rules" });
});

afterAll(async () => {
  await door.close();
  origin.closeAllConnections();
  origin.close();
});

beforeEach(() => {
  asked = [];
  held = [];
});

const text = async (path: string): Promise<string> => (await fetch(door.url + path)).text();

describe("collapsing between requests", () => {
  it("makes 1,000 concurrent cold requests one", async () => {
    const all = await Promise.all(Array.from({ length: 1000 }, async () => text("/slow/1000")));
    expect([new Set(all).size, all[0], asked.length]).toEqual([1, "shared", 1]);
  });

  it("replays a body that is still coming to those who come late, from its first byte", async () => {
    const first = await fetch(`${door.url}/drip/1`);
    const late = await fetch(`${door.url}/drip/1`);
    const reader = late.body?.getReader();
    const chunk = await reader?.read();
    expect([new TextDecoder().decode(chunk?.value), held.length]).toEqual(["begin;", 1]);
    release();
    const rest = await reader?.read();
    expect([new TextDecoder().decode(rest?.value), await first.text(), asked.length]).toEqual([
      "end",
      "begin;end",
      1,
    ]);
  });

  it("goes on when the request that leads leaves, before the headers", async () => {
    const leaving = new AbortController();
    const leader = fetch(`${door.url}/slow/left`, { signal: leaving.signal }).catch(() => "left");
    while (asked.length === 0) await wait(5);
    const follower = text("/slow/left");
    await wait(50);
    leaving.abort();
    expect([await leader, await follower, asked.length]).toEqual(["left", "shared", 1]);
    expect((await fetch(`${door.url}/slow/left`)).headers.get("cache-status")).toMatch(/^edge; hit/);
  });

  it("goes on when the request that leads leaves in the middle of the body", async () => {
    const leaving = new AbortController();
    await fetch(`${door.url}/drip/left`, { signal: leaving.signal });
    const follower = await fetch(`${door.url}/drip/left`);
    leaving.abort();
    await wait(50);
    release();
    expect([await follower.text(), asked.length]).toEqual(["begin;end", 1]);
    expect((await fetch(`${door.url}/drip/left`)).headers.get("cache-status")).toMatch(/^edge; hit/);
  });

  it("lets 50 concurrent uncacheable requests through side by side", async () => {
    await text("/private/1");
    together = 50;
    const all = await Promise.all(Array.from({ length: 50 }, async () => text("/private/1")));
    expect([new Set(all).size, asked.length]).toEqual([1, 51]);
  });

  it("streams 10 MB without a length to three at once, bounded, and stores nothing", async () => {
    const bodies = await Promise.all(
      Array.from(
        { length: 3 },
        async () => (await (await fetch(`${door.url}/large/1`)).arrayBuffer()).byteLength,
      ),
    );
    expect(bodies).toEqual([10_485_760, 10_485_760, 10_485_760]);
    expect((await fetch(`${door.url}/large/1`, { method: "HEAD" })).headers.get("cache-status")).not.toMatch(
      /hit/,
    );
  });

  it("cuts what the origin cut, for all, and asks again next time", async () => {
    const all = await Promise.allSettled(Array.from({ length: 3 }, async () => text("/cut/1")));
    expect(all.map((result) => result.status)).toEqual(["rejected", "rejected", "rejected"]);
    await text("/cut/1").catch(() => "");
    expect(asked).toHaveLength(2);
  });

  it("refreshes once behind stale answers that do not wait for it", async () => {
    await text("/swr/1");
    await wait(1100);
    const all = await Promise.all(Array.from({ length: 20 }, async () => text("/swr/1")));
    while (held.length === 0) await wait(5);
    expect([...new Set(all), held.length, asked.length]).toEqual(["v1", 1, 2]);
    release();
    while ((await text("/swr/1")) === "v1") await wait(5);
    expect([await text("/swr/1"), asked.length]).toEqual(["v2", 2]);
  });
});

describe("fat GET over HTTP", () => {
  it("is answered and not stored", async () => {
    const { port } = new URL(door.url);
    const fat = await new Promise<string>((resolve, reject) => {
      const sent = httpRequest(
        { port, host: "127.0.0.1", path: "/echo/1", method: "GET", headers: { "content-length": 4 } },
        (response) => {
          let body = "";
          response.on("data", (chunk: Buffer) => (body += chunk.toString()));
          response.on("end", () => resolve(`${String(response.headers["cache-status"])} ${body}`));
        },
      );
      sent.on("error", reject);
      sent.end("evil");
    });
    expect(fat).toMatch(/fwd=bypass; detail=request-body/);
    expect(await text("/echo/1")).toBe("body ");
  });
});
