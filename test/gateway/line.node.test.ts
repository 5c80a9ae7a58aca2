import { createHash } from "node:crypto";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { RunningEdge } from "../../src/cli/serve.ts";
import { ADMIN_TOKEN, serve } from "../support/node/edge.ts";
import { ask } from "../support/node/gateway.ts";

/** The gateway where it belongs: behind the whole line, with two storefront zones and an Archive. */
describe("through the whole line", () => {
  const zones: Server[] = [];
  let edge: RunningEdge;
  let port: number;

  function zone(name: string): Server {
    const server = createServer((request, response) => {
      const path = request.url ?? "";
      if (path === "/events") {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write("data: 1\n\n");
        setTimeout(() => response.end("data: 2\n\n"), 200);
      } else if (path === "/banner") {
        response.writeHead(200, { "content-type": "image/png", "content-length": 50_000_000 });
        response.write(Buffer.alloc(1000));
      } else if (path === "/moved") {
        response.writeHead(302, { location: "http://store.acme.com/cart" }).end();
      } else if (path.startsWith("/media/")) {
        response
          .writeHead(200, { "content-type": "text/html", "set-cookie": "a=1" })
          .end("<script>1</script>");
      } else {
        const lifetime = path === "/catalog" ? "max-age=1, stale-if-error=600" : "no-store";
        response.writeHead(200, { "content-type": "text/html", "cache-control": lifetime });
        response.end(JSON.stringify({ name, headers: request.headers }));
      }
    });
    server.on("upgrade", (request, socket) => {
      const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
      socket.on("error", () => undefined);
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          `Sec-WebSocket-Accept: ${createHash("sha1").update(key).digest("base64")}\r\n\r\n`,
      );
      // One unmasked text frame, then close.
      socket.end(Buffer.from([0x81, 5, ...Buffer.from("hello"), 0x88, 2, 0x03, 0xe8]), () =>
        socket.destroy(),
      );
    });
    return server;
  }

  function up(server: Server, at = 0): Promise<number> {
    return new Promise((resolve) => {
      server.listen(at, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
    });
  }

  function down(server: Server): Promise<void> {
    return new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  beforeAll(async () => {
    zones.push(zone("a"), zone("b"));
    const origins = (await Promise.all(zones.map((server) => up(server)))).map(
      (at) => `http://127.0.0.1:${at}`,
    );
    edge = await serve({
      // What spoofs a path is an attack to Sentinel; here it shall get as far as the gateway.
      SENTINEL_MODE: "monitor",
      STOREFRONT_ORIGIN: origins.join(","),
      ARCHIVE_ORIGIN: origins[0] ?? "",
    });
    port = Number(new URL(edge.url).port);
  });

  afterAll(async () => {
    await edge.close();
    await Promise.all(zones.map((server) => down(server)));
  });

  test("the origin hears the edge, not the client", async () => {
    const answer = await ask(port, "/x", {
      headers: {
        "x-forwarded-for": "6.6.6.6",
        "x-original-url": "/admin",
        "x-edge-debug": ADMIN_TOKEN,
        "x-edge-country": "us",
        "surrogate-capability": 'x="ESI/1.0"',
        "cf-access-jwt-assertion": "forged",
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      },
    });
    const { headers } = JSON.parse(answer.body.toString()) as { headers: Record<string, string> };
    expect(headers).toMatchObject({
      host: "store.acme.com",
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-host": "store.acme.com",
      "x-request-id": answer.headers["x-request-id"],
    });
    expect(headers["traceparent"]).toMatch(/^00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)/);
    expect(
      [
        "x-original-url",
        "x-edge-debug",
        "x-edge-country",
        "surrogate-capability",
        "cf-access-jwt-assertion",
      ].filter((name) => name in headers),
    ).toEqual([]);
  });

  test("redirects of the origin lead to where the client is", async () => {
    expect((await ask(port, "/moved")).headers.location).toBe("/cart");
  });

  test("WebSocket and server-sent events pass", async () => {
    const socket = new WebSocket(`${edge.url.replace("http", "ws")}/live`);
    onTestFinished(() => socket.close());
    const message = await new Promise<unknown>((resolve, reject) => {
      socket.addEventListener("message", (event) => resolve(event.data));
      socket.addEventListener("error", () => reject(new Error("no WebSocket")));
    });
    expect(message).toBe("hello");
    const stream = await fetch(`${edge.url}/events`, { headers: { accept: "text/event-stream" } });
    const arrivals: number[] = [];
    for await (const chunk of stream.body ?? []) if (chunk.length > 0) arrivals.push(performance.now());
    expect((arrivals[1] ?? 0) - (arrivals[0] ?? 0)).toBeGreaterThan(100);
  });

  test("an image from Compute is refused and counted; a page in Archive is only ever downloaded", async () => {
    const refused = await ask(port, "/banner");
    expect(refused.status).toBe(502);
    expect(refused.body.toString()).toContain("large-from-compute");
    const metrics = await fetch(`${edge.url}/_edge/metrics`, {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    expect(await metrics.text()).toMatch(/edge_events_total\{event="large-from-compute",[^}]*\} [1-9]/);
    const page = await ask(port, "/media/page.html");
    expect(page.headers["content-disposition"]).toBe("attachment");
    expect(page.headers["content-security-policy"]).toContain("sandbox");
    expect(page.headers["set-cookie"]).toBeUndefined();
  });

  test("one zone killed under load costs no GET; both: stale or 503; recovery within 5 s", async () => {
    const [first, second] = zones;
    if (first === undefined || second === undefined) throw new Error("no zones");
    const secondPort = (second.address() as AddressInfo).port;
    expect((await ask(port, "/catalog")).status).toBe(200);
    const statuses: number[] = [];
    const load = { running: true };
    const clients = Array.from({ length: 4 }, async () => {
      while (load.running) statuses.push((await ask(port, "/x")).status);
    });
    await expect.poll(() => statuses.length, { timeout: 15_000 }).toBeGreaterThan(40);
    await down(first);
    const before = statuses.length;
    await expect.poll(() => statuses.length, { timeout: 15_000 }).toBeGreaterThan(before + 100);
    load.running = false;
    await Promise.all(clients);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);

    await down(second);
    const page = await ask(port, "/x", { headers: { accept: "text/html" } });
    expect(page.status).toBe(503);
    expect(page.headers["retry-after"]).toMatch(/^[1-9]\d*$/);
    expect(page.headers["cache-control"]).toBe("no-store");
    expect(page.body.toString()).toContain("We will be right back");
    expect((await ask(port, "/catalog")).status).toBe(200);

    await up(second, secondPort);
    const back = performance.now();
    await expect.poll(async () => (await ask(port, "/x")).status, { timeout: 5000 }).toBe(200);
    expect(performance.now() - back).toBeLessThan(5000);
  }, 60_000);
});
