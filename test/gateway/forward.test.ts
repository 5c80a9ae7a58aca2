import { describe, expect, test } from "vitest";
import {
  type CompiledRoutes,
  type ForwardContext,
  type Gateway,
  type GatewayEvent,
  OriginError,
  createGateway,
  traceOf,
} from "../../src/gateway/index.ts";
import { canonicalize } from "../../src/http/canonical.ts";
import { EdgeError } from "../../src/http/errors.ts";

const LIMITS = { deadlineMs: 1000, tryMs: 500 };

const POLICY: CompiledRoutes = {
  private: ["/_edge/*"],
  media: { paths: ["/media/*"], ...LIMITS },
  classes: [],
  page: LIMITS,
  origin: {
    retryPercent: 20,
    retryReserve: 3,
    eject: { after: 1000, forMs: 1000, atMostMs: 4000 },
    breaker: { after: 4, forMs: 1000, atMostMs: 4000 },
    stallMs: 60_000,
  },
  compute: { largeBytes: 1000, refusedTypes: [], except: [], moved: [] },
  headers: { hsts: "max-age=1", frameAncestors: "'none'", referrerPolicy: "same-origin" },
};

interface Seen {
  readonly zone: number;
  readonly url: string;
  readonly init: RequestInit;
}

interface Scene {
  readonly gateway: Gateway;
  readonly seen: Seen[];
  readonly events: GatewayEvent[];
  forward(method: string, path: string, init?: RequestInit, ctx?: Partial<ForwardContext>): Promise<Response>;
  now: number;
}

/** A gateway whose zones answer as the test says; the first zone is always chosen first. */
function scene(...zones: ((seen: Seen) => Promise<Response> | Response)[]): Scene {
  const seen: Seen[] = [];
  const events: GatewayEvent[] = [];
  const list = zones.map((answer, zone) => ({
    name: `zone-${zone}`,
    origin: `http://10.0.0.${zone}:8080`,
    base: "http://store.acme.com",
    fetch: async (url: string, init: RequestInit) => {
      const call = { zone, url, init };
      seen.push(call);
      return answer(call);
    },
  }));
  const gateway = createGateway(
    POLICY,
    { storefront: list, archive: list },
    { random: () => 0, observe: (event) => events.push(event) },
  );
  const it: Scene = {
    gateway,
    seen,
    events,
    now: 0,
    async forward(method, path, init = {}, ctx = {}) {
      const url = `https://store.acme.com${path}`;
      const request = new Request(url, { method, ...init });
      const { response } = await gateway.forward(gateway.route(canonicalize(url)), request, {
        clientIp: "203.0.113.7",
        requestId: "r-1",
        scheme: "https",
        host: "store.acme.com",
        trace: traceOf(request.headers),
        now: () => it.now,
        waitUntil: () => undefined,
        ...ctx,
      });
      return response;
    },
  };
  return it;
}

const lost = (): never => {
  throw new Error("Network connection lost.");
};
const ok = (): Response => new Response("ok");

async function errorOf(promise: Promise<unknown>): Promise<EdgeError> {
  const thrown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(thrown instanceof EdgeError)) throw new Error(`no EdgeError: ${String(thrown)}`);
  return thrown;
}

describe("one request", () => {
  test("the origin is asked exactly what the request says, under the zone's base", async () => {
    const it = scene(ok);
    await it.forward("GET", "/a%20b;c?x=%2F&y='1'");
    expect(it.seen[0]?.url).toBe("http://store.acme.com/a%20b;c?x=%2F&y=%271%27");
    expect(it.seen[0]?.init).toMatchObject({ method: "GET", redirect: "manual" });
  });

  test("a body on GET goes nowhere", async () => {
    const it = scene(ok);
    await it.forward("GET", "/", {}, { body: new TextEncoder().encode("fat") });
    expect(it.seen[0]?.init.body).toBeUndefined();
  });

  test("what the edge itself says reaches the origin; other spellings of it and its token do not", async () => {
    const it = scene(ok);
    const own = { "surrogate-capability": 'edge="ESI/1.0"', "x-edge-country": "br" };
    const others = { x_edge_country: "us", surrogate_capability: "x", "x-edge-debug": "token" };
    await it.forward("GET", "/", { headers: { ...own, ...others } });
    const sent = new Headers(it.seen[0]?.init.headers);
    expect(Object.keys(own).map((name) => sent.get(name))).toEqual(Object.values(own));
    expect(Object.keys(others).filter((name) => sent.has(name))).toEqual([]);
  });

  test("redirects of a zone lead to where the client is", async () => {
    const it = scene(
      () => new Response(null, { status: 302, headers: { location: "http://10.0.0.0:8080/cart" } }),
    );
    expect((await it.forward("GET", "/")).headers.get("location")).toBe("/cart");
  });

  test("an upload from a client that goes away is the client's error", async () => {
    const broken: ReadableStream<Uint8Array> = new ReadableStream({
      type: "bytes",
      pull: () => Promise.reject(new Error("gone")),
    });
    const it = scene(async ({ init }) => new Response(await new Response(init.body).text()));
    const error = await errorOf(it.forward("POST", "/", {}, { body: broken }));
    expect([error.status, error.source, error instanceof OriginError]).toEqual([400, "client", false]);
    expect(it.events).toEqual([]);
  });

  test("a client that is gone ends the try without blame", async () => {
    const client = new AbortController();
    const it = scene(({ init }) => {
      client.abort();
      return init.signal?.aborted === true ? lost() : ok();
    });
    const error = await errorOf(it.forward("GET", "/", {}, { signal: client.signal }));
    expect([error.status, error.source]).toEqual([400, "client"]);
    expect(it.seen).toHaveLength(1);
  });
});

describe("tries", () => {
  const bytes = new TextEncoder().encode('{"order":1}');

  test("a GET is tried once more, on the other zone", async () => {
    const it = scene(lost, ok);
    expect(await (await it.forward("GET", "/")).text()).toBe("ok");
    expect(it.seen.map(({ zone }) => zone)).toEqual([0, 1]);
    expect(it.events).toEqual([{ kind: "retry", zone: "zone-0", failure: "no-answer" }]);
  });

  test("an order with an Idempotency-Key is sent again, byte for byte; without one never", async () => {
    const keyed = scene(lost, async ({ init }) => new Response(init.body as Uint8Array));
    const headers = { "idempotency-key": "k-1" };
    expect(await (await keyed.forward("POST", "/", { headers }, { body: bytes })).text()).toBe('{"order":1}');
    expect(keyed.seen).toHaveLength(2);
    const bare = scene(lost, ok);
    expect((await errorOf(bare.forward("POST", "/", {}, { body: bytes }))).code).toBe("origin-unreachable");
    expect(bare.seen).toHaveLength(1);
  });

  test("with one zone a lost connection is tried once more there, a broken answer is not", async () => {
    let count = 0;
    const it = scene(() => (count++ === 0 ? lost() : ok()));
    expect((await it.forward("GET", "/")).status).toBe(200);
    const odd = scene(() => Response.error());
    expect((await errorOf(odd.forward("GET", "/"))).code).toBe("origin-broken");
    expect(odd.seen).toHaveLength(1);
  });

  test("the budget ends retries, and says so", async () => {
    const it = scene(() => new Response("busy", { status: 503 }), ok);
    const statuses: number[] = [];
    for (let count = 0; count < 13; count++) statuses.push((await it.forward("GET", "/")).status);
    // Three in reserve, then one for every five requests.
    expect(statuses.filter((status) => status === 200)).toHaveLength(5);
    expect(it.events.filter(({ kind }) => kind === "retry-refused")).toHaveLength(8);
  });

  test("every zone down: 503 with Retry-After, then the breaker spares the origin until its time is over", async () => {
    const it = scene(lost, lost);
    const first = await errorOf(it.forward("GET", "/"));
    expect([first.status, first.code, first.retryAfter, first.source]).toEqual([
      503,
      "unavailable",
      2,
      "origin",
    ]);
    expect(first instanceof OriginError && first.failures).toEqual(["no-answer", "no-answer"]);
    for (let count = 0; count < 3; count++) await errorOf(it.forward("POST", "/", {}, { body: bytes }));
    const asked = it.seen.length;
    const open = await errorOf(it.forward("GET", "/"));
    expect([open.status, open.code, open.retryAfter]).toEqual([503, "breaker-open", 1]);
    expect(it.seen).toHaveLength(asked);
    it.now = 1000;
    await errorOf(it.forward("GET", "/"));
    expect(it.seen.length).toBeGreaterThan(asked);
    expect(it.events.filter(({ kind }) => kind === "breaker-opened")).toHaveLength(2);
  });

  test("the breaker closes with the first answer", async () => {
    let up = false;
    const it = scene(() => (up ? ok() : lost()));
    for (let count = 0; count < 4; count++) await errorOf(it.forward("POST", "/", {}, { body: bytes }));
    up = true;
    expect((await errorOf(it.forward("GET", "/"))).code).toBe("breaker-open");
    it.now = 1000;
    expect((await it.forward("GET", "/")).status).toBe(200);
    expect((await it.forward("GET", "/")).status).toBe(200);
    expect(it.events.at(-1)).toEqual({ kind: "breaker-closed", origin: "storefront" });
  });

  test("an origin's own 500 is passed on, neither retried nor blamed", async () => {
    const it = scene(() => new Response("oops", { status: 500 }), ok);
    expect((await it.forward("GET", "/")).status).toBe(500);
    expect([it.seen.length, it.events.length]).toEqual([1, 0]);
  });
});
