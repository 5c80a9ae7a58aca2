/**
 * The life of a request, from top to bottom. Every stage is a module's door; this
 * file only says in which order they are asked and what an answer of theirs means.
 */
import type { EdgeBlueprint } from "./blueprint.ts";
import type { EdgeCache, PurgeView, Served } from "./cache/index.ts";
import type { Control, Snapshot } from "./control/index.ts";
import type { Access, Fabric } from "./fabric/index.ts";
import { type Gateway, type Route, errorPage } from "./gateway/index.ts";
import { peekBody } from "./http/body.ts";
import { type CanonicalFault, canonicalize } from "./http/canonical.ts";
import { EdgeError } from "./http/errors.ts";
import { headerBytes } from "./http/headers.ts";
import { requireOwnOrigin } from "./http/operator.ts";
import type { Insight } from "./insight/index.ts";
import { type Life, beginLife, eventOf, sentinelField, timingField } from "./life.ts";
import type { GateOutcome, Queue } from "./queue/index.ts";
import { PASS, type Sentinel, type SentinelSettings, type Verdict } from "./sentinel/index.ts";

/** Everything the line asks, wired once an isolate by app.ts. */
export interface EdgeParts {
  readonly blueprint: EdgeBlueprint;
  /** Authorities, lower-case, that are the store: the domain, and on one machine its stand-ins. */
  readonly authorities: ReadonlySet<string>;
  /** Scheme of the client where the listener in front knows better than the URL. */
  readonly scheme: "https" | undefined;
  /** Whether plain http is redirected to https. */
  readonly redirectToHttps: boolean;
  /** Origins whose pages may change things behind the Fabric. */
  readonly ownOrigins: readonly string[];
  readonly gateway: Gateway;
  readonly control: Control;
  readonly fabric: Fabric;
  readonly cache: EdgeCache;
  readonly queue: Queue;
  readonly insight: Insight;
  /** The engine with the rules that the snapshot names. */
  readonly sentinel: (snapshot: Snapshot) => Promise<Sentinel>;
  /** Takes one from the limit that `binding` names for `key`; false where there is none left. */
  readonly takeFromLimit: (binding: string, key: string) => Promise<boolean>;
  readonly sentinelSettings: (snapshot: Snapshot) => SentinelSettings;
  readonly purges: (snapshot: Snapshot) => PurgeView;
  /** The private API and console: a request that the Fabric let in. */
  readonly operate: (request: Request, access: Access, life: Life, waitUntil: WaitUntil) => Promise<Response>;
  readonly now: () => number;
}

export type WaitUntil = (work: Promise<unknown>) => void;

/** Bytes of all header lines; beyond them 431. */
const MAX_HEADER_BYTES = 32_768;
/** Time for the inspected prefix of a body to arrive. */
const BODY_DEADLINE_MS = 15_000;

/** Answers a request; never throws, always records. */
export async function handle(request: Request, parts: EdgeParts, waitUntil: WaitUntil): Promise<Response> {
  const life = beginLife(request, canonicalize(request.url, parts.scheme), parts.now());
  let response: Response;
  try {
    response = await walk(request, life, parts, waitUntil);
  } catch (thrown) {
    life.error = EdgeError.from(thrown);
    const { headers } = request;
    response = errorPage(life.error, life.requestId, headers.get("accept"), headers.get("accept-language"));
    response = parts.gateway.finish(response, { tls: hsts(life, parts) });
  }
  response.headers.set("x-request-id", life.requestId);
  await tellDebugger(request, response, life, parts);
  parts.insight.record(eventOf(life, request, response, parts.now()), { site: life.site, waitUntil });
  return response;
}

async function walk(request: Request, life: Life, parts: EdgeParts, waitUntil: WaitUntil): Promise<Response> {
  const redirect = admit(request, life, parts);
  if (redirect !== null) return redirect;
  life.route = parts.gateway.route(life.target);
  if (life.route.kind === "fabric") {
    const access = await parts.fabric.authorize(request, { clientIp: life.clientIp, now: life.start });
    if (access !== null) return letIn(request, access, life, parts, waitUntil);
    hide(life, parts);
  }
  const snapshot = await parts.control.snapshot(life.start, waitUntil);
  const body = await inspect(request, life, snapshot, parts);
  await limitRate(request, life, snapshot, parts);
  refuseFaults(life.target.faults);
  const gated = await gate(request, life, snapshot, parts, waitUntil);
  if (gated.kind !== "bypass" && gated.response !== null) return gated.response;
  life.cache = await serve(request, body, life, snapshot, parts, waitUntil);
  const response = parts.gateway.finish(life.cache.response, { tls: hsts(life, parts) });
  parts.queue.finish(gated, response.headers, snapshot.rooms, waitUntil, parts.now());
  return response;
}

/** Host, scheme and size: a redirect, a refusal (thrown), or null to go on. */
function admit(request: Request, life: Life, parts: EdgeParts): Response | null {
  const { target } = life;
  if (headerBytes(request.headers) > MAX_HEADER_BYTES) {
    throw refusal(
      "headers-too-large",
      431,
      `The request's headers are larger than ${MAX_HEADER_BYTES} bytes.`,
    );
  }
  if (!parts.authorities.has(target.authority)) {
    throw refusal("misdirected", 421, "This server does not answer for that host.");
  }
  if (target.faults.includes("target-too-long"))
    throw refusal("uri-too-long", 414, "The address is too long.");
  if (target.scheme === "http" && parts.redirectToHttps) {
    const query = target.query === "" ? "" : `?${target.query}`;
    const location = `https://${target.authority}${target.path}${query}`;
    return new Response(null, { status: 308, headers: { location, "cache-control": "no-store" } });
  }
  return null;
}

function refusal(
  code: "headers-too-large" | "misdirected" | "uri-too-long" | "bad-request",
  status: number,
  detail: string,
): EdgeError {
  return new EdgeError({ code, source: "client", status, detail });
}

const FAULTS: Readonly<Record<CanonicalFault, string>> = {
  "control-byte": "The path holds a control character.",
  "invalid-utf8": "The path is not UTF-8.",
  "malformed-percent": "The path holds a percent sign that escapes nothing.",
  "not-origin-form": "The request names no path.",
  "target-too-long": "The address is too long.",
};

/** A target with two readings goes no further; Sentinel has seen it, so an attack is on record as one. */
function refuseFaults(faults: readonly CanonicalFault[]): void {
  const [fault] = faults;
  if (fault !== undefined) throw refusal("bad-request", 400, FAULTS[fault]);
}

/** A private request that the Fabric let in: our own API, or the store's own admin pages, never cached. */
async function letIn(
  request: Request,
  access: Access,
  life: Life,
  parts: EdgeParts,
  waitUntil: WaitUntil,
): Promise<Response> {
  if (life.target.foldedPath.startsWith("/_edge/") || life.target.foldedPath === "/_edge") {
    return parts.operate(request, access, life, waitUntil);
  }
  if (request.method !== "GET" && request.method !== "HEAD") requireOwnOrigin(request, parts.ownOrigins);
  const response = await forward(originRequest(request, life, parts), request.body, life, parts, waitUntil);
  return parts.gateway.finish(response, { tls: hsts(life, parts) });
}

/**
 * A private path without a credential is any unknown path: it goes on down the
 * line as one, so that nothing tells the answers apart. The name is derived from
 * the path, so that repeating the request is like repeating an unknown one.
 */
function hide(life: Life, parts: EdgeParts): void {
  let hash = 0x811c9dc5;
  for (const char of life.target.foldedPath) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0;
  life.target = {
    ...life.target,
    path: `/${hash.toString(36)}`,
    query: "",
    foldedPath: `/${hash.toString(36)}`,
  };
  life.route = parts.gateway.route(life.target);
}

type Body = Uint8Array | ReadableStream<Uint8Array> | null;

/**
 * Sentinel's look at the request. Throws `blocked` in block mode.
 * @returns the body for whoever is next
 */
async function inspect(request: Request, life: Life, snapshot: Snapshot, parts: EdgeParts): Promise<Body> {
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
async function limitRate(request: Request, life: Life, snapshot: Snapshot, parts: EdgeParts): Promise<void> {
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

/** The waiting room's decision; only requests with a credential are asked whether the Fabric knows them. */
async function gate(
  request: Request,
  life: Life,
  snapshot: Snapshot,
  parts: EdgeParts,
  waitUntil: WaitUntil,
): Promise<GateOutcome> {
  const { method, headers } = request;
  const claims = headers.has("authorization") || headers.has("cf-access-jwt-assertion");
  const access = claims
    ? await parts.fabric.authorize(request, { clientIp: life.clientIp, now: life.start })
    : null;
  const visitor = {
    path: life.target.path,
    method,
    headers,
    clientIp: life.clientIp,
    private: access !== null,
    verifiedBot: life.verifiedBot,
  };
  const gated = await parts.queue.gate(visitor, snapshot.rooms, waitUntil, life.start);
  life.queue = gated;
  return gated;
}

/** Cache, and behind it the origin; fragments are composed while the page streams. */
async function serve(
  request: Request,
  body: Body,
  life: Life,
  snapshot: Snapshot,
  parts: EdgeParts,
  waitUntil: WaitUntil,
): Promise<Served> {
  const { path, query } = life.target;
  const purges = parts.purges(snapshot);
  const asked = originRequest(request, life, parts);
  const fetchOrigin = (toOrigin: Request): Promise<Response> =>
    forward(toOrigin, body, life, parts, waitUntil);
  const input = { request: asked, path, query, purges, waitUntil };
  return parts.cache.compose(await parts.cache.serve(input, fetchOrigin), input, fetchOrigin);
}

/** The request under its canonical URL, without what was meant for the edge. Its body travels beside it. */
function originRequest(request: Request, life: Life, parts: EdgeParts): Request {
  const { path, query } = life.target;
  const headers = new Headers(request.headers);
  headers.delete("x-edge-debug");
  return new Request(`https://${parts.blueprint.domain}${path}${query === "" ? "" : `?${query}`}`, {
    method: request.method,
    headers,
  });
}

async function forward(
  toOrigin: Request,
  body: Body,
  life: Life,
  parts: EdgeParts,
  waitUntil: WaitUntil,
): Promise<Response> {
  const route: Route = life.route;
  const { response, origin } = await parts.gateway.forward(route, toOrigin, {
    clientIp: life.clientIp,
    requestId: life.requestId,
    scheme: life.target.scheme,
    host: parts.blueprint.domain,
    authority: life.target.authority,
    trace: life.trace,
    body,
    extraHeaders: { "surrogate-capability": 'edge="ESI/1.0"' },
    now: parts.now,
    waitUntil,
  });
  life.origin = { target: route.kind === "media" ? "archive" : parts.blueprint.storefront.name, ...origin };
  return response;
}

function hsts(life: Life, parts: EdgeParts): boolean {
  return parts.blueprint.tls && life.target.scheme === "https";
}

/** What Sentinel saw and how long stages took, for the holder of the admin token only. */
async function tellDebugger(
  request: Request,
  response: Response,
  life: Life,
  parts: EdgeParts,
): Promise<void> {
  const token = request.headers.get("x-edge-debug");
  if (token === null || !(await parts.fabric.isAdminToken(token))) return;
  response.headers.set("x-sentinel", sentinelField(life));
  response.headers.set("server-timing", timingField(life, parts.now()));
}
