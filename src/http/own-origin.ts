import { EdgeError } from "./errors.ts";

/**
 * Refuses a state-changing call that a foreign page could have made: browsers
 * send an `Origin` with it, and only our own will do (cross-site request forgery).
 */
export function requireOwnOrigin(request: Request, ownOrigins: readonly string[]): void {
  const origin = request.headers.get("origin");
  const site = request.headers.get("sec-fetch-site");
  const foreign =
    origin !== null
      ? !ownOrigins.includes(origin)
      : site !== null && site !== "same-origin" && site !== "none";
  if (foreign) {
    throw new EdgeError({
      code: "bad-request",
      source: "client",
      status: 403,
      detail: "The request comes from another site.",
    });
  }
}
