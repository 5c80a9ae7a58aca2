/**
 * The last touch on every answer, after the cache: security headers where the
 * origin set none, and nothing that is meant for the edge alone. Pure but for the
 * new Response around the same body.
 */
import { mediaType } from "./origin-response.ts";
import type { HeaderPolicy } from "./compiled.ts";

/** Fields between origin and edge (Edge Architecture, RFC 9213, tags) and fields that only tell what software runs. */
const INTERNAL = [
  "surrogate-control",
  "surrogate-key",
  "cache-tag",
  "xkey",
  "x-powered-by",
  "x-aspnet-version",
];

/** @param tls whether the client's connection is https: HSTS over http means nothing (RFC 6797 section 7.2) */
export function finish(policy: HeaderPolicy, response: Response, tls: boolean): Response {
  const { status, statusText, webSocket } = response;
  const init = { status, statusText, headers: response.headers, webSocket };
  // Bodies are what their Content-Encoding says all along the line.
  const finished = new Response(response.body, { ...init, encodeBody: "manual" });
  const { headers } = finished;
  for (const name of INTERNAL) headers.delete(name);
  if (tls) setDefault(headers, "strict-transport-security", policy.hsts);
  headers.set("x-content-type-options", "nosniff");
  const type = mediaType(headers);
  if (type === "text/html" || type === "application/xhtml+xml") {
    setDefault(headers, "referrer-policy", policy.referrerPolicy);
    if (!restrictsFraming(headers)) {
      // A second policy only ever narrows the first (CSP Level 3, section 8.1).
      headers.append("content-security-policy", `frame-ancestors ${policy.frameAncestors}`);
    }
  }
  return finished;
}

function setDefault(headers: Headers, name: string, value: string): void {
  if (!headers.has(name)) headers.set(name, value);
}

function restrictsFraming(headers: Headers): boolean {
  return (
    headers.has("x-frame-options") ||
    /(?:^|[;,])\s*frame-ancestors\s/i.test(headers.get("content-security-policy") ?? "")
  );
}
