/** Dimensions, fragments and what cannot be read, through the whole edge over real HTTP. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RunningEdge } from "../../src/cli/serve.ts";
import {
  ADMIN_TOKEN,
  type TestOrigin,
  eventually,
  sendRaw,
  serve,
  startOrigin,
} from "../support/node/edge.ts";

const DIMENSIONS = `dimensions:
  device:
    header: user-agent
    contains: { phone: [mobile], tablet: [ipad, tablet] }
    default: desktop
  country: { header: cf-ipcountry, values: [br, us], default: other }
  currency: { cookie: currency, values: [brl, usd], default: brl }
  group: { cookie: group, values: [retail, business], default: retail }
`;

const CLASSES = `
  help-account: { match: [/help/minhaConta/**], cache: never }
  help:
    match: [/help/**]
    headers: all
    dimensions: [currency]
    lifetime: { default: 10m }
`;

let rules: string;
let origin: TestOrigin;
let edge: RunningEdge;
let page = 0;

beforeAll(async () => {
  rules = mkdtempSync(join(tmpdir(), "edge-rules-"));
  cpSync("rules", rules, { recursive: true });
  const file = join(rules, "cache.yaml");
  const shipped = readFileSync(file, "utf8");
  const edited = shipped
    .replace("dimensions: {}\n", DIMENSIONS)
    .replace("  catalog:\n", "  catalog:\n    dimensions: [device, country, currency, group]\n")
    .replace("classes:\n", `classes:\n${CLASSES}`)
    .replace("deadline: 2s", "deadline: 1s");
  writeFileSync(file, edited);
  origin = await startOrigin(() => undefined);
  edge = await serve({
    RULES_DIR: rules,
    STOREFRONT_ORIGIN: origin.url,
    ARCHIVE_ORIGIN: origin.url,
    SENTINEL_MODE: "monitor",
  });
});
afterAll(async () => {
  await edge.close();
  await origin.close();
  rmSync(rules, { recursive: true });
});
beforeEach(() => {
  origin.requests.length = 0;
  page++;
});

const html = (response: ServerResponse, headers: Record<string, string> = {}): ServerResponse => {
  const all = { "cache-control": "public, max-age=600", "content-type": "text/html", ...headers };
  for (const [name, value] of Object.entries(all)) response.setHeader(name, value);
  return response;
};

async function get(path: string, headers: Record<string, string> = {}): Promise<string> {
  return (await fetch(edge.url + path, { headers })).text();
}

describe("dimensions", () => {
  const visitors: readonly (readonly [string, Record<string, string>])[] = [
    ["desktop other brl retail", {}],
    ["phone other brl retail", { "user-agent": "Mozilla/5.0 (Linux; Android 15) Mobile Safari" }],
    ["tablet other brl retail", { "user-agent": "Mozilla/5.0 (iPad; CPU OS 18)" }],
    ["desktop br brl retail", { "cf-ipcountry": "BR" }],
    ["desktop us usd retail", { "cf-ipcountry": "US", cookie: "sid=1; currency=usd" }],
    ["desktop other brl business", { cookie: "group=business; theme=dark" }],
  ];

  it("give each device, country, currency and customer group its own page, and one alone", async () => {
    origin.answer = ({ headers }, response) => {
      const said = ["device", "country", "currency", "group"].map((name) => headers[`x-edge-${name}`]);
      html(response).end(`${said.join(" ")}; ${headers.cookie ?? ""}`);
    };
    for (let round = 0; round < 2; round++) {
      for (const [expected, headers] of visitors) {
        const [, , currency, group] = expected.split(" ");
        expect(await get(`/catalog?page=${page}`, headers)).toBe(
          `${expected}; currency=${currency}; group=${group}`,
        );
      }
    }
    expect(origin.requests).toHaveLength(visitors.length);
  });

  it("and what the class varies by cannot be kept from the origin by Connection", async () => {
    origin.answer = ({ headers }, response) => {
      html(response, { vary: "accept-language" }).end(
        `${headers["accept-language"] ?? "no language"} ${String(headers["x-edge-currency"])}`,
      );
    };
    const path = `/help/${page}`;
    const wanted = "Accept-Language: pt\r\nCookie: currency=usd\r\n";
    await sendRaw(
      edge.url,
      `GET ${path} HTTP/1.1\r\nHost: ${new URL(edge.url).host}\r\n${wanted}` +
        "Connection: close, accept-language, x-edge-currency\r\n\r\n",
    );
    expect(await get(path, { "accept-language": "pt", cookie: "currency=usd" })).toBe("pt usd");
  });

  it("do not make a page that is never kept another by its letter case, whatever case the rules have", async () => {
    origin.answer = ({ url }, response) => html(response).end(url);
    for (const path of ["/help/minhaconta/x", "/help/MINHACONTA", "/help/minhaConta/x"]) {
      const response = await fetch(edge.url + path);
      await response.arrayBuffer();
      expect([path, response.headers.get("cache-status")]).toEqual([
        path,
        expect.stringMatching("fwd=bypass"),
      ]);
    }
  });

  it("are not the client's to name, nor to multiply", async () => {
    origin.answer = ({ headers }, response) => void html(response).end(String(headers["x-edge-group"]));
    const strangers = ["gold", "business2", "'", "retail,business", "x".repeat(3000)];
    for (const value of strangers)
      expect(
        await get(`/catalog?page=${page}`, { cookie: `group=${value}`, "x-edge-group": "business" }),
      ).toBe("retail");
    expect(origin.requests).toHaveLength(1);
  });
});

describe("fragments", () => {
  /** A page of these includes; `answers` by path. */
  function pages(
    body: string,
    answers: Record<string, (response: ServerResponse, request: IncomingMessage) => void>,
  ): void {
    origin.answer = (request, response) => {
      const path = request.url?.split("?", 1)[0] ?? "";
      if (path === "/catalog") html(response, { "surrogate-control": 'content="ESI/1.0"' }).end(body);
      else if (answers[path] === undefined) html(Object.assign(response, { statusCode: 404 })).end("missing");
      else answers[path](response, request);
    };
  }
  const include = (src: string, alt = ""): string =>
    `<esi:include src="${src}"${alt === "" ? "" : ` alt="${alt}"`} onerror="continue"/>`;

  it("have lifetimes of their own, and a private one is each visitor's", async () => {
    let stock = 0;
    pages(`a${include("/fragments/header")}b${include("/fragments/stock")}c`, {
      "/fragments/header": (response, { headers }) => void html(response).end(`[${headers.cookie}]`),
      "/fragments/stock": (response) =>
        void html(response, { "cache-control": "public, max-age=1" }).end(`<${++stock}>`),
    });
    const path = `/catalog?page=${page}`;
    expect(await get(path, { cookie: "sid=ann" })).toBe("a[sid=ann]b<1>c");
    expect(await get(path, { cookie: "sid=bob" })).toBe("a[sid=bob]b<1>c");
    await eventually(
      async () => ((await get(path, { cookie: "sid=bob" })).includes("<2>") ? true : undefined),
      8000,
    );
    const asked = origin.requests.map(({ url }) => url);
    expect(asked.filter((url) => url.startsWith("/catalog"))).toHaveLength(1);
    const last = await fetch(edge.url + path);
    await last.text();
    expect(last.headers.get("cache-control")).toBe("private, no-cache");
  });

  it("come from nowhere but the declared folders of the store", async () => {
    const targets = [
      "/account",
      "/fragments/../account",
      "/fragments/%2e%2e/account",
      "/fragments/..%2faccount",
      "/fragments\\..\\account",
      "//evil.example/fragments/x",
      "http://evil.example/fragments/x",
      `${origin.url}/fragments/x`,
      "http://169.254.169.254/latest/meta-data/",
      "http://127.0.0.1:1/fragments/x",
      "file:///etc/passwd",
      "/_edge/api/status",
      "/admin/orders",
    ];
    pages(`a${targets.map((target) => include(target)).join("")}b`, {
      "/account": (response) => void html(response).end("secret"),
      "/fragments/x": (response) => void html(response).end("secret"),
    });
    expect(await get(`/catalog?page=${page}`, { cookie: "sid=ann" })).toBe("ab");
    expect(origin.requests.map(({ url }) => url)).toEqual([`/catalog?page=${page}`]);
  });

  it("that are slow, broken, missing or recursive leave their alternative or nothing, within the deadline", async () => {
    pages(
      `a${include("/fragments/slow")}b${include("/fragments/slow2", "/fragments/ok")}c${include("/fragments/cut")}d${include("/fragments/none")}e${include("/fragments/self")}f`,
      {
        "/fragments/slow": () => undefined,
        "/fragments/slow2": () => undefined,
        "/fragments/ok": (response) => void html(response).end("ok"),
        "/fragments/cut": (response, { socket }) => {
          html(response, { "content-length": "100" }).write("half");
          setTimeout(() => socket.destroy(), 50);
        },
        "/fragments/self": (response) =>
          void html(response, { "surrogate-control": 'content="ESI/1.0"' }).end(
            `x${include("/fragments/self")}`,
          ),
      },
    );
    const began = performance.now();
    expect(await get(`/catalog?page=${page}`)).toBe("abokcdexxxf");
    expect(performance.now() - began).toBeLessThan(4000);
  });
});

describe("what cannot be read", () => {
  it("gets its safest reading, and is in the metrics by part", async () => {
    origin.answer = (_, response) =>
      void html(response, { "cache-control": "max-age=soon", vary: "a b", age: "old", etag: "unquoted" }).end(
        "ok",
      );
    for (let round = 0; round < 2; round++) expect(await get(`/catalog?page=${page}`)).toBe("ok");
    expect(origin.requests).toHaveLength(2);
    origin.answer = (_, response) => void html(response, { etag: '"1"' }).end("kept");
    const path = `/catalog?page=${page}-kept`;
    await get(path);
    const answer = await sendRaw(
      edge.url,
      `GET ${path} HTTP/1.1\r\nHost: ${new URL(edge.url).host}\r\nRange: bytes=-\r\nIf-None-Match: x\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 [^]*kept/);
    const wanted = ["age", "cache-control", "etag", "if-none-match", "range", "vary"];
    await eventually(async () => {
      const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
      const metrics = await (await fetch(`${edge.url}/_edge/metrics`, { headers })).text();
      const seen = [...metrics.matchAll(/event="malformed",part="([^"]+)"/g)].map((match) => match[1]);
      return wanted.every((part) => seen.includes(part)) ? true : undefined;
    }, 5000);
  });
});
