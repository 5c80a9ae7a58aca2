/** Reading request headers the way every module must: one parser for cookies, one view of Accept, one list of what is of one hop and of what claims to be another request. */
import type { FieldReader } from "./fields.ts";

/** RFC 9110 section 7.6.1 and RFC 9111 section 3.1. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Whether a field of a request or response ends at this hop; `name` is lower-case. */
export function isHopByHop(name: string): boolean {
  return HOP_BY_HOP.has(name);
}

/** Lower-case names by which a client could claim another method, path or host than its request has. */
export const OVERRIDES: readonly string[] = [
  "forwarded",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-prefix",
  "x-forwarded-scheme",
  "x-forwarded-server",
  "x-host",
  "x-http-host-override",
  "x-http-method",
  "x-http-method-override",
  "x-method-override",
  "x-original-host",
  "x-original-url",
  "x-rewrite-url",
];

/** Lower-case names by which the edge tells an origin of one request or visitor: what varies by them fits no other. */
export const PER_REQUEST: ReadonlySet<string> = new Set([
  "forwarded",
  "traceparent",
  "tracestate",
  "x-forwarded-for",
  "x-request-id",
]);

/** Value of the first cookie of that name (RFC 6265 section 4.2.1); null where there is none. */
export function cookieValue(headers: FieldReader, name: string): string | null {
  for (const value of cookieValues(headers, name)) return value;
  return null;
}

/** The values of all cookies of that name, as sent. */
export function* cookieValues(headers: FieldReader, name: string): Generator<string, void> {
  const header = headers.get("cookie");
  if (header === null || !header.includes(name)) return;
  for (let start = 0; start < header.length;) {
    const end = pairEnd(header, start);
    const pair = header.slice(start, end);
    const equals = pair.indexOf("=");
    if (equals > 0 && pair.slice(0, equals).trim() === name) yield pair.slice(equals + 1).trim();
    start = end + 1;
  }
}

const SEMICOLON = 0x3b;
const COMMA = 0x2c;

/** Where the pair ends that starts here; workerd joins several Cookie header lines with ", ". */
function pairEnd(header: string, start: number): number {
  let end = start;
  for (; end < header.length; end++) {
    const code = header.charCodeAt(end);
    if (code === SEMICOLON || code === COMMA) break;
  }
  return end;
}

/** Whether the client would rather have JSON than HTML: an explicit JSON type with a higher quality than HTML (RFC 9110 section 12.5.1). */
export function prefersJson(accept: string | null): boolean {
  if (accept === null) return false;
  let json = 0;
  let html = 0;
  for (const range of accept.split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const q = qualityOf(parameters);
    if (type === "application/json" || type.endsWith("+json")) json = Math.max(json, q);
    if (type === "text/html" || type === "application/xhtml+xml") html = Math.max(html, q);
  }
  return json > html;
}

/** Whether the client asks for HTML: a person's browser, not a program. */
export function acceptsHtml(accept: string | null): boolean {
  return accept !== null && /\btext\/html\b|application\/xhtml\+xml/i.test(accept) && !prefersJson(accept);
}

function qualityOf(parameters: readonly string[]): number {
  const q = parameters.find((parameter) => parameter.startsWith("q="));
  const value = q === undefined ? 1 : Number(q.slice(2));
  return Number.isFinite(value) ? Math.min(Math.max(value, 0), 1) : 0;
}
