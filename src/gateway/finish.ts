/**
 * The last touch on every answer, after the cache: security headers where the
 * origin set none, and nothing that is meant for the edge alone. The one Response
 * of the line is built here.
 */
import { type Answer, responseOf } from "../http/answer.ts";
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

/** Finished fields by those they were made of: answers of the cache share theirs. */
type Finished = WeakMap<Headers, Headers>;

/** Compiles the policy into the last touch on an answer. */
export function finisher(policy: HeaderPolicy): (answer: Answer, tls: boolean) => Response {
  const secure: Finished = new WeakMap();
  const plain: Finished = new WeakMap();
  return (answer, tls) => {
    const finished = tls ? secure : plain;
    let headers = finished.get(answer.headers);
    if (headers === undefined) {
      headers = finishedHeaders(policy, answer.headers, tls);
      finished.set(answer.headers, headers);
    }
    return responseOf(answer, headers);
  };
}

/** @param tls whether the client's connection is https: HSTS over http means nothing (RFC 6797 section 7.2) */
function finishedHeaders(policy: HeaderPolicy, said: Headers, tls: boolean): Headers {
  const headers = new Headers(said);
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
  return headers;
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
