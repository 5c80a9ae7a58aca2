import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request as httpsRequest } from "node:https";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ROOT } from "../../src/cli/project.ts";
import type { RunningEdge } from "../../src/cli/serve.ts";
import {
  ADMIN_TOKEN,
  type TestOrigin,
  eventually,
  operate,
  sendRaw,
  serve,
  startOrigin,
} from "../support/node/edge.ts";

const ATTACK = `/catalog?q=${encodeURIComponent("1' OR 1=1--")}`;
const PAGE: TestOrigin["answer"] = (request, response) => {
  if (request.url?.startsWith("/known")) response.setHeader("content-type", "text/html").end("<p>known</p>");
  else response.writeHead(404, { "content-type": "text/html" }).end("<p>no such page</p>");
};

let origin: TestOrigin;
let edge: RunningEdge;

beforeAll(async () => {
  origin = await startOrigin(PAGE);
  edge = await serve({ STOREFRONT_ORIGIN: origin.url, ARCHIVE_ORIGIN: origin.url });
});
afterAll(async () => {
  await edge.close();
  await origin.close();
});
beforeEach(() => {
  origin.answer = PAGE;
  origin.requests.length = 0;
});

/** Status, headers (lower-case) and body of a raw HTTP/1.1 answer. */
function parse(answer: string): { status: number; headers: Map<string, string>; body: string } {
  const [head = "", ...rest] = answer.split("\r\n\r\n");
  const [statusLine = "", ...lines] = head.split("\r\n");
  const headers = new Map(
    lines.map((line) => [
      line.slice(0, line.indexOf(":")).toLowerCase(),
      line.slice(line.indexOf(":") + 1).trim(),
    ]),
  );
  return { status: Number(statusLine.split(" ")[1]), headers, body: rest.join("\r\n\r\n") };
}

async function raw(
  target: string,
  options: { method?: string; headers?: string; host?: string; body?: string } = {},
): Promise<ReturnType<typeof parse>> {
  const { method = "GET", headers = "", host = new URL(edge.url).host, body = "" } = options;
  return parse(
    await sendRaw(
      edge.url,
      `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${headers}\r\n${body}`,
    ),
  );
}

describe("what comes in", () => {
  it("reaches the origin with the store's domain as Host, forwarded headers of our own and a request id", async () => {
    const response = await fetch(`${edge.url}/known/page?b=2&a=1`, {
      headers: {
        "x-forwarded-for": "6.6.6.6",
        "x-forwarded-host": "evil.example",
        forwarded: "for=6.6.6.6",
        "x-edge-debug": "guess",
      },
    });
    expect(response.status).toBe(200);
    const id = response.headers.get("x-request-id");
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(origin.requests).toHaveLength(1);
    const seen = origin.requests[0]?.headers ?? {};
    expect(seen).toMatchObject({
      host: "store.acme.com",
      "x-forwarded-host": "store.acme.com",
      "x-request-id": id,
    });
    expect(JSON.stringify(seen)).not.toMatch(/6\.6\.6\.6|evil|x-original-url|x-edge-debug/);
  });

  it.each(["other.example", "store.acme.com.evil.example", "127.0.0.1:1", "store.acme.com:81"])(
    "for host %s gets 421 with a request id",
    async (host) => {
      const answer = await raw("/known", { host });
      expect(answer.status).toBe(421);
      expect(answer.headers.get("x-request-id")).toBeTruthy();
      expect(origin.requests).toHaveLength(0);
    },
  );

  it("for the domain itself is served", async () => {
    expect((await raw("/known", { host: "store.acme.com" })).status).toBe(200);
    expect((await raw("/known", { host: "STORE.acme.com" })).status).toBe(200);
  });

  it.each([
    ["/known/%zz", 400],
    ["/known%00", 400],
    ["/%c0%ae%c0%ae/known", 400],
    [`/known?q=${"a".repeat(16_400)}`, 414],
    ["*", 400],
  ])(
    "%.30s is refused with %i, a request id and no-store, and never reaches the origin",
    async (target, status) => {
      const answer = await raw(target, { method: target === "*" ? "OPTIONS" : "GET" });
      // Sentinel may have recognised an attack first.
      expect([status, 403]).toContain(answer.status);
      expect(answer.headers.get("x-request-id")).toBeTruthy();
      expect(answer.headers.get("cache-control")).toBe("no-store");
      expect(origin.requests).toHaveLength(0);
    },
  );

  it("with TRACE gets 405: nothing echoes a shopper's cookies", async () => {
    const answer = await raw("/known", { method: "TRACE" });
    expect([answer.status, origin.requests.length]).toEqual([405, 0]);
  });

  it("with 64 KB of headers gets 431 with a request id", async () => {
    const answer = await raw("/known", { headers: `X-Big: ${"a".repeat(65_536)}\r\n` });
    expect(answer.status).toBe(431);
    expect(answer.headers.get("x-request-id")).toBeTruthy();
    expect(origin.requests).toHaveLength(0);
  });

  it("with a body that breaks off never reaches the origin as if it were whole, and nothing hangs", async () => {
    const whole: string[] = [];
    origin.answer = (request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        whole.push(body);
        response.end();
      });
    };
    await raw("/known", {
      method: "POST",
      headers: "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n",
      body: "a=1",
    });
    expect(whole).toEqual([]);
    expect((await fetch(`${edge.url}/known`)).status).toBe(200);
  });

  it.each([
    ["//known//a", "/known/a"],
    ["/%6bnown/a", "/known/a"],
    ["/known/a%2fb", "/known/a/b"],
    ["/known/a;b=1", "/known/a%3Bb=1"],
  ])("%s reaches the origin as %s", async (sent, seen) => {
    expect((await raw(sent)).status).toBe(200);
    expect(origin.requests.map(({ url }) => url)).toEqual([seen]);
  });

  it("streams up and down: an echo answers before the request has ended", async () => {
    origin.answer = (request, response) => void request.pipe(response);
    const first = await new Promise<string>((resolve, reject) => {
      const { hostname, port } = new URL(edge.url);
      const call = httpRequest(
        {
          hostname,
          port,
          path: "/known/echo",
          method: "POST",
          headers: { "content-type": "application/octet-stream" },
        },
        (response) => {
          response.once("data", (chunk: Buffer) => {
            resolve(chunk.toString().slice(0, 5));
            call.end();
          });
        },
      );
      call.once("error", reject);
      // More than Sentinel's prefix, so that the rest streams.
      call.write("hello".padEnd(200_000, "."));
    });
    expect(first).toBe("hello");
  });
});

describe("what the origin does wrong", () => {
  it("refusing connections: 502 with a request id, for people and programs", async () => {
    const lonely = await serve({
      STOREFRONT_ORIGIN: "http://127.0.0.1:9",
      ARCHIVE_ORIGIN: "http://127.0.0.1:9",
    });
    try {
      const program = await fetch(`${lonely.url}/known`, { headers: { accept: "application/json" } });
      expect([502, 503]).toContain(program.status);
      expect(program.headers.get("content-type")).toBe("application/problem+json");
      expect(await program.json()).toMatchObject({ requestId: program.headers.get("x-request-id") });
      const person = await fetch(`${lonely.url}/known`, { headers: { accept: "text/html" } });
      expect(person.headers.get("content-type")).toContain("text/html");
      expect(await person.text()).toContain(person.headers.get("x-request-id"));
    } finally {
      await lonely.close();
    }
  });

  it("breaking off in the middle: a cut stream the client can detect, and nothing cached", async () => {
    origin.answer = (_request, response) => {
      response.writeHead(200, {
        "content-type": "text/html",
        "cache-control": "public, max-age=60",
        "content-length": "1000",
      });
      response.write("half");
      setTimeout(() => response.destroy(), 50);
    };
    await expect(fetch(`${edge.url}/catalog?page=77`).then((response) => response.text())).rejects.toThrow();
    origin.answer = (_request, response) =>
      void response
        .writeHead(200, { "content-type": "text/html", "cache-control": "public, max-age=60" })
        .end("whole");
    const again = await fetch(`${edge.url}/catalog?page=77`);
    expect(await again.text()).toBe("whole");
  });
});

describe("Sentinel on the line", () => {
  it("blocks an attack with a new 403 that carries nothing of the origin and is never stored", async () => {
    const response = await fetch(`${edge.url}${ATTACK}`);
    expect(response.status).toBe(403);
    expect(response.headers.get("x-request-id")).toBeTruthy();
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("set-cookie")).toBeNull();
    expect(origin.requests).toHaveLength(0);
  });

  it("says what it saw to the holder of the admin token only", async () => {
    const told = await fetch(`${edge.url}${ATTACK}`, { headers: { "x-edge-debug": ADMIN_TOKEN } });
    expect(told.headers.get("x-sentinel")).toMatch(
      /^verdict=block; score=\d+; mode=block; matched=[\w.,-]+$/,
    );
    expect(told.headers.get("server-timing")).toBeTruthy();
    const passed = await fetch(`${edge.url}/known`, { headers: { "x-edge-debug": ADMIN_TOKEN } });
    expect(passed.headers.get("x-sentinel")).toMatch(/^verdict=pass; score=0; mode=block; matched=$/);
    for (const token of [undefined, "wrong"]) {
      const untold = await fetch(
        `${edge.url}${ATTACK}`,
        token === undefined ? {} : { headers: { "x-edge-debug": token } },
      );
      expect([untold.headers.get("x-sentinel"), untold.headers.get("server-timing")]).toEqual([null, null]);
    }
  });

  it("lets the attack pass within 5 s of `mode monitor` and stops it within 5 s of `mode block`", async () => {
    const status = async (): Promise<number> => (await fetch(`${edge.url}${ATTACK}`)).status;
    expect((await operate(edge, "mode", { mode: "monitor", reason: "test" })).status).toBe(200);
    await eventually(async () => ((await status()) === 404 ? true : undefined), 5000);
    expect(origin.requests.length).toBeGreaterThan(0);
    expect((await operate(edge, "mode", { mode: "block", reason: "test" })).status).toBe(200);
    await eventually(async () => ((await status()) === 403 ? true : undefined), 5000);
    const audit = await (await operate(edge, "audit?limit=2")).json();
    expect(JSON.stringify(audit)).toMatch(/"reason":"test"/);
  });

  it("starts in the mode of SENTINEL_MODE; an operator's decision outlives a restart with PERSIST", async () => {
    const folder = mkdtempSync(join(tmpdir(), "edge-persist-"));
    const environment = {
      STOREFRONT_ORIGIN: origin.url,
      ARCHIVE_ORIGIN: origin.url,
      PERSIST: folder,
      SENTINEL_MODE: "monitor",
    };
    const first = await serve(environment);
    try {
      expect((await fetch(`${first.url}${ATTACK}`)).status).toBe(404);
      await operate(first, "mode", { mode: "block", reason: "test" });
      await eventually(
        async () => ((await fetch(`${first.url}${ATTACK}`)).status === 403 ? true : undefined),
        5000,
      );
    } finally {
      await first.close();
    }
    const second = await serve(environment);
    try {
      expect((await fetch(`${second.url}${ATTACK}`)).status).toBe(403);
    } finally {
      await second.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("private paths", () => {
  const SPELLINGS = [
    "/_edge/",
    "/_edge/api/status",
    "/%5fedge/",
    "/_EDGE/",
    "//_edge/",

    "/_edge;x/api",
    "/%255fedge/",
    "/admin",
    "/admin/",
    "/ADMIN/orders",
    "/%61dmin/",
  ];

  it.each(SPELLINGS)("%s without a credential is the 404 of an unknown path", async (path) => {
    const unknown = await raw("/no/such/page");
    const hidden = await raw(path);
    const shape = ({ status, headers, body }: ReturnType<typeof parse>): unknown => [
      status,
      [...headers.keys()].toSorted(),
      body,
    ];
    expect(shape(hidden)).toEqual(shape(unknown));
    expect(hidden.status).toBe(404);
    expect(origin.requests.map(({ url }) => url).join(" ")).not.toMatch(/edge|admin/i);
  });

  it("cannot be chosen so that what hides them leads to a page of the shop, or past a rate rule of one", async () => {
    // Private paths whose former disguise was /login, /cart and /sale.
    for (const path of ["/_edge/mzzztda", "/_edge/zj4cshb", "/_edge/f58bjyc"])
      expect((await raw(path)).status).toBe(404);
    expect(origin.requests.every(({ url }) => url.startsWith("/-/"))).toBe(true);
    expect(origin.requests).toHaveLength(3);
  });

  it("never hand the Fabric's credentials to the storefront", async () => {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, cookie: "a=1; __Host-edge-console=x; b=2" };
    await fetch(`${edge.url}/admin/orders`, { headers });
    await fetch(`${edge.url}/known`, { headers });
    expect(origin.requests.map((request) => [request.headers.authorization, request.headers.cookie])).toEqual(
      [
        [undefined, "a=1; b=2"],
        [undefined, "a=1; b=2"],
      ],
    );
  });

  it("open to the bearer token", async () => {
    expect((await operate(edge, "status")).status).toBe(200);
    const metrics = await fetch(`${edge.url}/_edge/metrics`, {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    expect(metrics.status).toBe(200);
    expect(await metrics.text()).toContain("http_server_request_duration_seconds_bucket");
  });

  it("of the store reach the storefront, uncached, with the credential", async () => {
    origin.answer = (_request, response) =>
      void response.writeHead(200, { "cache-control": "public, max-age=60" }).end("orders");
    for (let time = 0; time < 2; time++) {
      const response = await fetch(`${edge.url}/admin/orders`, {
        headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      });
      expect(await response.text()).toBe("orders");
    }
    expect(origin.requests).toHaveLength(2);
  });

  it("refuse changes from another site", async () => {
    const response = await fetch(`${edge.url}/_edge/api/mode`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${ADMIN_TOKEN}`,
        "content-type": "application/json",
        origin: "https://evil.example",
      },
      body: JSON.stringify({ mode: "monitor", reason: "x" }),
    });
    expect(response.status).toBe(403);
  });
});

describe("HTTPS=1", () => {
  it("redirects http to https on the same port, and serves https with HSTS, wire form kept", async () => {
    const secure = await serve({ STOREFRONT_ORIGIN: origin.url, ARCHIVE_ORIGIN: origin.url, HTTPS: "1" });
    try {
      const plain = await fetch(`${secure.url.replace("https:", "http:")}/known?a=1`, { redirect: "manual" });
      expect(plain.status).toBe(308);
      expect(plain.headers.get("location")).toBe(`${secure.url}/known?a=1`);
      const get = (path: string): Promise<{ status: number; hsts: string | undefined }> =>
        new Promise((resolve, reject) => {
          const { hostname, port } = new URL(secure.url);
          const call = httpsRequest({ hostname, port, path, rejectUnauthorized: false }, (response) => {
            response.resume();
            resolve({
              status: response.statusCode ?? 0,
              hsts: response.headers["strict-transport-security"],
            });
          });
          call.once("error", reject).end();
        });
      expect(await get("/known")).toMatchObject({ status: 200, hsts: expect.stringContaining("max-age=") });
      expect((await get("/media/../../../etc/passwd")).status).toBe(403);
    } finally {
      await secure.close();
    }
  });
});

describe("a rules package", () => {
  it(
    "published without a deploy is in force within 5 s, and gone within 5 s of its rollback",
    { timeout: 60_000 },
    async () => {
      const probe = async (): Promise<number> =>
        (await fetch(`${edge.url}/known?campaign=zebra-crossing`)).status;
      expect(await probe()).toBe(200);
      const folder = mkdtempSync(join(tmpdir(), "edge-rules-"));
      cpSync(join(ROOT, "rules"), folder, { recursive: true });
      writeFileSync(
        join(folder, "sentinel/zebra.yaml"),
        `class: custom
rules:
  - id: zebra-campaign
    description: A campaign that is over
    variables: [args]
    operator: { contains: zebra-crossing }
    severity: critical
    hit: ["GET /?campaign=zebra-crossing"]
    miss: ["GET /?campaign=spring"]
`,
      );
      const environment = { ...process.env, EDGE_URL: edge.url, ADMIN_TOKEN };
      const cli = (...args: string[]): string =>
        execFileSync(process.execPath, [join(ROOT, "src/cli/main.ts"), "rules", ...args], {
          env: environment,
          encoding: "utf8",
        });
      try {
        expect(cli("publish", "--rules", folder, "--reason", "test")).toMatch(
          /rules published as [0-9a-f]{16,}/,
        );
        await eventually(async () => ((await probe()) === 403 ? true : undefined), 5000);
        expect(cli("rollback", "--reason", "test")).toContain("built-in");
        await eventually(async () => ((await probe()) === 200 ? true : undefined), 5000);
        writeFileSync(join(folder, "sentinel/zebra.yaml"), "class: custom\nrules: [{ id: broken }]\n");
        expect(() => cli("publish", "--rules", folder)).toThrow(/zebra\.yaml:2/);
        expect(await probe()).toBe(200);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
});
