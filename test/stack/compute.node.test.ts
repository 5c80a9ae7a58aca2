/** Replicas behind one address: in turn, streaming, coming and going without a failed request. */
import { createServer } from "node:http";
import { Hono } from "hono";
import { afterEach, expect, test } from "vitest";
import { startService, type Service } from "../../stack/compute.ts";

const services: Service[] = [];
afterEach(async () => {
  await Promise.all(services.splice(0).map((started) => started.close()));
});

async function service(count: number, build: (app: Hono, replica: number) => void): Promise<Service> {
  let made = 0;
  const started = await startService(() => {
    const app = new Hono();
    build(app, made++);
    return app;
  }, count);
  services.push(started);
  return started;
}

test("requests go to the replicas in turn", async () => {
  const { url } = await service(3, (app, replica) =>
    app.get("/", (context) => context.text(String(replica))),
  );
  const answers = await Promise.all(Array.from({ length: 30 }, async () => (await fetch(url)).text()));
  expect(Object.values(Object.groupBy(answers, (answer) => answer)).map((list) => list?.length)).toEqual([
    10, 10, 10,
  ]);
});

test("method, path, headers, body and several cookies pass both ways", async () => {
  const { url } = await service(1, (app) =>
    app.all("*", async (context) => {
      context.header("Set-Cookie", "a=1", { append: true });
      context.header("Set-Cookie", "b=2", { append: true });
      const { method, url: full } = context.req;
      const host = context.req.header("Host");
      return context.json(
        {
          method,
          path: new URL(full).search,
          host,
          x: context.req.header("X-Test"),
          body: await context.req.text(),
        },
        201,
      );
    }),
  );
  const answer = await fetch(`${url}/a?q=%20`, { method: "PUT", headers: { "X-Test": "1" }, body: "text" });
  expect(answer.status).toBe(201);
  expect(answer.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
  expect(await answer.json()).toEqual({
    method: "PUT",
    path: "?q=%20",
    host: new URL(url).host,
    x: "1",
    body: "text",
  });
});

test("a body of unknown length is streamed in and out, piece by piece", async () => {
  const { url } = await service(1, (app) =>
    app.post("/echo", (context) => new Response(context.req.raw.body)),
  );
  const pieces = new TransformStream<string, string>();
  const writer = pieces.writable.getWriter();
  const body = pieces.readable.pipeThrough(new TextEncoderStream());
  const init: RequestInit & { duplex: "half" } = { method: "POST", body, duplex: "half" };
  const answer = fetch(`${url}/echo`, init);
  await writer.write("one");
  const reader = (await answer).body?.pipeThrough(new TextDecoderStream()).getReader();
  // The first piece is back before the second is sent.
  expect((await reader?.read())?.value).toBe("one");
  await writer.write("two");
  expect((await reader?.read())?.value).toBe("two");
  await writer.close();
  expect((await reader?.read())?.done).toBe(true);
});

test("an answer that breaks off breaks off for the client", async () => {
  const received = Promise.withResolvers<void>();
  const { url } = await service(1, (app) =>
    app.get("/", () => {
      let pulls = 0;
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          if (pulls++ === 0) return controller.enqueue(new TextEncoder().encode("half"));
          await received.promise;
          throw new Error("disk gone");
        },
      });
      return new Response(body, { headers: { "Content-Length": "100" } });
    }),
  );
  const reader = (await fetch(url)).body?.getReader();
  expect((await reader?.read())?.value?.length).toBe(4);
  received.resolve();
  await expect(reader?.read()).rejects.toThrow();
});

test("replicas come and go under load and no request fails", async () => {
  const scaled = await service(2, (app, replica) => app.get("/", (context) => context.text(String(replica))));
  const stopping = new AbortController();
  const statuses = new Map<number, number>();
  const replicas = new Set<string>();
  const load = Array.from({ length: 8 }, async () => {
    while (!stopping.signal.aborted) {
      const answer = await fetch(scaled.url);
      replicas.add(await answer.text());
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
    }
  });
  for (const count of [8, 1, 5, 2]) {
    await scaled.scale(count);
    expect(scaled.replicas).toBe(count);
    const before = statuses.get(200) ?? 0;
    await expect.poll(() => statuses.get(200) ?? 0, { timeout: 20_000 }).toBeGreaterThan(before + 50);
  }
  stopping.abort();
  await Promise.all(load);
  expect([...statuses.keys()]).toEqual([200]);
  expect(replicas.size).toBeGreaterThan(8);
});

test("changes asked for at once end at the last one", async () => {
  const scaled = await service(1, (app) => app.get("/", (context) => context.text("ok")));
  await Promise.all([scaled.scale(6), scaled.scale(1), scaled.scale(3)]);
  expect(scaled.replicas).toBe(3);
});

test("no replica is 503; a failed zone refuses connections and comes back on the same address", async () => {
  const zone = await service(1, (app) => app.get("/", (context) => context.text("ok")));
  await zone.fail();
  await expect(fetch(zone.url)).rejects.toThrow();
  await zone.restore();
  expect((await fetch(zone.url)).status).toBe(200);
  await zone.scale(0);
  expect((await fetch(zone.url)).status).toBe(503);
});

test("a client that leaves frees the replica", async () => {
  let cancelled: (value: string) => void = () => undefined;
  const gone = new Promise<string>((resolve) => (cancelled = resolve));
  const { url } = await service(1, (app) =>
    app.get("/", () => {
      const body = new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
        cancel: () => cancelled("cancelled"),
      });
      return new Response(body);
    }),
  );
  const leaving = new AbortController();
  await fetch(url, { signal: leaving.signal });
  leaving.abort();
  expect(await gone).toBe("cancelled");
});

test("the port is free again after close", async () => {
  const zone = await service(1, (app) => app.get("/", (context) => context.text("ok")));
  services.length = 0;
  await zone.close();
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once("error", reject).listen(Number(new URL(zone.url).port), "127.0.0.1", resolve);
  });
  await new Promise((resolve) => probe.close(resolve));
});
