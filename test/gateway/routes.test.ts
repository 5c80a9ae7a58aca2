import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CompiledRoutes } from "../../src/gateway/compiled.ts";
import { judgeCompute, streamLimit } from "../../src/gateway/compute-guard.ts";
import { errorPage } from "../../src/gateway/error-page.ts";
import { mediaHeaders } from "../../src/gateway/media.ts";
import { refuseMediaRequest } from "../../src/gateway/media-request.ts";
import { createRouter, matchesPath } from "../../src/gateway/routes.ts";
import { canonicalize } from "../../src/http/canonical.ts";
import { EdgeError } from "../../src/http/errors.ts";

const LIMITS = { deadlineMs: 1000, tryMs: 500 };

const POLICY: CompiledRoutes = {
  private: ["/_edge/*", "/admin/*"],
  media: { paths: ["/media/*"], ...LIMITS },
  classes: [
    { name: "checkout", paths: ["/checkout/*"], deadlineMs: 30_000, tryMs: 30_000 },
    { name: "catalog", paths: ["/", "/catalog/*"], ...LIMITS },
  ],
  page: LIMITS,
  origin: {
    retryPercent: 20,
    retryReserve: 10,
    eject: { after: 3, forMs: 1000, atMostMs: 4000 },
    breaker: { after: 10, forMs: 1000, atMostMs: 4000 },
    stallMs: 60_000,
  },
  compute: {
    largeBytes: 1000,
    refusedTypes: ["image/*", "application/pdf"],
    except: ["/favicon.ico"],
    moved: [{ from: "/downloads/*", to: "/media/files/*" }],
  },
  headers: { hsts: "max-age=1", frameAncestors: "'none'", referrerPolicy: "same-origin" },
};

describe("routes", () => {
  const route = createRouter(POLICY);
  const classOf = (target: string): string => route(canonicalize(`https://store.acme.com${target}`)).class;

  test.each([
    ["/", "catalog"],
    ["/catalog", "catalog"],
    ["/catalog/lamps?page=2", "catalog"],
    ["/catalogue", "page"],
    ["/checkout", "checkout"],
    ["/checkout/pay", "checkout"],
    ["/checkouts", "page"],
    ["/Checkout", "page"],
    ["/media/a.webp", "media"],
    ["/media", "media"],
    ["/medias/a.webp", "page"],
    ["/x/../media/a.webp", "media"],
    ["/media/../cart", "page"],
    ["/unknown", "page"],
  ])("%s is %s", (target, expected) => expect(classOf(target)).toBe(expected));

  /** Every spelling of a private path that some server would read as one. */
  const SPELLINGS = [
    "/admin",
    "/admin/",
    "/ADMIN",
    "/Admin/users",
    "//admin",
    "/./admin",
    "/x/../admin",
    "/%61dmin",
    "/%2561dmin",
    "/%252561dmin",
    "/admin%2fusers",
    "/admin%5cusers",
    "/admin\\users",
    "/admin;x=1",
    "/admin;x=1/users",
    "/media/..%2fadmin",
    "/media/%252e%252e%252fadmin",
    "/catalog/..;/admin",
    "/_edge",
    "/_EDGE/api/mode",
    "/%5fedge/api/mode",
    "/_edge/..%2f_edge/api",
  ];

  test.each(SPELLINGS)("%s is private", (target) => {
    expect(route(canonicalize(`https://store.acme.com${target}`))).toMatchObject({
      kind: "fabric",
      class: "private",
    });
  });

  test("all spellings ran", () => expect(SPELLINGS.length).toBe(22));

  test("deadlines are the class's", () => {
    expect(route(canonicalize("https://store.acme.com/checkout"))).toMatchObject({ deadlineMs: 30_000 });
  });

  test("a prefix pattern takes its path and what is below, nothing beside it", () => {
    const segment = fc.stringMatching(/^[a-z0-9]{1,8}$/);
    fc.assert(
      fc.property(segment, segment, (base, rest) => {
        expect(matchesPath(`/${base}/*`, `/${base}`)).toBe(true);
        expect(matchesPath(`/${base}/*`, `/${base}/${rest}`)).toBe(true);
        expect(matchesPath(`/${base}/*`, `/${base}${rest}`)).toBe(false);
        expect(matchesPath(`/${base}`, `/${base}/${rest}`)).toBe(false);
      }),
    );
  });
});

describe("never stream large files from Compute", () => {
  const judge = (path: string, headers: Record<string, string>, status = 200) =>
    judgeCompute(POLICY.compute, path, status, new Headers(headers));

  test.each([
    ["a page", "/x", { "content-type": "text/html", "content-length": "1000" }, 200, { kind: "pass" }],
    ["a byte over", "/x", { "content-length": "1001" }, 200, { kind: "refuse", reason: "large-body" }],
    ["an image", "/x", { "content-type": "IMAGE/png" }, 200, { kind: "refuse", reason: "media-type" }],
    ["a range of one", "/x", { "content-type": "image/png" }, 206, { kind: "refuse", reason: "media-type" }],
    [
      "a small part of a large file",
      "/x",
      { "content-length": "2", "content-range": "bytes 0-1/1001" },
      206,
      { kind: "refuse", reason: "large-body" },
    ],
    ["a part of a page", "/x", { "content-range": "bytes 0-1/*" }, 206, { kind: "pass" }],
    ["an exception", "/favicon.ico", { "content-type": "image/x-icon" }, 200, { kind: "pass" }],
    ["an error's image", "/x", { "content-type": "image/png" }, 404, { kind: "pass" }],
    ["not modified", "/x", { "content-type": "image/png" }, 304, { kind: "pass" }],
    ["a near miss", "/x", { "content-type": "imagery/png" }, 200, { kind: "pass" }],
    [
      "one that moved",
      "/downloads/a/b.pdf",
      { "content-type": "application/pdf; x=1" },
      200,
      { kind: "moved", location: "/media/files/a/b.pdf", reason: "media-type" },
    ],
  ] as const)("%s", (_name, path, headers, status, expected) => {
    expect(judge(path, headers, status)).toEqual(expected);
  });

  test("a body without a length is limited while it streams, an event stream is not", () => {
    const limit = (path: string, type: string) =>
      streamLimit(POLICY.compute, path, new Headers({ "content-type": type }));
    expect(limit("/x", "text/html")).toBe(1000);
    expect(limit("/x", "text/event-stream; charset=utf-8")).toBeUndefined();
    expect(limit("/favicon.ico", "image/x-icon")).toBeUndefined();
  });
});

describe("media", () => {
  const refusal = (
    method: string,
    path: string,
    headers: Record<string, string> = {},
  ): number | undefined => {
    try {
      refuseMediaRequest(method, path, new Headers(headers), POLICY.media.paths);
      return undefined;
    } catch (error) {
      return error instanceof EdgeError ? error.status : -1;
    }
  };

  test.each([
    ["GET", "/media/a.webp", undefined],
    ["HEAD", "/media/a%20b.webp", undefined],
    ["GET", "/media/caf%C3%A9.webp", undefined],
    ["POST", "/media/a.webp", 405],
    ["DELETE", "/media/a.webp", 405],
    ["GET", "/media", 404],
    ["GET", "/media/", 404],
    ["GET", "/media/products/", 404],
    ["GET", "/media/%252e%252e/secret", 404],
    ["GET", "/media/a%00.webp", 404],
    ["GET", "/media/a%0A.webp", 404],
    ["GET", "/media/a%5Cb", 404],
    ["GET", "/media/.git/config", 404],
    ["GET", "/media/.env", 404],
  ])("%s %s: %s", (method, path, status) => expect(refusal(method, path)).toBe(status));

  test("whatever is asked, what reaches Archive names a file under media, however often it is decoded", () => {
    const route = createRouter(POLICY);
    const piece = fc.constantFrom(
      ..."/ // . .. ... %2e %2E %252e %25252e %2f %252f %5c \\ ; %3b %00 %0a a b.webp media etc passwd ..; .git ~ %c0%ae %ff ?x".split(
        " ",
      ),
    );
    let reached = 0;
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const target = canonicalize(`https://store.acme.com/media/${pieces.join("")}`);
        if (target.faults.length > 0 || route(target).kind !== "media") return;
        if (refusal("GET", target.path) !== undefined) return;
        reached++;
        for (let path = target.path, round = 0; round < 4; round++) {
          expect(path).toMatch(/^\/media(?:\/|$)/);
          expect(path.split("/").some((segment) => /^\.|[\\\0-\x1f\x7f]/.test(segment))).toBe(false);
          path = decodeURIComponent(path);
        }
      }),
      { numRuns: 3000 },
    );
    expect(reached).toBeGreaterThan(50);
  });

  test("no WebSocket", () => expect(refusal("GET", "/media/a", { upgrade: "websocket" })).toBe(404));

  const adjusted = (path: string, headers: Record<string, string>, status = 200): Record<string, string> => {
    const result = new Headers(headers);
    mediaHeaders(path, status, result);
    return Object.fromEntries(result);
  };

  test.each([
    ["/media/hero-1a2b3c4d.webp", "public, max-age=31536000, immutable"],
    ["/media/hero.1a2b3c4d5e6f7a8b.webp", "public, max-age=31536000, immutable"],
    ["/media/hero.webp", "max-age=60"],
    ["/media/hero-deadbeef.webp", "max-age=60"],
    ["/media/hero-12345.webp", "max-age=60"],
    ["/media/hero-1a2b3c4d/x.webp", "max-age=60"],
  ])("%s: %s", (path, expected) => {
    expect(adjusted(path, { "cache-control": "max-age=60" })["cache-control"]).toBe(expected);
  });

  test("what Archive calls private or missing is not immutable", () => {
    expect(adjusted("/media/a-1a2b3c4d.webp", { "cache-control": "private" })["cache-control"]).toBe(
      "private",
    );
    expect(adjusted("/media/a-1a2b3c4d.webp", {}, 404)["cache-control"]).toBeUndefined();
  });

  test.each([
    "text/html",
    "application/xhtml+xml",
    "text/xml; charset=utf-8",
    "Text/HTML",
    "application/rss+xml",
  ])("%s is only ever downloaded", (type) => {
    const headers = adjusted("/media/x", { "content-type": type, "content-disposition": "inline" });
    expect(headers["content-disposition"]).toBe("attachment");
    expect(headers["content-security-policy"]).toContain("sandbox");
    expect(headers["x-content-type-options"]).toBe("nosniff");
  });

  test("SVG shows but never runs; what has no type has none guessed; no cookie comes from Archive", () => {
    const svg = adjusted("/media/x.svg", { "content-type": "image/svg+xml", "set-cookie": "a=1" });
    expect(svg["content-disposition"]).toBeUndefined();
    expect(svg["content-security-policy"]).toBe("default-src 'none'; style-src 'unsafe-inline'; sandbox");
    expect(svg["set-cookie"]).toBeUndefined();
    expect(adjusted("/media/x", {})["content-type"]).toBe("application/octet-stream");
    expect(
      adjusted("/media/x.webp", { "content-type": "image/webp" })["content-security-policy"],
    ).toBeUndefined();
  });
});

describe("error page", () => {
  const error = (status: number, retryAfter?: number): EdgeError =>
    new EdgeError({
      code: "unavailable",
      source: "origin",
      status,
      detail: "down",
      retryable: true,
      ...(retryAfter === undefined ? {} : { retryAfter }),
    });

  test("people get a page in their language, with the request id, never stored", async () => {
    const page = errorPage(error(503, 7), `id"><script>`, "text/html,*/*;q=0.8", "pt-BR,en;q=0.5");
    const html = await page.text();
    expect(page.status).toBe(503);
    expect(page.headers.get("retry-after")).toBe("7");
    expect(page.headers.get("cache-control")).toBe("no-store");
    expect(html).toContain("Voltamos já");
    expect(html).toContain("id&#34;&#62;&#60;script&#62;");
    expect(html).not.toContain("<script");
  });

  test("the policy allows exactly the page's own style", async () => {
    const page = errorPage(error(502), "id", "text/html", null);
    const style = /<style>(.*)<\/style>/s.exec(await page.text())?.[1] ?? "";
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style));
    const hash = btoa(String.fromCharCode(...new Uint8Array(digest)));
    expect(page.headers.get("content-security-policy")).toContain(`style-src 'sha256-${hash}'`);
  });

  test("programs get problem details", async () => {
    for (const accept of [null, "*/*", "application/json", "text/html;q=0.1, application/json"]) {
      const response = errorPage(error(503, 7), "id", accept, "pt");
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      expect(await response.json()).toMatchObject({ code: "unavailable", requestId: "id", status: 503 });
    }
  });

  test("every status an error may have has a page", async () => {
    for (let status = 400; status < 600; status++) {
      const html = await errorPage(error(status), "id", "text/html", "en").text();
      expect(html).toMatch(/<h1>[^<]{5,}<\/h1>/);
    }
  });
});
