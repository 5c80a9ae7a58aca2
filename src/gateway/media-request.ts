/**
 * Rules for requests for media: only reading, only names that cannot mean another
 * file, no listings, no credentials. Fails closed. Pure.
 */
import { EdgeError } from "../http/errors.ts";
import type { PathPattern } from "./compiled.ts";

/** Escapes that an archive might decode once more, or that end a name: "%", "\", control bytes; and hidden names. */
const SUSPECT_NAME = /%(?:25|5C|7F|[01][0-9A-F])|\/\./;

/**
 * @param path canonical
 * @param patterns what is media: their folders themselves are no files (an object store lists one at `/media?list-type=2`)
 * @throws EdgeError 405 for another method than GET or HEAD, 404 for a listing or a suspect name
 */
export function refuseMediaRequest(
  method: string,
  path: string,
  headers: Headers,
  patterns: readonly PathPattern[],
): void {
  if (method !== "GET" && method !== "HEAD") {
    throw new EdgeError({
      code: "forbidden-method",
      source: "client",
      status: 405,
      detail: "Media can only be read.",
    });
  }
  const isFolder = path.endsWith("/") || patterns.includes(`${path}/*`);
  if (isFolder || SUSPECT_NAME.test(path) || headers.has("upgrade")) {
    throw new EdgeError({
      code: "not-found",
      source: "client",
      status: 404,
      detail: "There is no such file.",
    });
  }
}

/** Archive is public: no session of the store reaches it. */
export function stripCredentials(headers: Headers): void {
  headers.delete("cookie");
  headers.delete("authorization");
}
