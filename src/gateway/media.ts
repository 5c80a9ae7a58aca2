/**
 * Rules for answers from Archive: nothing that a browser would run in the store's
 * name. Fails closed. Pure.
 */
import { mediaType } from "./origin-response.ts";

/** `hero-1a2b3c4d.webp`, `hero.1a2b3c4d5e6f.webp`: a name that changes whenever its content does. */
const HASHED_NAME = /[._-](?=[0-9a-f]*[0-9])[0-9a-f]{8,64}\.[A-Za-z0-9]{1,8}$/;

const YEAR = "public, max-age=31536000, immutable";

/** Types that a browser runs when it is sent to them: these are only ever downloaded. */
const DOCUMENTS: ReadonlySet<string> = new Set([
  "text/html",
  "application/xhtml+xml",
  "text/xml",
  "application/xml",
  "text/xsl",
  "application/xslt+xml",
  "application/mathml+xml",
  "multipart/x-mixed-replace",
  "message/rfc822",
  "application/x-shockwave-flash",
]);

/** No script, no plugin, no form, an origin of its own. An image in an `img` element is not affected. */
const SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/** Adjusts the headers of an answer from Archive. */
export function mediaHeaders(path: string, status: number, headers: Headers): void {
  headers.delete("set-cookie");
  headers.set("x-content-type-options", "nosniff");
  const type = mediaType(headers);
  if (type === "" && status < 300 && status !== 204) headers.set("content-type", "application/octet-stream");
  if (DOCUMENTS.has(type) || type.endsWith("+xml")) {
    headers.set("content-security-policy", SANDBOX);
    if (type !== "image/svg+xml") headers.set("content-disposition", "attachment");
  }
  const cacheable = status === 200 || status === 206 || status === 304;
  if (cacheable && HASHED_NAME.test(path) && !isPrivate(headers)) headers.set("cache-control", YEAR);
}

function isPrivate(headers: Headers): boolean {
  return /\b(?:no-store|private)\b/i.test(headers.get("cache-control") ?? "");
}
