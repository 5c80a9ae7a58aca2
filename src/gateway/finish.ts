/**
 * The last touch on every answer, after the cache: security headers where the
 * origin set none, and nothing that is meant for the edge alone. The one Response
 * of the line is built here.
 */
import { type Answer, responseOf } from "../http/answer.ts";
import { INTERNAL, mediaType } from "./origin-response.ts";
import type { HeaderPolicy } from "./compiled.ts";

/** A Response of the line, and what the record says of it. */
export interface Finished {
  readonly response: Response;
  readonly status: number;
  /** Of the body, where they are known beforehand. */
  readonly bytes: number | null;
}

type LastFields = Pick<Finished, "bytes"> & { readonly headers: Headers };

/** Compiles the policy into the last touch on an answer. */
export function finisher(
  policy: HeaderPolicy,
): (answer: Answer, tls: boolean, requestId: string) => Finished {
  // By the fields they are made of: answers of the cache share theirs.
  const secure = new WeakMap<Headers, LastFields>();
  const plain = new WeakMap<Headers, LastFields>();
  return (answer, tls, requestId) => {
    const known = tls ? secure : plain;
    let last = known.get(answer.headers);
    if (last === undefined) {
      const headers = finishedHeaders(policy, answer.headers, tls);
      known.set(answer.headers, (last = { headers, bytes: contentLength(headers) }));
    }
    // On the shared fields, as the Response copies them: to reach into its copy would cost as much as a stage.
    last.headers.set(REQUEST_ID, requestId);
    return { response: responseOf(answer, last.headers), status: answer.status, bytes: last.bytes };
  };
}

const REQUEST_ID = "x-request-id";

/** A Response that is complete but for the request's id. */
export function identified(response: Response, requestId: string): Finished {
  const { headers, status } = response;
  headers.set(REQUEST_ID, requestId);
  return { response, status, bytes: contentLength(headers) };
}

function contentLength(headers: Headers): number | null {
  const length = headers.get("content-length");
  return length === null ? null : Number(length);
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
