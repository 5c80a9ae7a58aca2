/** What the room itself answers: the page, its JSON, and what a crowd from one network is told. */
import { prefersJson } from "../http/headers.ts";
import { nextPollSeconds, waitingHtml, waitingJson } from "./page.ts";
import type { PageTemplate } from "./room-config.ts";
import type { Told } from "./texts.ts";

export const WAITING_ROOM = "x-waiting-room";
/** The waiting page's own polls carry it. */
export const POLL = "x-waiting-room-poll";

function baseHeaders(cookies: readonly string[], kind: "queued" | "admitted"): Headers {
  const headers = new Headers({ "cache-control": "no-store", vary: "Cookie", [WAITING_ROOM]: kind });
  for (const cookie of cookies) headers.append("set-cookie", cookie);
  return headers;
}

export function waitingResponse(
  page: PageTemplate,
  request: { readonly method: string; readonly headers: Headers },
  told: Told,
  cookies: readonly string[],
): Response {
  const headers = baseHeaders(cookies, "queued");
  if (told.standing !== null) headers.set("retry-after", String(nextPollSeconds(told.standing, told.now)));
  if (prefersJson(request.headers.get("accept"))) {
    headers.set("content-type", "application/json");
    return new Response(JSON.stringify(waitingJson(told)), {
      // The page's own poll is no refusal, and browsers log one as an error.
      status: request.headers.has(POLL) ? 200 : told.policy.statusJson,
      headers,
    });
  }
  headers.set("content-type", "text/html; charset=utf-8");
  headers.set("content-language", told.language);
  headers.set("content-security-policy", page.csp);
  headers.set("x-robots-tag", "noindex");
  // A form that was sent must not look done.
  const read = request.method === "GET" || request.method === "HEAD";
  return new Response(waitingHtml(page, told), {
    status: read ? told.policy.statusPage : 503,
    headers,
  });
}

export function admittedResponse(told: Told, cookies: readonly string[]): Response {
  const headers = baseHeaders(cookies, "admitted");
  headers.set("content-type", "application/json");
  return new Response(JSON.stringify(waitingJson(told)), { headers });
}

export function crowdResponse(retryAfterS: number): Response {
  const headers = baseHeaders([], "queued");
  headers.set("retry-after", String(retryAfterS));
  headers.set("refresh", String(retryAfterS));
  headers.set("content-type", "text/plain; charset=utf-8");
  const text =
    "Very many people from your network are joining the line. This page tries again in a few seconds; places already held are kept.";
  return new Response(`${text}\n`, { status: 429, headers });
}
