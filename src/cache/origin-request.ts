import { OVERRIDES } from "../http/headers.ts";
import type { CacheKey } from "./key.ts";
import type { CacheClass, Dimension } from "./compiled.ts";
import { type StoredHead, storedHeader } from "./stored.ts";

/** Ways to smuggle another method, path or host past a key, and what this cache says itself; no class forwards them. */
const NOT_FORWARDED = [...OVERRIDES, "surrogate-capability"];

/** Tells the origin that fragments are composed here (Edge Architecture 1.0). */
const CAPABILITY = 'edge="ESI/1.0"';

/** Of the client's own cache: this cache asks for the whole and judges conditions itself. */
export const CONDITIONS = [
  "if-none-match",
  "if-modified-since",
  "if-match",
  "if-unmodified-since",
  "if-range",
  "range",
];

/** Headers that tell the origin of dimensions; a client's own are not passed on. */
const OWN_PREFIX = "x-edge-";

/** Always let through: they carry the request's identity and are not the client's to choose. */
const OWN = ["authorization", "traceparent", "tracestate", "x-request-id"];

/** Whether a client's field of this name (lower-case) reaches no origin in any cacheable class. */
export function isNeverForwarded(name: string): boolean {
  return NOT_FORWARDED.includes(name) || CONDITIONS.includes(name) || name.startsWith(OWN_PREFIX);
}

/**
 * The headers the origin gets on a cacheable request: those the class lets
 * through, the declared dimensions as `X-Edge-<Name>`, and no cookie but those
 * dimensions are read from, each with its folded value. So what the key does not
 * hold cannot change the answer.
 */
export function originHeaders(
  client: Headers,
  rules: CacheClass,
  key: CacheKey,
  known: ReadonlyMap<string, Dimension>,
): Headers {
  const headers = rules.headers === "all" ? new Headers(client) : picked(client, [...rules.headers, ...OWN]);
  const own = [...headers.keys()].filter((name) => name.startsWith(OWN_PREFIX));
  for (const name of [...NOT_FORWARDED, ...CONDITIONS, ...own, "cookie"]) headers.delete(name);
  const cookies: string[] = [];
  for (const [name, value] of key.dimensions) {
    headers.set(OWN_PREFIX + name, value);
    const dimension = known.get(name);
    if (dimension?.source === "cookie") cookies.push(`${dimension.field}=${value}`);
  }
  if (cookies.length > 0) headers.set("cookie", cookies.join("; "));
  if (rules.fragments) headers.set("surrogate-capability", CAPABILITY);
  // Stored bytes are plain; the platform compresses for each client.
  headers.set("accept-encoding", "identity");
  return headers;
}

function picked(client: Headers, names: readonly string[]): Headers {
  const headers = new Headers();
  for (const name of names) {
    const value = client.get(name);
    if (value !== null) headers.set(name, value);
  }
  return headers;
}

/** RFC 9111 section 4.3.1: asks whether what is stored is still right. */
export function addConditions(headers: Headers, stored: StoredHead): void {
  const etag = storedHeader(stored, "etag");
  const modified = storedHeader(stored, "last-modified");
  if (etag !== null) headers.set("if-none-match", etag);
  if (modified !== null) headers.set("if-modified-since", modified);
}

/** A request that passes by the cache, as the client sent it, but for what is this cache's to say: dimensions, and who composes. */
export function passingRequest(request: Request, composes: boolean): Request {
  const own = [...request.headers.keys()].filter(
    (name) => name.startsWith(OWN_PREFIX) || name === "surrogate-capability",
  );
  if (!composes && own.length === 0) return request;
  const headers = new Headers(request.headers);
  for (const name of own) headers.delete(name);
  // A part of a template is no part of the page.
  if (composes) for (const name of ["range", "if-range"]) headers.delete(name);
  if (composes) headers.set("surrogate-capability", CAPABILITY);
  return new Request(request, { headers });
}
