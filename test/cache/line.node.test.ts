/**
 * The cache in the whole edge over real HTTP. Sentinel only watches here, so that
 * nothing but the cache and the canonical form stand between attacks and victims.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RunningEdge } from "../../src/cli/serve.ts";
import { type TestOrigin, eventually, operate, sendRaw, serve, startOrigin } from "../support/node/edge.ts";

let origin: TestOrigin;
let edge: RunningEdge;
let page = 0;

/** Of whatever type the path's class keeps: no attack shall fail by its type alone. */
function typeOf(url: string): string {
  if (/^\/media\b/i.test(url)) return "image/png";
  return /\.css\b|^\/(?:assets|static)\b/i.test(url) ? "text/css" : "text/html";
}

/** An origin as careless as they come: everything is public, and holds all that was asked. */
function reflect(request: IncomingMessage, response: ServerResponse): void {
  let body = "";
  request.on("data", (chunk: Buffer) => (body += chunk.toString()));
  request.on("end", () => {
    const type = typeOf(request.url ?? "");
    response.setHeader("cache-control", "public, max-age=600").setHeader("content-type", type);
    response.end(`${request.method} ${request.url} ${request.rawHeaders.join(" ")} ${body}`);
  });
}

beforeAll(async () => {
  origin = await startOrigin(reflect);
  edge = await serve({ STOREFRONT_ORIGIN: origin.url, ARCHIVE_ORIGIN: origin.url, SENTINEL_MODE: "monitor" });
});
afterAll(async () => {
  await edge.close();
  await origin.close();
});
beforeEach(() => {
  origin.answer = reflect;
  origin.requests.length = 0;
  page++;
});

/** A raw request; its answer with head. */
async function raw(
  target: string,
  lines: readonly string[] = [],
  method = "GET",
  body = "",
): Promise<string> {
  const head = [
    `${method} ${target} HTTP/1.1`,
    `Host: ${new URL(edge.url).host}`,
    "Connection: close",
    ...lines,
  ];
  return sendRaw(edge.url, `${head.join("\r\n")}\r\n\r\n${body}`);
}

/** Cache-Status of a GET, when what is behind the last answer is done. */
async function statusOf(path: string): Promise<string> {
  const response = await fetch(edge.url + path);
  await response.arrayBuffer();
  return response.headers.get("cache-status") ?? "";
}

describe("web cache deception", () => {
  const paths = [
    "/account/x.css",
    "/account;x.css",
    "/account%2fx.css",
    "/account%0a.css",
    "/account%00.css",
    "/account%3fx.css",
    "/account%23x.css",
    "/account/..%2fx.css",
    "/assets/..%2faccount",
    "/assets/%2e%2e/account",
    "/assets/..;/account",
    "/assets/../account",
    "/static/..%2faccount",
    "//account",
    "///account//x.css",
    "/ACCOUNT",
    "/Account/x.css",
    "/%61ccount",
    "/%41ccount/x.css",
    "/%2561ccount/x.css",
    "/product/..%2f..%2faccount",
    "/product/%2e%2e%2faccount",
    "/media/..%2faccount",
    "/catalog/../account",
    "/catalog%2f..%2faccount",
    "/assets\\..\\account",
    "/cart/x.css",
    "/checkout/x.css?page=1",
    "/api/orders.css",
    "/fragments/header?x.css",
    "/fragments/HEADER",
  ];
  it.each(paths)("%s", async (path) => {
    await raw(path, ["Cookie: sid=victim"]);
    const attacker = await raw(path);
    expect(attacker).not.toContain("victim");
    expect(attacker).toMatch(/^HTTP\/1\.1 \d{3} /);
    const again = await raw(path, ["Cookie: sid=attacker"]);
    expect(again).not.toContain("victim");
  });

  it("runs every case", () => expect(paths).toHaveLength(31));
});

describe("poisoning by what is not in the key", () => {
  const lines = [
    "X-Forwarded-Host: evil.example",
    "X-Forwarded-Proto: evil",
    "X-Forwarded-Port: evil",
    "X-Forwarded-Prefix: /evil",
    "X-Forwarded-For: evil",
    "X-Host: evil.example",
    "X-Original-URL: /evil",
    "X-Rewrite-URL: /evil",
    "Forwarded: host=evil.example",
    "X-HTTP-Method-Override: evil",
    "X-Method-Override: evil",
    "X-HTTP-Method: evil",
    "User-Agent: evil",
    "Referer: https://evil.example/",
    "Origin: https://evil.example",
    "Accept: evil/evil",
    "Accept-Language: evil",
    "Accept-Encoding: evil",
    "Cookie: sid=evil; theme=evil",
    "Via: 1.1 evil",
    'Surrogate-Capability: evil="ESI/1.0"',
    "X-Anything: evil",
    `X-Oversized: ${"evil".repeat(2000)}`,
    "X-Meta: evil\u0001\u0007",
    "Transfer-Encoding: evil",
    "Range: bytes=0-evil",
    'If-None-Match: "evil"',
  ];
  it.each(lines)("%s", async (line) => {
    const path = `/catalog?page=${page}`;
    const poisoned = await raw(path, [line]);
    const victim = await raw(path);
    expect(victim).toMatch(/^HTTP\/1\.1 200 /);
    expect(victim).not.toContain("evil");
    expect(poisoned).not.toBe("");
  });

  const targets = [
    ["page={page}&utm_content=x;q=evil", "page={page}"],
    ["utm_content=x;page=evil&page={page}", "page={page}"],
    ["page={page}&callback=evil", "page={page}"],
    ["page={page}&q=evil", "page={page}"],
    ["page={page}&page=evil", "page={page}"],
    ["page={page}%26q=evil", "page={page}"],
    ["page={page}&%71=evil", "page={page}"],
    ["page={page}#&q=evil", "page={page}"],
    ["page={page}?q=evil", "page={page}"],
  ] as const;
  it.each(targets)("?%s does not become ?%s", async (poison, victim) => {
    await raw(`/catalog?${poison.replace("{page}", String(page))}`);
    expect(await raw(`/catalog?${victim.replace("{page}", String(page))}`)).not.toContain("evil");
  });

  it("the port in Host", async () => {
    await sendRaw(
      edge.url,
      `GET /catalog?page=${page} HTTP/1.1\r\nHost: ${new URL(edge.url).host}:evil\r\nConnection: close\r\n\r\n`,
    );
    await sendRaw(
      edge.url,
      `GET /catalog?page=${page} HTTP/1.1\r\nHost: store.acme.com:1337\r\nConnection: close\r\n\r\n`,
    );
    const victim = await raw(`/catalog?page=${page}`);
    expect(victim).not.toMatch(/evil|1337/);
  });

  it("an allowed port in Host, through a redirect that is kept", async () => {
    origin.answer = (_request, response) => {
      response.setHeader("cache-control", "public, max-age=600");
      response.writeHead(301, { location: "https://store.acme.com/new" }).end();
    };
    const path = `/catalog?page=${page}`;
    await sendRaw(edge.url, `GET ${path} HTTP/1.1\r\nHost: store.acme.com:80\r\nConnection: close\r\n\r\n`);
    const victim = await raw(path);
    expect(victim).toMatch(/^cache-status: edge; hit/im);
    expect(victim).toMatch(/^location: \/new\r$/im);
  });

  it("fat GET, with a length and chunked", async () => {
    await raw(
      `/catalog?page=${page}`,
      ["Content-Length: 6", "Content-Type: application/x-www-form-urlencoded"],
      "GET",
      "q=evil",
    );
    await raw(`/catalog?page=${page}`, ["Transfer-Encoding: chunked"], "GET", "6\r\nq=evil\r\n0\r\n\r\n");
    expect(await raw(`/catalog?page=${page}`)).not.toContain("evil");
  });

  it("key injection: no part of a key poses as another", async () => {
    const parts = [
      `q=1&page=${page}`,
      `q=1%26page%3D${page}`,
      `q=1&page=${page}%265%3Aevil`,
      `q=1%3A${page}`,
      `q=1:${page}`,
      `q=6%3Apage%3D${page}`,
      `q=%7C${page}`,
      `q=${page}%00`,
      `q=${page}%0D%0A`,
    ];
    const sorted = (query: string): string => {
      const parameters = new URLSearchParams(query);
      parameters.sort();
      return String(parameters);
    };
    const asked = new Map<string, string>();
    for (const query of parts) {
      for (const time of ["first", "second"]) {
        const response = await fetch(`${edge.url}/catalog?${query}`);
        const url = (await response.text()).split(" ")[1] ?? "";
        const read = sorted(url.split("?")[1] ?? "");
        const wanted = sorted(query);
        expect([time, response.status, read]).toEqual([time, 200, wanted]);
        asked.set(wanted, response.headers.get("cache-status") ?? "");
      }
    }
    // `1:` is written in two ways above and read as one.
    expect(asked.size).toBe(parts.length - 1);
    expect([...asked.values()].filter((status) => status.startsWith("edge; hit"))).toHaveLength(asked.size);
  });

  it("another method's answer", async () => {
    await raw(`/catalog?page=${page}`, ["Content-Length: 4"], "POST", "evil");
    expect(await raw(`/catalog?page=${page}`)).not.toContain("evil");
  });
});

describe("a hundred at once for what is not stored", () => {
  it.each([
    ["HEAD", "HEAD", {}, 200, ""],
    ["Range", "GET", { range: "bytes=1-3" }, 206, "hol"],
  ] as const)("by %s: one request at the origin", async (_, method, headers, status, expected) => {
    const all = new Set<string>();
    origin.answer = (__, response) => {
      response.setHeader("cache-control", "public, max-age=600").setHeader("content-type", "text/html");
      setTimeout(() => response.setHeader("content-length", "5").end("whole"), 300);
    };
    await Promise.all(
      Array.from({ length: 100 }, async () => {
        const response = await fetch(`${edge.url}/catalog?page=${page}`, { method, headers });
        all.add(`${response.status} ${await response.text()}`);
      }),
    );
    expect([...all]).toEqual([`${status} ${expected}`]);
    expect(origin.requests.map((request) => request.method)).toEqual(["GET"]);
  });
});

describe("answers that are not the page", () => {
  it.each([206, 304, 400, 403, 405, 412, 413, 414, 416, 431, 500, 502, 503])(
    "%d is not kept for it",
    async (status) => {
      origin.answer = (_, response) =>
        void response
          .writeHead(status, { "cache-control": "public, max-age=600", "content-type": "text/html" })
          .end("evil");
      await raw(`/catalog?page=${page}`, ["Range: bytes=0-0", 'If-None-Match: "x"']);
      await raw(`/catalog?page=${page}`);
      origin.answer = reflect;
      await eventually(
        async () => ((await raw(`/catalog?page=${page}`)).startsWith("HTTP/1.1 200") ? true : undefined),
        10_000,
      );
      expect(await raw(`/catalog?page=${page}`)).not.toContain("evil");
    },
  );
});

describe("a purge through the control plane", () => {
  const scopes = [
    ["tag", { tags: ["catalog-page"] }],
    ["url", { urls: ["/catalog?page={page}"] }],
    ["prefix", { prefixes: ["/catalog"] }],
    ["all", { all: true }],
  ] as const;
  it.each(scopes)("by %s is in force within 5 s", async (_, scope) => {
    origin.answer = (request, response) => {
      response.setHeader("cache-tag", "catalog-page");
      reflect(request, response);
    };
    const path = `/catalog?page=${page}`;
    await statusOf(path);
    expect(await statusOf(path)).toMatch(/^edge; hit/);
    const purged = await operate(
      edge,
      "purge",
      JSON.parse(JSON.stringify({ ...scope, reason: "test" }).replace("{page}", String(page))),
    );
    expect(purged.status).toBeLessThan(300);
    await eventually(async () => ((await statusOf(path)).includes("fwd=") ? true : undefined), 5000);
    expect(await statusOf(path)).toMatch(/^edge; hit/);
  });
});

describe("an origin that goes away", () => {
  it("leaves stale pages where the class allows, and a branded 503 or 502 elsewhere", async () => {
    const path = `/catalog?page=${page}`;
    origin.answer = (_, response) =>
      void response
        .setHeader("cache-control", "public, max-age=0, s-maxage=1, stale-if-error=600")
        .setHeader("content-type", "text/html")
        .setHeader("etag", '"1"')
        .end("good");
    await statusOf(path);
    await new Promise((resolve) => setTimeout(resolve, 1200));
    origin.answer = (_, response) => void response.writeHead(503).end("bad");
    const stale = await fetch(edge.url + path);
    expect([stale.status, await stale.text(), stale.headers.get("cache-status")]).toEqual([
      200,
      "good",
      expect.stringMatching(/hit; ttl=-\d+; detail=stale-if-error/),
    ]);
    expect((await fetch(`${edge.url}/cart`)).status).toBeGreaterThanOrEqual(502);
  });
});
