import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { finisher } from "../../src/gateway/finish.ts";
import type { Answer } from "../../src/http/answer.ts";
import { publicLocation, responseHeaders } from "../../src/gateway/origin-response.ts";
import { endsAtEntrance, isUntrusted, originHeaders } from "../../src/gateway/request-headers.ts";
import { Fields } from "../../src/http/fields.ts";
import { type Trace, traceOf, traceparent } from "../../src/gateway/trace.ts";

const TRACE: Trace = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  flags: "01",
  state: null,
  continued: true,
};

const CLAIMS = {
  clientIp: "203.0.113.7",
  requestId: "r-1",
  scheme: "https",
  host: "store.acme.com",
  trace: TRACE,
} as const;

describe("request headers", () => {
  /** What a client may send to be somebody else, ask for something else, or end the message elsewhere. */
  const SPOOFED = [
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Server",
    "X-ForwardedFor",
    "X_Forwarded_For",
    "Forwarded",
    "Cf-Access-Jwt-Assertion",
    "Cf-Access-Authenticated-User-Email",
    "CF-Connecting-IP",
    "Cf-Ipcountry",
    "True-Client-IP",
    "X-Real-IP",
    "X-Client-IP",
    "X-Original-URL",
    "X-Original-Host",
    "X-Rewrite-URL",
    "X_Rewrite_Url",
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
    "X-Host",
    "X-Edge-Debug",
    "X-Request-Id",
    "X-Middleware-Subrequest",
    "Surrogate_Capability",
    "X_Edge_Country",
    "Keep-Alive",
    "Proxy-Authorization",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Upgrade",
    "Transfer-Encoding",
    "Via",
    "Expect",
  ];

  test.each(SPOOFED)("%s from a client does not reach the origin", (name) => {
    const headers = originHeaders(new Headers({ [name]: "evil", accept: "*/*" }), CLAIMS);
    expect([...headers.values()]).not.toContain("evil");
    expect(headers.get("accept")).toBe("*/*");
  });

  test("the list above is not empty", () => expect(SPOOFED.length).toBe(38));

  test("the edge says it again", () => {
    const headers = originHeaders(new Headers(), { ...CLAIMS, trace: { ...TRACE, state: "a=1" } });
    expect(Object.fromEntries(headers)).toEqual({
      "x-forwarded-for": "203.0.113.7",
      "x-forwarded-proto": "https",
      "x-forwarded-host": "store.acme.com",
      forwarded: "for=203.0.113.7;host=store.acme.com;proto=https",
      "x-request-id": "r-1",
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      tracestate: "a=1",
    });
  });

  test("RFC 7239 section 6: IPv6 is bracketed and quoted", () => {
    const headers = originHeaders(new Headers(), { ...CLAIMS, clientIp: "2001:db8::1" });
    expect(headers.get("forwarded")).toBe('for="[2001:db8::1]";host=store.acme.com;proto=https');
  });

  test("fields that Connection names end at the entrance; those that secure or route the request do not", () => {
    const client = Fields.of(
      new Headers({
        connection: "close, X-Hop , Authorization,cookie, upgrade",
        "x-hop": "1",
        "x-end": "1",
        "x-edge-country": "br",
        authorization: "Bearer t",
        cookie: "s=1",
        upgrade: "websocket",
      }),
    );
    const left = client.without(endsAtEntrance(client)).list.map(([name]) => name);
    expect(left.toSorted()).toEqual(["authorization", "cookie", "upgrade", "x-end"]);
  });

  test("what Connection names is not taken from what the edge says to an origin", () => {
    const sent = new Headers({ connection: "x-edge-country", "x-edge-country": "br" });
    expect(originHeaders(sent, CLAIMS).get("x-edge-country")).toBe("br");
  });

  test("no client header, however named, changes a claim", () => {
    const name = fc.stringMatching(/^[a-zA-Z0-9_-]{1,30}$/);
    fc.assert(
      fc.property(fc.dictionary(name, fc.constantFrom("evil", "1", "x-forwarded-for")), (sent) => {
        const headers = originHeaders(new Headers(sent), CLAIMS);
        expect(headers.get("x-forwarded-for")).toBe("203.0.113.7");
        expect(headers.get("x-request-id")).toBe("r-1");
        for (const [key, value] of headers) if (value === "evil") expect(isUntrusted(key)).toBe(false);
      }),
    );
  });
});

describe("trace", () => {
  const VALID = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const CASES: readonly (readonly [string, boolean])[] = [
    [VALID, true],
    ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", true],
    ["cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future", true],
    [`${VALID}-more`, false],
    ["ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false],
    ["00-00000000000000000000000000000000-00f067aa0ba902b7-01", false],
    ["00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false],
    ["00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false],
    [`${VALID}, ${VALID}`, false],
    ["", false],
  ];

  test.each(CASES)("%s: continued %s", (header, continued) => {
    const trace = traceOf(new Headers({ traceparent: header, tracestate: "vendor=1" }));
    expect(trace.continued).toBe(continued);
    expect(trace.state).toBe(continued ? "vendor=1" : null);
    expect(traceparent(trace)).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
    expect(trace.traceId === "4bf92f3577b34da6a3ce929d0e0e4736").toBe(continued);
    expect(trace.spanId).not.toBe("00f067aa0ba902b7");
  });

  test("a state that is too long is dropped whole", () => {
    const headers = new Headers({ traceparent: VALID, tracestate: "a".repeat(513) });
    expect(traceOf(headers).state).toBeNull();
  });

  test("never throws", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[\x21-\x7e]{0,80}$/), (header) => {
        expect(traceparent(traceOf(new Headers({ traceparent: header })))).toHaveLength(55);
      }),
    );
  });
});

describe("response headers", () => {
  const OWN = new Set(["store.acme.com", "storefront-a.internal:8080"]);
  const LOCATIONS: readonly (readonly [string, string])[] = [
    ["/cart", "/cart"],
    ["cart?x=1", "cart?x=1"],
    ["http://storefront-a.internal:8080/cart?x=1#y", "/cart?x=1#y"],
    ["HTTP://Storefront-A.internal:8080", "/"],
    ["http://store.acme.com/cart", "/cart"],
    ["//storefront-a.internal:8080/cart", "/cart"],
    ["https://store.acme.com?x=1", "/?x=1"],
    ["https://store.acme.com//evil.example/", "/.//evil.example/"],
    ["https://store.acme.com/\\evil.example/", "/./\\evil.example/"],
    ["https:\\\\store.acme.com\\\\evil.example/", "/.\\\\evil.example/"],
    ["https://pay.example/checkout", "https://pay.example/checkout"],
    ["https://store.acme.com.evil.example/", "https://store.acme.com.evil.example/"],
    ["https://store.acme.com@evil.example/", "https://store.acme.com@evil.example/"],
    ["//evil.example/", "//evil.example/"],
    ["javascript:alert(1)", "javascript:alert(1)"],
  ];

  test.each(LOCATIONS)("Location %s becomes %s", (location, expected) => {
    expect(publicLocation(location, OWN)).toBe(expected);
  });

  const LINKS: readonly (readonly [name: string, value: string, expected: string])[] = [
    [
      "link",
      "<http://storefront-a.internal:8080/a.css>; rel=preload; as=style",
      "</a.css>; rel=preload; as=style",
    ],
    [
      "link",
      '</b>; rel=next, < //Storefront-A.internal:8080?page=2 >; rel=last; anchor="http://store.acme.com/x"',
      '</b>; rel=next, < /?page=2 >; rel=last; anchor="/x"',
    ],
    [
      "link",
      '<https://store.acme.com//evil.example/>; imagesrcset="http://storefront-a.internal:8080/1x.png 1x, http://storefront-a.internal:8080/2x.png 2x"',
      '</.//evil.example/>; imagesrcset="/1x.png 1x, /2x.png 2x"',
    ],
    [
      "link",
      "<https://cdn.example/?u=http://store.acme.com/a,http://store.acme.com/b>; rel=preload",
      "<https://cdn.example/?u=http://store.acme.com/a,http://store.acme.com/b>; rel=preload",
    ],
    ["refresh", "5; url=http://storefront-a.internal:8080/cart?x=1", "5; url=/cart?x=1"],
    ["refresh", "0;URL='https://store.acme.com'", "0;URL='/'"],
    ["refresh", '1, "http://storefront-a.internal:8080//evil.example/"', '1, "/.//evil.example/"'],
    ["refresh", " .5 http://storefront-a.internal:8080", ".5 /"],
    ["refresh", "5", "5"],
    [
      "refresh",
      "5; url=https://pay.example/?back=http://store.acme.com/",
      "5; url=https://pay.example/?back=http://store.acme.com/",
    ],
  ];

  test.each(LINKS)("%s: %s becomes %s", (name, value, expected) => {
    expect(responseHeaders(new Headers({ [name]: value }), OWN, false).get(name)).toBe(expected);
  });

  test("hop-by-hop fields end here; cookies stay apart", () => {
    const origin = new Headers({
      connection: "x-hop, Set-Cookie, vary",
      "x-hop": "1",
      "keep-alive": "timeout=5",
      vary: "x",
    });
    origin.append("set-cookie", "a=1");
    origin.append("set-cookie", "b=2");
    const headers = responseHeaders(origin, OWN, false);
    expect(headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect([...headers.keys()].toSorted()).toEqual(["set-cookie", "set-cookie", "vary"]);
  });

  test("a decoded body is another representation", () => {
    const origin = new Headers({
      "content-encoding": "gzip",
      "content-length": "32",
      etag: '"a"',
      vary: "accept-encoding",
    });
    expect(Object.fromEntries(responseHeaders(origin, OWN, true))).toEqual({ etag: 'W/"a"' });
    expect(responseHeaders(origin, OWN, false).get("content-length")).toBe("32");
  });
});

describe("finish", () => {
  const POLICY = { hsts: "max-age=1", frameAncestors: "'none'", referrerPolicy: "same-origin" };
  const finished = finisher(POLICY);
  const finish = (answer: Answer, tls: boolean): Response => finished(answer, tls, "1").response;
  const html = { "content-type": "text/html; charset=utf-8" };

  test("adds what the origin did not say", () => {
    const response = finish(new Response("x", { headers: html }), true);
    expect(Object.fromEntries(response.headers)).toEqual({
      ...html,
      "x-request-id": "1",
      "strict-transport-security": "max-age=1",
      "x-content-type-options": "nosniff",
      "referrer-policy": "same-origin",
      "content-security-policy": "frame-ancestors 'none'",
    });
  });

  test("leaves what it did", () => {
    const said = {
      ...html,
      "strict-transport-security": "max-age=9",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'self'; frame-ancestors 'self'",
    };
    const { headers } = finish(new Response("x", { headers: said }), true);
    expect(Object.fromEntries(headers)).toEqual({ ...said, "x-request-id": "1" });
  });

  test("a policy that says nothing of frames gets a second one beside it", () => {
    const response = finish(
      new Response("x", { headers: { ...html, "content-security-policy": "default-src 'self'" } }),
      true,
    );
    expect(response.headers.get("content-security-policy")).toBe(
      "default-src 'self', frame-ancestors 'none'",
    );
  });

  test("no HSTS over http; nothing of the edge's own leaks", () => {
    const inner = {
      "surrogate-control": "max-age=1",
      "cache-tag": "a",
      "surrogate-key": "b",
      "x-powered-by": "x",
      "x-waiting-room-end": "1",
    };
    const response = finish(new Response("x", { headers: inner }), false);
    expect(Object.fromEntries(response.headers)).toEqual({
      "content-type": "text/plain;charset=UTF-8",
      "x-content-type-options": "nosniff",
      "x-request-id": "1",
    });
  });

  test("answers that share their fields are finished alike, and their fields stay what they were", () => {
    const headers = new Headers(html);
    const answers = [true, true, false].map((tls) => finish({ status: 200, headers, body: null }, tls));
    expect(answers.map((answer) => answer.headers.get("strict-transport-security"))).toEqual([
      "max-age=1",
      "max-age=1",
      null,
    ]);
    expect(Object.fromEntries(headers)).toEqual(html);
  });

  test("each answer has its own request id and says how long it is where it can", () => {
    const headers = new Headers({ ...html, "content-length": "3" });
    const [first, second] = ["a", "b"].map((id) => finished({ status: 200, headers, body: null }, true, id));
    expect(first?.response.headers.get("x-request-id")).toBe("a");
    expect(second?.response.headers.get("x-request-id")).toBe("b");
    expect([first?.status, first?.bytes]).toEqual([200, 3]);
    expect(finished(new Response("x"), true, "c").bytes).toBeNull();
  });

  test.each([204, 304])("%d keeps its empty body", (status) => {
    const response = finish(new Response(null, { status }), true);
    expect([response.status, response.body]).toEqual([status, null]);
  });
});
