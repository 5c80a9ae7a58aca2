/** Requests that are no visit: nobody takes a place or comes in by them. */

export type Errand =
  /** A browser asks whether a script may send its request (Fetch standard, CORS-preflight): it never carries cookies. */
  | "preflight"
  /** Fetched before anybody chose to come (Sec-Purpose: prefetch, prerender). */
  | "speculative"
  /** Sent by a page of another site, so without the room's cookies (RFC 6265bis section 5.2, SameSite=Lax): who sends it may well have a place. */
  | "cross-site";

/** null: somebody wants to come in. */
export function errandOf(method: string, headers: Headers): Errand | null {
  if (method === "OPTIONS" && headers.has("access-control-request-method")) return "preflight";
  if (SPECULATIVE.some((name) => /\bprefetch\b/i.test(headers.get(name) ?? ""))) return "speculative";
  const read = method === "GET" || method === "HEAD";
  return !read && headers.get("sec-fetch-site") === "cross-site" ? "cross-site" : null;
}

const SPECULATIVE = ["sec-purpose", "purpose", "x-moz"];
