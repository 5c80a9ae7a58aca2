/**
 * What an origin may believe. Everything a client can say about its own address,
 * the host, the path or the method it "really" means is dropped and said again by
 * the edge; so are hop-by-hop fields and those that Connection names (RFC 9110
 * section 7.6.1). Names are compared with `_` read as `-`: CGI-like servers fold
 * both into one variable. Pure.
 */
import type { FieldReader } from "../http/fields.ts";
import { OVERRIDES, isHopByHop } from "../http/headers.ts";
import { type Trace, traceparent } from "./trace.ts";

/** Spoofing and smuggling by header: address, host, path, method, the edge's own names and its token. */
const UNTRUSTED: ReadonlySet<string> = new Set([
  ...OVERRIDES,
  "cdn-loop",
  "client-ip",
  "content-length",
  "expect",
  "fastly-client-ip",
  "forwarded-for",
  "front-end-https",
  "host",
  "traceparent",
  "tracestate",
  "true-client-ip",
  "via",
  "wl-proxy-client-ip",
  "x-client-ip",
  "x-cluster-client-ip",
  "x-originating-ip",
  "x-proxyuser-ip",
  "x-real-ip",
  "x-remote-addr",
  "x-remote-ip",
  "x-request-id",
]);

const UNTRUSTED_PREFIXES = ["cf-", "x-forwarded", "x-sentinel", "x-middleware-"];

/** Fields that Connection may not take away: they decide how the message is framed, routed, secured or kept. */
const NOT_NOMINABLE: ReadonlySet<string> = new Set([
  "authorization",
  "cache-control",
  "content-type",
  "cookie",
  "host",
  "if-match",
  "range",
  "set-cookie",
  "upgrade",
  "vary",
]);

/** What the edge says about a request in the client's place. */
export interface Claims {
  readonly clientIp: string;
  readonly requestId: string;
  readonly scheme: "http" | "https";
  /** The public host, as the origin sees it in Host. */
  readonly host: string;
  readonly trace: Trace;
}

/** Lower-case names that a Connection field nominates. */
export function nominated(headers: FieldReader): ReadonlySet<string> {
  const connection = headers.get("connection");
  if (connection === null || connection === "keep-alive" || connection === "close") return NONE;
  const names = connection.split(",").map((name) => name.trim().toLowerCase());
  return new Set(names.filter((name) => name !== "" && !NOT_NOMINABLE.has(name)));
}

const NONE: ReadonlySet<string> = new Set();

const EDGE_HEADER = /^(?:x[-_]edge[-_]|surrogate[-_]capability$)/;
const X = 0x78;

/**
 * Whether only the edge itself says this to an origin (`X-Edge-*`: the cache's
 * dimensions; Surrogate-Capability) or hears it from an operator (X-Edge-Debug).
 * The line drops such a field of a client at the entrance; `name` is lower-case.
 */
function isEdgeHeader(name: string): boolean {
  // Every field of every request comes by here; hardly one begins like these.
  return (name.charCodeAt(0) === X || name.startsWith("su")) && EDGE_HEADER.test(name);
}

/**
 * Which of a client's fields (lower-case names) end at the entrance of the line:
 * what only the edge may say, and what Connection nominates. Before the cache, and
 * Connection with them: it could take what the cache keys by from the origin alone.
 */
export function endsAtEntrance(client: FieldReader): (name: string) => boolean {
  const names = nominated(client);
  if (names.size === 0) return isEdgeHeader;
  return (name) => name === "connection" || names.has(name) || isEdgeHeader(name);
}

/** Whether a field never reaches an origin as it came; `name` is lower-case. */
export function isUntrusted(name: string): boolean {
  const folded = name.replaceAll("_", "-");
  if (isHopByHop(folded) || UNTRUSTED.has(folded)) return true;
  // The edge's own fields were set by the edge; another spelling of one was not.
  if (isEdgeHeader(folded)) return folded !== name || folded === "x-edge-debug";
  return UNTRUSTED_PREFIXES.some((prefix) => folded.startsWith(prefix));
}

/** The request headers for the origin: the client's without what it may not say, and the edge's claims. */
export function originHeaders(client: Headers, claims: Claims): Headers {
  const headers = new Headers(client);
  for (const name of client.keys()) if (isUntrusted(name)) headers.delete(name);
  headers.set("x-forwarded-for", claims.clientIp);
  headers.set("x-forwarded-proto", claims.scheme);
  headers.set("x-forwarded-host", claims.host);
  headers.set("forwarded", forwarded(claims));
  headers.set("x-request-id", claims.requestId);
  headers.set("traceparent", traceparent(claims.trace));
  if (claims.trace.state !== null) headers.set("tracestate", claims.trace.state);
  return headers;
}

/** RFC 7239: an IPv6 address is bracketed and quoted, and so is a host with a port. */
function forwarded(claims: Claims): string {
  const node = claims.clientIp.includes(":") ? `"[${claims.clientIp}]"` : claims.clientIp;
  const host = claims.host.includes(":") ? `"${claims.host}"` : claims.host;
  return `for=${node};host=${host};proto=${claims.scheme}`;
}
