/** Sentinel on the line: requests, rates, answers, and what a verdict means in block and in monitor mode. */
import type { Snapshot } from "./control/index.ts";
import { peekBody } from "./http/body.ts";
import { EdgeError } from "./http/errors.ts";
import type { Life } from "./life.ts";
import type { EdgeParts } from "./parts.ts";
import { PASS, type ResponseInspection, type Verdict, guardBody } from "./sentinel/index.ts";

/** Time for the inspected prefix of a body to arrive. */
const BODY_DEADLINE_MS = 15_000;

export type Body = Uint8Array | ReadableStream<Uint8Array> | null;

/**
 * Sentinel's look at the request. Throws `blocked` in block mode.
 * @returns the body for whoever is next
 */
export async function inspect(
  request: Request,
  life: Life,
  snapshot: Snapshot,
  parts: EdgeParts,
): Promise<Body> {
  const sentinel = await parts.sentinel(snapshot);
  const headers = [...request.headers];
  const stream = request.method === "GET" || request.method === "HEAD" ? null : request.body;
  const wanted = stream === null ? 0 : sentinel.bodyBytes(request.method, headers);
  const length = declaredLength(request.headers);
  const peeked =
    stream === null || wanted === 0 ? null : await peekBody(stream, wanted, length, BODY_DEADLINE_MS);
  let verdict: Verdict;
  try {
    verdict = await sentinel.inspectRequest(
      {
        method: request.method,
        target: life.target.rawTarget,
        protocol: life.protocol,
        headers,
        body: peeked?.prefix ?? NO_BYTES,
        bodyComplete: peeked?.complete ?? true,
        clientIp: life.clientIp,
      },
      parts.sentinelSettings(snapshot),
      life.start,
    );
  } catch (cause) {
    life.sentinel = { verdict: PASS, mode: snapshot.mode, failed: true };
    if (snapshot.mode === "block") throw cause;
    return peeked?.body ?? stream;
  }
  const mode = verdict.mode ?? snapshot.mode;
  life.sentinel = { verdict, mode, failed: false };
  if (verdict.outcome === "block" && mode === "block") throw blocked(verdict);
  return peeked?.body ?? stream;
}

/** The rate rules about this request. Fails open: a limit that cannot be asked limits nobody. */
export async function limitRate(
  request: Request,
  life: Life,
  snapshot: Snapshot,
  parts: EdgeParts,
): Promise<void> {
  const sentinel = await parts.sentinel(snapshot);
  const { rawTarget: target } = life.target;
  const keys = sentinel.rateKeys({
    method: request.method,
    target,
    headers: [...request.headers],
    clientIp: life.clientIp,
  });
  for (const { rule, binding, key, action } of keys) {
    if (await parts.takeFromLimit(binding, key)) continue;
    life.limited.push(rule);
    if (action === "block" && snapshot.mode === "block") {
      throw new EdgeError({
        code: "rate-limited",
        source: "client",
        status: 429,
        detail: "There were too many requests of this kind.",
        retryAfter: 60,
      });
    }
  }
}

const NO_BYTES = new Uint8Array(0);

/** Content-Length in bytes; null where it is absent or no number. */
function declaredLength(headers: Headers): number | null {
  const text = headers.get("content-length");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

function blocked(verdict: Verdict): EdgeError {
  return new EdgeError({
    code: "blocked",
    source: "client",
    status: 403,
    detail: "The request was stopped by the store's firewall.",
    extensions: verdict.budget === null ? {} : { budget: verdict.budget },
  });
}

/**
 * Sentinel's look at an answer of Compute: by its head, its first chunk, and the
 * rest as it streams. In block mode a leak is withheld, or cut where its
 * beginning is already on the way. Files of Archive and event streams pass.
 */
export async function inspectAnswer(
  request: Request,
  response: Response,
  life: Life,
  snapshot: Snapshot,
  parts: EdgeParts,
): Promise<Response> {
  if (life.route.kind === "media" || response.status === 101) return response;
  const sentinel = await parts.sentinel(snapshot);
  const { status, headers } = response;
  const judge = (verdict: Verdict): "cut" | "pass" => {
    life.answer.push(verdict);
    return verdict.outcome === "block" && (verdict.mode ?? snapshot.mode) === "block" ? "cut" : "pass";
  };
  let inspection: ResponseInspection;
  try {
    const head = { method: request.method, target: life.target.rawTarget, status, headers: [...headers] };
    inspection = sentinel.inspectResponse(head, parts.sentinelSettings(snapshot), life.start);
  } catch (cause) {
    life.answerFailed = true;
    if (snapshot.mode === "block") throw cause;
    return response;
  }
  if (judge(inspection.head) === "cut") return withhold(response.body);
  const streams = headers.get("content-type")?.startsWith("text/event-stream") === true;
  if (response.body === null || streams || !inspection.wantsBody) return response;
  const { first, body } = await guardBody(response.body, inspection, judge);
  if (first !== null && judge(first) === "cut") return withhold(body);
  return new Response(body, { status, statusText: response.statusText, headers });
}

/** @throws EdgeError always */
async function withhold(body: ReadableStream<Uint8Array> | null): Promise<never> {
  await body?.cancel();
  throw new EdgeError({
    code: "response-withheld",
    source: "origin",
    status: 502,
    detail: "The store's answer was withheld by its firewall.",
  });
}
