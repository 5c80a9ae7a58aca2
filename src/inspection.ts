/** Sentinel on the line: requests, rates, answers, and what a verdict means in block and in monitor mode. */
import type { Snapshot } from "./control/index.ts";
import { peekBody } from "./http/body.ts";
import { EdgeError } from "./http/errors.ts";
import type { FieldReader } from "./http/fields.ts";
import type { Life } from "./life.ts";
import type { EdgeParts } from "./parts.ts";
import {
  type Override,
  PASS,
  type RateKey,
  type ResponseInspection,
  type Sentinel,
  type Verdict,
  guardBody,
} from "./sentinel/index.ts";

/** Time for the inspected prefix of a body to arrive. */
const BODY_DEADLINE_MS = 15_000;

export type Body = Uint8Array | ReadableStream<Uint8Array> | null;

/**
 * Sentinel's look at the request. Throws `blocked` in block mode.
 * @returns the body for whoever is next; at once where nothing of it is to be awaited
 */
export function inspect(
  request: Request,
  life: Life,
  snapshot: Snapshot,
  sentinel: Sentinel,
  parts: EdgeParts,
): Body | Promise<Body> {
  const { method, headers } = life;
  const stream = isRead(life) ? null : request.body;
  const wanted = stream === null ? 0 : sentinel.bodyBytes(method, headers.list);
  const judged = (prefix: Uint8Array, partial: boolean, body: Body): Body | Promise<Body> => {
    const noted = noteVerdict(prefix, partial, life, snapshot, sentinel, parts);
    return noted instanceof Promise ? noted.then(() => body) : body;
  };
  if (stream === null || wanted === 0) return judged(NO_BYTES, false, stream);
  return peekBody(stream, wanted, declaredLength(headers), BODY_DEADLINE_MS).then(
    ({ prefix, complete, body }) => judged(prefix, !complete, body),
  );
}

/** Notes Sentinel's verdict. Throws `blocked`, and in block mode whatever the engine failed with. */
function noteVerdict(
  body: Uint8Array,
  partial: boolean,
  life: Life,
  snapshot: Snapshot,
  sentinel: Sentinel,
  parts: EdgeParts,
): void | Promise<void> {
  const note = (verdict: Verdict): void => {
    const mode = verdict.mode ?? snapshot.mode;
    life.sentinel = { verdict, mode, partial, failed: false };
    if (verdict.outcome === "block" && mode === "block") throw blocked(verdict);
  };
  const fail = (cause: unknown): void => {
    const mode = modeAfterFailure(life, snapshot, sentinel, parts);
    life.sentinel = { verdict: PASS, mode, partial, failed: true };
    if (mode === "block") throw cause;
  };
  const { method, headers, protocol, clientIp, target } = life;
  const seen = {
    method,
    target: target.rawTarget,
    protocol,
    headers: headers.list,
    body,
    bodyComplete: !partial,
    clientIp,
  };
  let verdict: Verdict | Promise<Verdict>;
  try {
    verdict = sentinel.inspectRequest(seen, parts.sentinelSettings(snapshot), life.start);
  } catch (cause) {
    return fail(cause);
  }
  return verdict instanceof Promise ? verdict.then(note, fail) : note(verdict);
}

/** The path's mode as far as it can still be told, else the store's. */
function modeAfterFailure(life: Life, snapshot: Snapshot, sentinel: Sentinel, parts: EdgeParts): Override {
  try {
    return sentinel.modeOf(life.target.rawTarget, parts.sentinelSettings(snapshot)) ?? snapshot.mode;
  } catch {
    return snapshot.mode;
  }
}

/**
 * The rate rules that may stop this request; null where there are none. Fails
 * open: a limit that cannot be asked limits nobody.
 */
export function limitRate(
  life: Life,
  snapshot: Snapshot,
  sentinel: Sentinel,
  parts: EdgeParts,
): Promise<void> | null {
  const keys = rateKeys(life, snapshot, sentinel, parts, isRead(life) ? STOPPING : ALL);
  return keys.length === 0 ? null : takeFrom(keys, life, snapshot, parts);
}

async function takeFrom(
  keys: readonly RateKey[],
  life: Life,
  snapshot: Snapshot,
  parts: EdgeParts,
): Promise<void> {
  const used = await usedUp(keys, life, parts);
  if (used.some(({ action }) => action === "block") && modeOf(life, snapshot) === "block") {
    throw new EdgeError({
      code: "rate-limited",
      source: "client",
      status: 429,
      detail: "There were too many requests of this kind.",
      retryAfter: 60,
    });
  }
}

/** The rate rules that only watch reads: asked where a read reaches an origin, for a hit costs less than asking. */
export async function watchRate(
  life: Life,
  snapshot: Snapshot,
  sentinel: Sentinel,
  parts: EdgeParts,
): Promise<void> {
  if (isRead(life)) await usedUp(rateKeys(life, snapshot, sentinel, parts, WATCHING), life, parts);
}

const STOPPING: readonly RateKey["action"][] = ["block"];
const WATCHING: readonly RateKey["action"][] = ["monitor"];
const ALL = [...STOPPING, ...WATCHING];

function isRead({ method }: Life): boolean {
  return method === "GET" || method === "HEAD";
}

function rateKeys(
  life: Life,
  snapshot: Snapshot,
  sentinel: Sentinel,
  parts: EdgeParts,
  actions: readonly RateKey["action"][],
): RateKey[] {
  if (modeOf(life, snapshot) === "off") return [];
  const { method, headers, clientIp, target } = life;
  const head = { method, target: target.rawTarget, headers: headers.list, clientIp };
  return sentinel.rateKeys(head, parts.sentinelSettings(snapshot), actions);
}

/** What holds for the request's path, once it was inspected. */
function modeOf(life: Life, snapshot: Snapshot): Override {
  return life.sentinel?.mode ?? snapshot.mode;
}

/** Takes one from each of the limits; those that had none left. */
async function usedUp(keys: readonly RateKey[], life: Life, parts: EdgeParts): Promise<RateKey[]> {
  const left = await Promise.all(keys.map(({ binding, key }) => parts.takeFromLimit(binding, key)));
  const over = keys.filter((_, index) => left[index] === false);
  life.limited.push(...over.map(({ rule, action }) => ({ rule, action })));
  for (const { rule } of over) parts.insight.count("rate-limited", { rule });
  return over;
}

const NO_BYTES = new Uint8Array(0);

/** Content-Length in bytes; null where it is absent or no number. */
function declaredLength(headers: FieldReader): number | null {
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
 * beginning is already on the way. Where the engine breaks, block mode fails
 * closed in the same way (500, or cut) and the others open: the rest passes
 * uninspected. Files of Archive and event streams pass.
 */
export async function inspectAnswer(
  response: Response,
  life: Life,
  snapshot: Snapshot,
  sentinel: Sentinel,
  parts: EdgeParts,
): Promise<Response> {
  if (life.route.kind === "media" || response.status === 101) return response;
  const { status, headers } = response;
  const mode = modeOf(life, snapshot);
  const judge = (verdict: Verdict): "cut" | "pass" => {
    life.answer.push(verdict);
    return verdict.outcome === "block" && mode === "block" ? "cut" : "pass";
  };
  let inspection: ResponseInspection;
  try {
    const head = { method: life.method, target: life.target.rawTarget, status, headers: [...headers] };
    const settings = parts.sentinelSettings(snapshot);
    inspection = sentinel.inspectResponse(head, settings, life.start, life.sentinel?.verdict);
  } catch (cause) {
    noteFailure(life, parts);
    if (mode !== "block") return response;
    await response.body?.cancel();
    throw cause;
  }
  if (judge(inspection.head) === "cut") return withhold(response.body);
  const streams = headers.get("content-type")?.startsWith("text/event-stream") === true;
  if (response.body === null || streams || !inspection.wantsBody) return response;
  const late = (verdict: Verdict): "cut" | "pass" => {
    countLeak(verdict, parts);
    return judge(verdict);
  };
  const { first, body } = await guardBody(
    response.body,
    { chunk: counted(inspection, mode, life, parts) },
    late,
  );
  if (first !== null && judge(first) === "cut") return withhold(body);
  return new Response(body, { status, statusText: response.statusText, headers });
}

/** The inspection of chunks with its failures counted; but for block mode the first is the last, and what follows passes. */
function counted(
  inspection: ResponseInspection,
  mode: Override,
  life: Life,
  parts: EdgeParts,
): ResponseInspection["chunk"] {
  let broken = false;
  return (bytes) => {
    if (broken) return null;
    try {
      return inspection.chunk(bytes);
    } catch (cause) {
      broken = true;
      noteFailure(life, parts);
      if (mode === "block") throw cause;
      return null;
    }
  };
}

/** By rule, as an event of its own: the record may have been written while the body streamed. */
function countLeak({ matches }: Verdict, parts: EdgeParts): void {
  for (const { rule, uncounted } of matches)
    if (uncounted === null) parts.insight.count("answer-leak", { rule });
}

/** On the record, and as an event of its own: the record may have been written while the body streamed. */
function noteFailure(life: Life, parts: EdgeParts): void {
  life.answerFailed = true;
  parts.insight.count("answer-not-inspected");
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
