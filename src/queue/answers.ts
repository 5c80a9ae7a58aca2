/** What the room itself answers: the page, and its JSON. */
import { prefersJson } from "../http/headers.ts";
import { nextPollSeconds, waitingHtml, waitingJson } from "./page.ts";
import type { PageTemplate } from "./room-config.ts";
import type { Told } from "./texts.ts";

export const WAITING_ROOM = "x-waiting-room";
/** The waiting page's own polls carry it. */
export const POLL = "x-waiting-room-poll";

/** Fields as one object: each `set` on a platform Headers is a call out of the engine. */
function answer(
  kind: "queued" | "admitted",
  body: string,
  status: number,
  fields: Readonly<Record<string, string>>,
  cookies: readonly string[] = [],
): Response {
  const headers = { "cache-control": "no-store", vary: "Cookie", [WAITING_ROOM]: kind, ...fields };
  const response = new Response(body, { status, headers });
  for (const cookie of cookies) response.headers.append("set-cookie", cookie);
  return response;
}

export function waitingResponse(
  page: PageTemplate,
  request: { readonly method: string; readonly headers: Headers },
  told: Told,
  cookies: readonly string[],
): Response {
  const { standing, language, now } = told;
  const retry: Record<string, string> =
    standing === null ? {} : { "retry-after": String(nextPollSeconds(standing, now)) };
  if (prefersJson(request.headers.get("accept"))) {
    // The page's own poll is no refusal, and browsers log one as an error.
    const status = request.headers.has(POLL) ? 200 : statusOf(told, request.method, "json");
    const fields = { ...retry, "content-type": "application/json" };
    return answer("queued", JSON.stringify(waitingJson(told)), status, fields, cookies);
  }
  const fields = {
    ...retry,
    "content-type": "text/html; charset=utf-8",
    "content-language": language,
    "content-security-policy": page.csp,
    "x-robots-tag": "noindex",
  };
  return answer("queued", waitingHtml(page, told), statusOf(told, request.method, "page"), fields, cookies);
}

function statusOf({ policy, standing }: Told, method: string, kind: "page" | "json"): number {
  if (standing?.noPlace === "crowd") return 429;
  // What was fetched before anybody came is to be fetched again.
  if (standing?.noPlace === "errand") return 503;
  if (kind === "json") return policy.statusJson;
  // A form that was sent must not look done.
  return method === "GET" || method === "HEAD" ? policy.statusPage : 503;
}

export function admittedResponse(told: Told, cookies: readonly string[]): Response {
  const fields = { "content-type": "application/json" };
  return answer("admitted", JSON.stringify(waitingJson(told)), 200, fields, cookies);
}
