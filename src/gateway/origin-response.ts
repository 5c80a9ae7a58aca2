/**
 * Making an origin's answer one that the edge can vouch for: a status HTTP knows,
 * no hop-by-hop fields, no address of an origin in the fields that lead somewhere, and a body whose
 * bytes are what Content-Encoding says. Headers only: no byte of a body is read.
 */
import { isHopByHop } from "../http/headers.ts";
import { nominated } from "./request-headers.ts";

/** Whether a status is a final one (RFC 9110 section 15); 101 only where the upgrade really happened. */
export function isValidStatus(response: Response): boolean {
  if (response.status === 101) return response.webSocket !== null && response.webSocket !== undefined;
  return response.status >= 200 && response.status <= 599;
}

/** Fields between origin and edge (Edge Architecture, RFC 9213, tags) and fields that only tell what software runs. */
export const INTERNAL: ReadonlySet<string> = new Set([
  "surrogate-control",
  "surrogate-key",
  "cache-tag",
  "xkey",
  "x-powered-by",
  "x-aspnet-version",
  "x-waiting-room-end",
]);

/** Tags by RFC 9875, which the cache keeps to itself. */
const GROUPS = "cache-groups";

/** Bytes of the fields that a client gets to see, as HTTP/1.1 writes them. */
export function headerBytes(headers: Headers): number {
  let bytes = 0;
  for (const [name, value] of headers)
    if (!INTERNAL.has(name) && name !== GROUPS) bytes += name.length + value.length + ": \r\n".length;
  return bytes;
}

/** How a body is coded: not at all, as the runtime undoes it when it is read, as gzip under another spelling, or as nobody here can read. */
export type Coding = "none" | "runtime" | "gzip" | "unread";

/** The spellings that the runtime knows; it compares them to the letter. */
const RUNTIME: ReadonlySet<string> = new Set(["gzip", "br"]);

/** RFC 9110 section 8.4.1: in any letter case, and x-gzip is gzip. */
export function codingOf(headers: Headers): Coding {
  const value = headers.get("content-encoding") ?? "";
  if (RUNTIME.has(value)) return "runtime";
  const name = value.trim().toLowerCase();
  if (name === "" || name === "identity") return "none";
  return name === "gzip" || name === "x-gzip" ? "gzip" : "unread";
}

/** What nobody here could read is for the one who asked: no cache keeps it, and no template is made of it. */
export function keepFromCaches(headers: Headers): void {
  headers.delete("surrogate-control");
  headers.delete("cdn-cache-control");
  headers.set("cache-control", "no-store");
}

/**
 * The response headers as the edge passes them on.
 * @param ownHosts hosts (with port) that mean the store itself, as origins write them: their own and the public one
 * @param decoded whether the body will be read decoded (answers from Compute: Sentinel, fragments and cache see plain text)
 */
export function responseHeaders(origin: Headers, ownHosts: ReadonlySet<string>, decoded: boolean): Headers {
  const dropped = nominated(origin);
  const headers = new Headers(origin);
  for (const name of origin.keys()) {
    if (isHopByHop(name) || dropped.has(name)) headers.delete(name);
  }
  for (const [name, rewritten] of LEADING) {
    const value = headers.get(name);
    if (value !== null) headers.set(name, rewritten(value, ownHosts));
  }
  if (decoded) forgetEncoding(headers);
  return headers;
}

/**
 * An absolute URL of the store itself becomes a reference from the path on, which
 * leads to wherever the client is: an answer may be kept for clients that came by
 * another name (`store.acme.com:443`, an address of this machine). Relative
 * references and foreign hosts stay as they are.
 */
export function publicLocation(location: string, ownHosts: ReadonlySet<string>): string {
  const match = /^(?:https?:)?[/\\]{2}([^/\\?#]*)(.*)$/is.exec(location);
  const [, authority = "", rest = ""] = match ?? [];
  if (match === null || !ownHosts.has(authority.toLowerCase())) return location;
  if (!/^[/\\]/.test(rest)) return `/${rest}`;
  // `https://store.acme.com//evil.example` is a path of the store; without its beginning it would name a host.
  return /^[/\\]{2}/.test(rest) ? `/.${rest}` : rest;
}

/** Where a URL begins in Link: a target, an anchor or a candidate of `imagesrcset`; never within another URL. */
const LINKED = /(?<=[<"\s])(?:https?:)?[/\\]{2}[^\s<>"]*/gi;

function publicLinks(value: string, ownHosts: ReadonlySet<string>): string {
  return value.replace(LINKED, (url) => publicLocation(url, ownHosts));
}

/** Seconds, then `url=` and quotes or not, as browsers read it (HTML, "shared declarative refresh steps"). */
const REFRESH = /^([\s\d.]*[;,\s]\s*(?:url\s*=\s*)?["']?)([^"']*)/i;

function publicRefresh(value: string, ownHosts: ReadonlySet<string>): string {
  return value.replace(REFRESH, (_, before: string, url: string) => before + publicLocation(url, ownHosts));
}

/** Fields that lead a client to a URL. */
const LEADING: readonly (readonly [string, (value: string, ownHosts: ReadonlySet<string>) => string])[] = [
  ["location", publicLocation],
  ["content-location", publicLocation],
  ["link", publicLinks],
  ["refresh", publicRefresh],
];

/** The decoded representation is another one: no length, no strong validator (RFC 9110 section 8.8.1), and the same for all Accept-Encoding. */
function forgetEncoding(headers: Headers): void {
  const coding = codingOf(headers);
  if (coding !== "unread") headers.delete("content-encoding");
  if (coding === "runtime" || coding === "gzip") {
    headers.delete("content-length");
    headers.delete("content-digest");
    const etag = headers.get("etag");
    if (etag?.startsWith('"') === true) headers.set("etag", `W/${etag}`);
  }
  const vary = headers.get("vary");
  if (vary === null) return;
  const rest = vary.split(",").filter((name) => name.trim().toLowerCase() !== "accept-encoding");
  if (rest.length === 0) headers.delete("vary");
  else headers.set("vary", rest.map((name) => name.trim()).join(", "));
}

/** Content-Length in bytes; null where absent or malformed. */
export function contentLength(headers: Headers): number | null {
  const value = headers.get("content-length");
  return value !== null && /^\d{1,15}$/.test(value) ? Number(value) : null;
}

/** Media type in lower case, without parameters; "" where there is none. */
export function mediaType(headers: Headers): string {
  return (headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}
