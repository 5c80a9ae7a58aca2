import { createHash } from "node:crypto";
import { connect } from "node:net";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  type ShippedRoutes,
  ask,
  startGateway,
  startHttpOrigin,
  startRawOrigin,
  takePort,
  useGateways,
} from "../support/node/gateway.ts";

useGateways();

const OK = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";

const short = (policy: ShippedRoutes): ShippedRoutes => ({
  ...policy,
  page: { deadlineMs: 1000, tryMs: 300 },
});

const report = (headers: { [name: string]: unknown }): { zone: string; tries: number; failures: string[] } =>
  JSON.parse(String(headers["x-test-origin"])) as never;

describe("what real sockets do", () => {
  const CASES: readonly (readonly [name: string, bytes: string | null, status: number, code: string])[] = [
    ["reset before the header", null, 502, "origin-unreachable"],
    ["end before the header", "", 502, "origin-unreachable"],
    ["not HTTP", "garbage\r\n\r\n", 502, "origin-unreachable"],
    ["status 099", "HTTP/1.1 099 X\r\nContent-Length: 2\r\n\r\nhi", 502, "origin-unreachable"],
    ["status 199 and no more", "HTTP/1.1 199 X\r\n\r\n", 502, "origin-unreachable"],
    ["status 600", "HTTP/1.1 600 X\r\nContent-Length: 2\r\n\r\nhi", 502, "origin-broken"],
    ["status 999", "HTTP/1.1 999 X\r\nContent-Length: 2\r\n\r\nhi", 502, "origin-broken"],
    [
      "101 that nobody asked for",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
      502,
      "origin-broken",
    ],
    ["header without a colon", "HTTP/1.1 200 OK\r\nBad Header\r\n\r\n", 502, "origin-unreachable"],
    [
      "two lengths",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi!",
      502,
      "origin-unreachable",
    ],
  ];

  test.each(CASES)("%s", async (_name, bytes, status, code) => {
    const origin = await startRawOrigin((_path, socket) => {
      if (bytes === null) socket.resetAndDestroy();
      else socket.end(bytes);
    });
    const gateway = await startGateway({ storefront: [origin.port] });
    const answer = await ask(gateway.port, "/x", { method: "POST", body: "{}" });
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ code, requestId: "harness-request" });
    expect(answer.headers["cache-control"]).toBe("no-store");
    expect(answer.headers["x-test-bug"]).toBeUndefined();
    expect(origin.heads).toHaveLength(1);
  });

  test("nobody listens: 502 at once, a page for people", async () => {
    const gateway = await startGateway({ storefront: [takePort()] });
    const answer = await ask(gateway.port, "/x", {
      headers: { accept: "text/html", "accept-language": "pt-BR" },
    });
    expect(answer.status).toBe(502);
    expect(answer.headers["content-type"]).toContain("text/html");
    expect(answer.body.toString()).toContain("Algo deu errado do nosso lado");
    expect(answer.ms).toBeLessThan(5000);
  });

  test("a hang ends at the deadline over all tries, and the connections are given up", async () => {
    const first = await startRawOrigin(() => undefined);
    const second = await startRawOrigin(() => undefined);
    const gateway = await startGateway({ storefront: [first.port, second.port], change: short });
    const answer = await ask(gateway.port, "/x");
    expect(answer.status).toBe(504);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ code: "origin-timeout" });
    expect(answer.headers["x-test-failures"]).toBe("timeout,timeout");
    expect(answer.ms).toBeGreaterThan(950);
    expect(answer.ms).toBeLessThan(4000);
    await expect.poll(() => [...first.closed, ...second.closed]).toEqual(["/x", "/x"]);
  });

  test("a slow zone costs a GET its try, not its answer", async () => {
    const slow = await startRawOrigin(() => undefined);
    const quick = await startRawOrigin((_path, socket) => socket.write(OK));
    const gateway = await startGateway({ storefront: [slow.port, quick.port], change: short });
    for (let count = 0; count < 8; count++) {
      const answer = await ask(gateway.port, "/x");
      expect(answer.status).toBe(200);
      expect(report(answer.headers).zone).toBe("storefront-1");
    }
  });

  test("a 103 before the answer is dropped", async () => {
    const origin = await startRawOrigin((_path, socket) => {
      socket.write("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n");
      setTimeout(() => socket.write(OK), 30);
    });
    const gateway = await startGateway({ storefront: [origin.port] });
    const answer = await ask(gateway.port, "/x");
    expect([answer.status, answer.body.toString(), answer.headers.link]).toEqual([200, "ok", undefined]);
  });

  test.each(["length", "chunked"])(
    "a body that breaks off (%s) reaches the client broken, and is counted",
    async (framing) => {
      const head = framing === "length" ? "Content-Length: 100" : "Transfer-Encoding: chunked";
      const origin = await startRawOrigin((_path, socket) => {
        socket.write(
          `HTTP/1.1 200 OK\r\n${head}\r\n\r\n${framing === "length" ? "" : "a\r\n"}0123456789\r\n`,
        );
        setTimeout(() => socket.destroy(), 50);
      });
      const gateway = await startGateway({ storefront: [origin.port] });
      const answer = await ask(gateway.port, "/x");
      expect(answer.status).toBe(200);
      expect(answer.whole).toBe(false);
      expect(answer.body.toString()).toContain("0123456789");
      expect(await gateway.events()).toEqual([
        { kind: "body-cut", zone: "storefront-0", end: "source-broken" },
      ]);
    },
  );

  test("a body that stands still is cut", async () => {
    const origin = await startRawOrigin((_path, socket) => {
      socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n");
    });
    const gateway = await startGateway({
      storefront: [origin.port],
      change: (policy) => ({ ...policy, origin: { ...policy.origin, stallMs: 200 } }),
    });
    const answer = await ask(gateway.port, "/x");
    expect(answer.whole).toBe(false);
    expect(await gateway.events()).toEqual([
      { kind: "body-cut", zone: "storefront-0", end: "source-stalled" },
    ]);
  });

  test("a client that goes away ends the origin's connection and is no failure of the zone", async () => {
    const origin = await startRawOrigin((_path, socket) => {
      socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      const timer = setInterval(() => socket.write("a\r\n0123456789\r\n"), 20);
      socket.once("close", () => clearInterval(timer));
    });
    const gateway = await startGateway({ storefront: [origin.port] });
    const client = connect(gateway.port, "127.0.0.1");
    client.write("GET /x HTTP/1.1\r\nHost: store.acme.com\r\n\r\n");
    await new Promise((resolve) => client.once("data", resolve));
    client.destroy();
    await expect.poll(() => origin.closed).toEqual(["/x"]);
  });

  test("uploads that break off neither eject a zone nor open the breaker", async () => {
    const origin = await startRawOrigin((path, socket) => {
      if (path === "/ok") socket.write(OK);
    });
    const gateway = await startGateway({ storefront: [origin.port] });
    for (let count = 0; count < 15; count++) {
      const client = connect(gateway.port, "127.0.0.1");
      client.write("POST /x HTTP/1.1\r\nHost: store.acme.com\r\nContent-Length: 1000\r\n\r\nabc");
      await expect.poll(() => origin.heads.length).toBe(count + 1);
      client.destroy();
    }
    expect((await ask(gateway.port, "/ok")).status).toBe(200);
    expect((await gateway.events()).filter(({ kind }) => kind !== "body-cut")).toEqual([]);
  });

  test("an upload that stands still is 408", async () => {
    const origin = await startRawOrigin(() => undefined);
    const gateway = await startGateway({
      storefront: [origin.port],
      change: (policy) => ({ ...policy, origin: { ...policy.origin, stallMs: 200 } }),
    });
    const client = connect(gateway.port, "127.0.0.1");
    client.write("POST /x HTTP/1.1\r\nHost: store.acme.com\r\nContent-Length: 1000\r\n\r\nabc");
    const answer = await new Promise<string>((resolve) =>
      client.once("data", (chunk) => resolve(String(chunk))),
    );
    client.destroy();
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  });
});

describe("zones", () => {
  test("one of two killed under load: no failed GET; both: 503; back within 5 s of their return", async () => {
    const serve = (_path: string, socket: { write(text: string): unknown }): void => {
      socket.write(OK);
    };
    const first = await startRawOrigin(serve);
    const second = await startRawOrigin(serve);
    const gateway = await startGateway({ storefront: [first.port, second.port] });
    const statuses: number[] = [];
    const load = { running: true };
    const clients = Array.from({ length: 16 }, async () => {
      while (load.running) statuses.push((await ask(gateway.port, "/x")).status);
    });
    await expect.poll(() => statuses.length, { timeout: 10_000 }).toBeGreaterThan(200);
    await first.stop();
    const before = statuses.length;
    await expect.poll(() => statuses.length, { timeout: 10_000 }).toBeGreaterThan(before + 500);
    load.running = false;
    await Promise.all(clients);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    expect(await gateway.events()).toContainEqual({ kind: "zone-ejected", zone: "storefront-0" });

    await second.stop();
    for (let count = 0; count < 12; count++) {
      const down = await ask(gateway.port, "/x");
      expect(down.status).toBe(503);
      expect(down.headers["retry-after"]).toMatch(/^[1-9]\d*$/);
    }
    expect(await gateway.events()).toContainEqual({ kind: "breaker-opened", origin: "storefront" });

    await startRawOrigin(serve, second.port);
    const back = performance.now();
    await expect.poll(async () => (await ask(gateway.port, "/x")).status, { timeout: 5000 }).toBe(200);
    expect(performance.now() - back).toBeLessThan(5000);
  }, 60_000);

  test("a zone whose bodies break off is ejected; one whose clients go away is not", async () => {
    const breaking = await startRawOrigin((_path, socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789", () => socket.destroy());
    });
    const sound = await startRawOrigin((path, socket) => {
      if (path === "/x") socket.write(OK);
      else {
        socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        const timer = setInterval(() => socket.write("a\r\n0123456789\r\n"), 10);
        socket.once("close", () => clearInterval(timer));
      }
    });
    const gateway = await startGateway({
      storefront: [breaking.port, sound.port],
      change: (policy) => ({
        ...policy,
        origin: { ...policy.origin, eject: { after: 3, forMs: 60_000, atMostMs: 60_000 } },
      }),
    });
    let broken = 0;
    for (let count = 0; count < 40; count++) if (!(await ask(gateway.port, "/x")).whole) broken++;
    expect(broken).toBe(3);
    expect(await gateway.events()).toContainEqual({ kind: "zone-ejected", zone: "storefront-0" });

    const patient = await startGateway({ storefront: [sound.port, takePort()] });
    for (let count = 0; count < 5; count++) {
      const client = connect(patient.port, "127.0.0.1");
      client.write("GET /drip HTTP/1.1\r\nHost: store.acme.com\r\n\r\n");
      await new Promise((resolve) => client.once("data", resolve));
      client.destroy();
      await expect.poll(() => sound.closed.filter((path) => path === "/drip").length).toBe(count + 1);
    }
    const ejected = (await patient.events()).filter(({ kind }) => kind === "zone-ejected");
    expect(ejected.filter(({ zone }) => zone === "storefront-0")).toEqual([]);
  });

  test("a GET that gets 503 from one zone is answered by the other; a POST is passed what it got", async () => {
    const busy = await startRawOrigin((_path, socket) => {
      socket.write("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\nRetry-After: 7\r\n\r\nbusy");
    });
    const sound = await startRawOrigin((_path, socket) => socket.write(OK));
    const gateway = await startGateway({
      storefront: [busy.port, sound.port],
      change: (policy) => ({
        ...policy,
        origin: { ...policy.origin, eject: { after: 1000, forMs: 1, atMostMs: 1 } },
      }),
    });
    const gets = await Promise.all(Array.from({ length: 20 }, () => ask(gateway.port, "/x")));
    expect(gets.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
    const posts = await Promise.all(
      Array.from({ length: 30 }, () => ask(gateway.port, "/x", { method: "POST", body: "{}" })),
    );
    const passed = posts.find(({ status }) => status === 503);
    expect(passed?.headers["retry-after"]).toBe("7");
    expect(posts.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
    expect(posts.every(({ headers }) => report(headers).tries === 1)).toBe(true);
  });
});

describe("bodies", () => {
  const text = "hello fragment ".repeat(2000);

  test("encoded answers of Compute come out plain, of Archive as they were", async () => {
    const encodings = { gzip: gzipSync(text), br: brotliCompressSync(text) };
    const port = await startHttpOrigin((request, response) => {
      const name = (request.url ?? "").includes("br") ? "br" : "gzip";
      const bytes = encodings[name];
      response.writeHead(200, {
        "content-type": "text/plain",
        "content-encoding": name,
        "content-length": bytes.length,
        etag: '"v1"',
        vary: "Accept-Encoding, Accept-Language",
      });
      response.end(request.method === "HEAD" ? undefined : bytes);
    });
    const gateway = await startGateway({ storefront: [port] });
    for (const name of ["gzip", "br"] as const) {
      const plain = await ask(gateway.port, `/${name}`, { headers: { "accept-encoding": "gzip, br" } });
      expect(plain.headers["content-encoding"]).toBeUndefined();
      expect(plain.headers.etag).toBe('W/"v1"');
      expect(plain.headers.vary).toBe("Accept-Language");
      expect(plain.body.toString()).toBe(text);
      const raw = await ask(gateway.port, `/media/${name}`, { headers: { "accept-encoding": "gzip, br" } });
      expect(raw.headers["content-encoding"]).toBe(name);
      expect(raw.headers["content-length"]).toBe(String(encodings[name].length));
      expect(raw.headers.etag).toBe('"v1"');
      expect(raw.body.equals(encodings[name])).toBe(true);
      const head = await ask(gateway.port, `/media/${name}`, { method: "HEAD" });
      expect(head.headers["content-length"]).toBe(String(encodings[name].length));
    }
    expect(await gateway.events()).toEqual([]);
  });

  test("a coding that is not what it says breaks the stream", async () => {
    const port = await startHttpOrigin((request, response) => {
      response.writeHead(200, { "content-encoding": (request.url ?? "").slice(1) });
      response.end("not compressed at all");
    });
    const gateway = await startGateway({ storefront: [port] });
    for (const coding of ["gzip", "GZIP"])
      expect((await ask(gateway.port, `/${coding}`)).whole, coding).toBe(false);
  });

  test("gzip under another spelling is gzip", async () => {
    const bytes = gzipSync(text);
    const port = await startHttpOrigin((request, response) => {
      const coding = (request.url ?? "").slice(1);
      response.writeHead(200, {
        "content-encoding": coding,
        "content-length": bytes.length,
        etag: '"v1"',
        "cache-control": "max-age=60",
      });
      response.end(request.method === "HEAD" ? undefined : bytes);
    });
    const gateway = await startGateway({ storefront: [port] });
    for (const coding of ["GZIP", "x-gzip", "X-GZip"]) {
      const { headers, body, whole } = await ask(gateway.port, `/${coding}`);
      expect([body.toString() === text, whole], coding).toEqual([true, true]);
      expect(headers["content-encoding"]).toBeUndefined();
      expect(headers).toMatchObject({ etag: 'W/"v1"', "cache-control": "max-age=60" });
    }
    expect(await gateway.events()).toEqual([]);
  });

  test("a coding that cannot be undone passes untouched, is counted and kept by nobody", async () => {
    const port = await startHttpOrigin((request, response) => {
      response.writeHead(200, {
        "content-type": "text/html",
        "content-encoding": decodeURIComponent((request.url ?? "").slice(1)),
        "cache-control": "public, max-age=60",
        "cdn-cache-control": "max-age=60",
        "surrogate-control": 'max-age=60, content="ESI/1.0"',
      });
      response.end(request.method === "HEAD" ? undefined : "whatever it is");
    });
    const gateway = await startGateway({ storefront: [port] });
    const codings = ["zstd", "x-unknown", "gzip,br", "gzip, gzip", "BR"];
    for (const coding of codings) {
      const answer = await ask(gateway.port, `/${encodeURIComponent(coding)}`);
      expect(answer.headers["content-encoding"]).toBe(coding);
      expect(answer.headers["cache-control"]).toBe("no-store");
      expect(answer.headers["cdn-cache-control"]).toBeUndefined();
      expect([answer.body.toString(), answer.whole]).toEqual(["whatever it is", true]);
    }
    expect(await gateway.events()).toEqual(
      codings.map(() => ({ kind: "unread-coding", zone: "storefront-0" })),
    );
    // Without a body there is nothing that could not be read.
    expect((await ask(gateway.port, "/zstd", { method: "HEAD" })).headers["cache-control"]).toMatch(/public/);
    expect(await gateway.events()).toEqual([]);
  });

  test.each(["identity", "Identity", ""])("Content-Encoding: %s is none", async (coding) => {
    const port = await startHttpOrigin((_request, response) => {
      response.writeHead(200, { "content-encoding": coding, "cache-control": "max-age=60" });
      response.end(text);
    });
    const gateway = await startGateway({ storefront: [port] });
    const { headers, body } = await ask(gateway.port, "/x");
    expect([body.toString() === text, headers["cache-control"]]).toEqual([true, "max-age=60"]);
    expect(headers["content-encoding"]).toBeUndefined();
    expect(await gateway.events()).toEqual([]);
  });

  test("header fields of more than 64 KB are a bad answer, and cost no zone its place", async () => {
    const port = await startHttpOrigin((request, response) => {
      const bytes = Number((request.url ?? "").split("/").at(-1));
      response.writeHead(200, {
        "x-large": "x".repeat(bytes),
        // Between origin and edge: no client gets to see it.
        "cache-tag": "t".repeat(30_000),
        "surrogate-key": "t".repeat(30_000),
      });
      response.end("ok");
    });
    const gateway = await startGateway({ storefront: [port], archive: [port] });
    expect((await ask(gateway.port, "/60000")).status).toBe(200);
    expect((await ask(gateway.port, "/media/60000")).status).toBe(200);
    for (const path of ["/70000", "/media/70000"]) {
      for (let count = 0; count < 6; count++) {
        const { status, body } = await ask(gateway.port, path);
        expect([status, JSON.parse(body.toString())]).toMatchObject([502, { code: "origin-broken" }]);
      }
    }
    expect((await ask(gateway.port, "/1")).status).toBe(200);
    const events = await gateway.events();
    expect(events.slice(0, 6)).toEqual(
      Array.from({ length: 6 }, () => ({ kind: "large-header", zone: "storefront-0" })),
    );
    expect(new Set(events.map(({ kind }) => kind))).toEqual(new Set(["large-header"]));
  });

  test("uploads stream through whole, with their length; so do downloads", async () => {
    const port = await startHttpOrigin((request, response) => {
      const hash = createHash("sha256");
      let size = 0;
      request.on("data", (chunk: Buffer) => {
        hash.update(chunk);
        size += chunk.length;
      });
      request.on("end", () => {
        const { "content-length": length, "transfer-encoding": coding } = request.headers;
        response.end(JSON.stringify({ size, hash: hash.digest("hex"), length, coding }));
      });
    });
    const gateway = await startGateway({ storefront: [port] });
    const body = Buffer.alloc(5_000_000);
    for (let index = 0; index < body.length; index++) body[index] = (index * 2654435761) >>> 24;
    const hash = createHash("sha256").update(body).digest("hex");
    const known = await ask(gateway.port, "/x", {
      method: "POST",
      body,
      headers: { "content-length": "5000000" },
    });
    expect(JSON.parse(known.body.toString())).toEqual({ size: 5_000_000, hash, length: "5000000" });
    const chunked = await ask(gateway.port, "/x", {
      method: "PUT",
      body,
      headers: { "transfer-encoding": "chunked" },
    });
    expect(JSON.parse(chunked.body.toString())).toEqual({ size: 5_000_000, hash, coding: "chunked" });
  });

  test("an origin that answers before the upload ends is heard", async () => {
    const origin = await startRawOrigin((_path, socket) => {
      socket.write("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
    });
    const gateway = await startGateway({ storefront: [origin.port] });
    const client = connect(gateway.port, "127.0.0.1");
    onTestFinished(() => void client.destroy());
    client.write("POST /x HTTP/1.1\r\nHost: store.acme.com\r\nContent-Length: 100000\r\n\r\nabc");
    const answer = await new Promise<string>((resolve) =>
      client.once("data", (chunk) => resolve(String(chunk))),
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  test("server-sent events arrive one by one", async () => {
    const port = await startHttpOrigin((request, response) => {
      expect(request.headers["accept-encoding"]).toBe("identity");
      response.writeHead(200, { "content-type": "text/event-stream" });
      let count = 0;
      const timer = setInterval(() => {
        response.write(`data: ${count++}\n\n`);
        if (count === 5) {
          clearInterval(timer);
          response.end();
        }
      }, 80);
    });
    const gateway = await startGateway({ storefront: [port] });
    const response = await fetch(`http://127.0.0.1:${gateway.port}/x`, {
      headers: { accept: "text/event-stream" },
    });
    const arrivals: number[] = [];
    for await (const chunk of response.body ?? []) if (chunk.length > 0) arrivals.push(performance.now());
    // On a busy machine two may arrive as one.
    expect(arrivals.length).toBeGreaterThan(2);
    expect((arrivals.at(-1) ?? 0) - (arrivals[0] ?? 0)).toBeGreaterThan(150);
  });

  test("a WebSocket passes", async () => {
    const port = await startHttpOrigin(
      (_request, response) => response.writeHead(404).end(),
      (request, socket) => {
        const accept = createHash("sha1")
          .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
          .digest("base64");
        socket.on("error", () => undefined);
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
        );
        // One unmasked text frame: "hello".
        socket.write(Buffer.from([0x81, 5, ...Buffer.from("hello")]));
      },
    );
    const gateway = await startGateway({ storefront: [port] });
    const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/live`);
    onTestFinished(() => socket.close());
    const message = await new Promise<unknown>((resolve, reject) => {
      socket.addEventListener("message", (event) => resolve(event.data));
      socket.addEventListener("error", () => reject(new Error("no WebSocket")));
    });
    expect(message).toBe("hello");
  });
});
