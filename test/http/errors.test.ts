import { describe, expect, it } from "vitest";
import { EdgeError, problemResponse } from "../../src/http/errors.ts";
import { acceptsHtml, cookieValue, prefersJson } from "../../src/http/headers.ts";

describe("problemResponse", () => {
  it("is an RFC 9457 document with the request id, never stored", async () => {
    const error = new EdgeError({
      code: "unavailable",
      source: "origin",
      status: 503,
      detail: "No zone answers.",
      retryAfter: 5,
      extensions: { zone: "a" },
    });
    const response = problemResponse(error, "r-1");
    expect(response.status).toBe(503);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      "retry-after": "5",
    });
    expect(await response.json()).toEqual({
      type: "urn:acme-edge:problem:unavailable",
      title: "Temporarily unavailable",
      status: 503,
      detail: "No zone answers.",
      instance: "urn:request:r-1",
      requestId: "r-1",
      code: "unavailable",
      zone: "a",
    });
  });

  it("says nothing of what was thrown unexpectedly", async () => {
    const response = problemResponse(EdgeError.from(new Error("password is hunter2")), "r-2");
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("hunter2");
  });
});

describe("headers", () => {
  it("finds cookies, also where workerd joined several lines", () => {
    const headers = new Headers({ cookie: "a=1; sid=s%3D; b=2, c=3" });
    expect(["a", "sid", "b", "c", "d", ""].map((name) => cookieValue(headers, name))).toEqual([
      "1",
      "s%3D",
      "2",
      "3",
      null,
      null,
    ]);
  });

  it.each([
    [null, false, false],
    ["*/*", false, false],
    ["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false, true],
    ["application/json", true, false],
    ["application/problem+json, text/html;q=0.5", true, false],
    ["text/html, application/json;q=0.9", false, true],
    ["application/json;q=0, text/html;q=0.1", false, true],
    ["application/json;q=x", false, false],
  ])("Accept %s: prefers JSON %s, accepts HTML %s", (accept, json, html) => {
    expect([prefersJson(accept), acceptsHtml(accept)]).toEqual([json, html]);
  });
});
