/**
 * The life of a request, from top to bottom. Every stage is a module's door; this
 * file only says in which order they are asked and what an answer of theirs means.
 */
import type { CacheInput, FetchOrigin, PurgeView, Served } from "./cache/index.ts";
import type { Snapshot } from "./control/index.ts";
import type { Access } from "./fabric/index.ts";
import { OriginError, type Route, errorPage, isEdgeHeader, traceOf } from "./gateway/index.ts";
import { type CanonicalFault, canonicalize } from "./http/canonical.ts";
import { EdgeError } from "./http/errors.ts";
import type { Fields } from "./http/fields.ts";
import { requireOwnOrigin } from "./http/own-origin.ts";
import { type Body, inspect, inspectAnswer, limitRate, watchRate } from "./inspection.ts";
import { type Life, beginLife, eventOf, sentinelField, timingField } from "./life.ts";
import type { EdgeParts, WaitUntil } from "./parts.ts";
import type { GateOutcome } from "./queue/index.ts";
import type { Sentinel } from "./sentinel/index.ts";

/** Bytes of all header lines; beyond them 431. */
const MAX_HEADER_BYTES = 32_768;

/** Answers a request; never throws, always records. */
export async function handle(request: Request, parts: EdgeParts, waitUntil: WaitUntil): Promise<Response> {
  const life = beginLife(request, canonicalize(request.url, parts.scheme), parts.now());
  let response: Response;
  try {
    response = await walk(request, life, parts, waitUntil);
  } catch (thrown) {
    life.error = EdgeError.from(thrown);
    noteFailedTries(life);
    const accept = life.headers.get("accept");
    response = errorPage(life.error, life.requestId, accept, life.headers.get("accept-language"));
    response = parts.gateway.finish(response, { tls: hsts(life, parts) });
  }
  const { headers } = response;
  headers.set("x-request-id", life.requestId);
  const token = life.headers.get("x-edge-debug");
  if (token !== null) await tellDebugger(token, headers, life, parts);
  parts.insight.record(eventOf(life, response.status, headers, parts.now()), { site: life.site, waitUntil });
  return response;
}

async function walk(request: Request, life: Life, parts: EdgeParts, waitUntil: WaitUntil): Promise<Response> {
  const redirect = admit(life, parts);
  if (redirect !== null) return redirect;
  life.route = parts.gateway.route(life.target);
  if (life.route.kind === "fabric") {
    const access = await parts.fabric.authorize(request, { clientIp: life.clientIp, now: life.start });
    life.access = access;
    if (access !== null) return letIn(request, access, life, parts, waitUntil);
    hide(life, parts);
  }
  const snapshot = await parts.control.snapshot(life.start, waitUntil);
  const sentinel = await parts.sentinel(snapshot);
  const body = await inspect(request, life, snapshot, sentinel, parts);
  await limitRate(life, snapshot, sentinel, parts);
  refuseFaults(life.target.faults);
  const gated = await gate(request, life, snapshot, parts, waitUntil);
  if (gated.kind !== "bypass" && gated.response !== null) return gated.response;
  life.cache = await serve(body, life, snapshot, sentinel, parts, waitUntil);
  const response = parts.gateway.finish(life.cache.answer, { tls: hsts(life, parts) });
  parts.queue.finish(gated, response.headers, snapshot.rooms, waitUntil, parts.now());
  return response;
}

/** What an origin failed with belongs on record as much as what it answered. */
function noteFailedTries(life: Life): void {
  const { error } = life;
  if (!(error instanceof OriginError) || error.zone === null) return;
  life.origin ??= {
    target: life.route.kind === "media" ? "archive" : "storefront",
    zone: error.zone,
    tries: error.failures.length,
    ms: 0,
  };
}

/** Host, scheme and size: a redirect, a refusal (thrown), or null to go on. */
function admit(life: Life, parts: EdgeParts): Response | null {
  const { target, method } = life;
  if (life.headers.bytes > MAX_HEADER_BYTES) {
    throw refusal(
      "headers-too-large",
      431,
      `The request's headers are larger than ${MAX_HEADER_BYTES} bytes.`,
    );
  }
  if (!parts.authorities.has(target.authority)) {
    throw refusal("misdirected", 421, "This server does not answer for that host.");
  }
  if (method === "TRACE" || method === "CONNECT") {
    throw refusal("forbidden-method", 405, "TRACE and CONNECT are not allowed.");
  }
  if (target.faults.includes("target-too-long"))
    throw refusal("uri-too-long", 414, "The address is too long.");
  if (target.scheme === "http" && parts.redirectToHttps) {
    const query = target.query === "" ? "" : `?${target.query}`;
    const location = `https://${target.authority.replace(/:80$/, "")}${target.path}${query}`;
    return new Response(null, { status: 308, headers: { location, "cache-control": "no-store" } });
  }
  return null;
}

function refusal(
  code: "forbidden-method" | "headers-too-large" | "misdirected" | "uri-too-long" | "bad-request",
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
  if (life.method !== "GET" && life.method !== "HEAD") requireOwnOrigin(request, parts.ownOrigins);
  const toOrigin = originRequest(originFields(life, parts), life, parts);
  const response = await forward(toOrigin, request.body, life, parts, waitUntil);
  return parts.gateway.finish(response, { tls: hsts(life, parts) });
}

/** Where hidden requests go: below a folder that neither the shop nor any policy has. */
const NOWHERE = "/-/";

/**
 * A private path without a credential is any unknown path: it goes on down the
 * line as one, so that nothing tells the answers apart. The name is derived from
 * the path, so that repeating the request is like repeating an unknown one; it
 * lies where there is nothing, so that no choice of path can steer it elsewhere.
 */
function hide(life: Life, parts: EdgeParts): void {
  let hash = 0x811c9dc5;
  for (const char of life.target.foldedPath) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0;
  const path = `${NOWHERE}${hash.toString(36)}`;
  life.target = { ...life.target, path, query: "", foldedPath: path };
  life.route = parts.gateway.route(life.target);
}

/** The waiting room's decision; only requests with a credential are asked whether the Fabric knows them. */
async function gate(
  request: Request,
  life: Life,
  snapshot: Snapshot,
  parts: EdgeParts,
  waitUntil: WaitUntil,
): Promise<GateOutcome> {
  const claims = life.headers.has("authorization") || life.headers.has("cf-access-jwt-assertion");
  const access = claims
    ? await parts.fabric.authorize(request, { clientIp: life.clientIp, now: life.start })
    : null;
  life.access = access;
  const visitor = {
    path: life.target.path,
    method: life.method,
    headers: request.headers,
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
  body: Body,
  life: Life,
  snapshot: Snapshot,
  sentinel: Sentinel,
  parts: EdgeParts,
  waitUntil: WaitUntil,
): Promise<Served> {
  const visit = new Visit(body, life, parts.purges(snapshot), parts, waitUntil);
  let watched = false;
  const fetchOrigin: FetchOrigin = async (asked, signal) => {
    // Once a visit, not once a fragment.
    if (!watched) waitUntil(watchRate(life, snapshot, sentinel, parts));
    watched = true;
    const response = await forward(asked, body, life, parts, waitUntil, signal);
    return inspectAnswer(response, life, snapshot, sentinel, parts);
  };
  return parts.cache.compose(await parts.cache.serve(visit, fetchOrigin), visit, fetchOrigin);
}

/** What the cache gets to know of a request. The Request for an origin is made when it is asked for: a hit has no need of it. */
class Visit implements CacheInput {
  readonly method: string;
  readonly headers: Fields;
  readonly hasBody: boolean;
  readonly host: string;
  readonly path: string;
  readonly query: string;
  readonly purges: PurgeView;
  readonly originMs: number;
  readonly waitUntil: WaitUntil;
  private readonly make: () => Request;
  private made: Request | null = null;

  constructor(body: Body, life: Life, purges: PurgeView, parts: EdgeParts, waitUntil: WaitUntil) {
    const headers = originFields(life, parts);
    this.method = life.method;
    this.headers = headers;
    this.hasBody = body !== null;
    this.host = parts.blueprint.domain;
    this.path = life.target.path;
    this.query = life.target.query;
    this.purges = purges;
    this.originMs = life.route.deadlineMs;
    this.waitUntil = waitUntil;
    this.make = () => originRequest(headers, life, parts);
  }

  get request(): Request {
    return (this.made ??= this.make());
  }
}

/** The client's fields without what only the edge may say or hear. */
function originFields(life: Life, parts: EdgeParts): Fields {
  return parts.fabric.withhold(life.headers.without(isEdgeHeader), life.access);
}

/** The request under its canonical URL. Its body travels beside it. */
function originRequest(fields: Fields, { target, method }: Life, parts: EdgeParts): Request {
  const { path, query } = target;
  return new Request(`https://${parts.blueprint.domain}${path}${query === "" ? "" : `?${query}`}`, {
    method,
    headers: fields.toHeaders(),
  });
}

async function forward(
  toOrigin: Request,
  body: Body,
  life: Life,
  parts: EdgeParts,
  waitUntil: WaitUntil,
  signal?: AbortSignal,
): Promise<Response> {
  const route: Route = life.route;
  life.trace ??= traceOf(life.headers);
  const { response, origin } = await parts.gateway.forward(route, toOrigin, {
    clientIp: life.clientIp,
    requestId: life.requestId,
    scheme: life.target.scheme,
    host: parts.blueprint.domain,
    trace: life.trace,
    body,
    now: parts.now,
    waitUntil,
    ...(signal === undefined ? {} : { signal }),
  });
  const target = route.kind === "media" ? "archive" : parts.blueprint.storefront.name;
  life.origin = { target, ...origin };
  parts.insight.fetched({ target, zone: origin.zone, tries: origin.tries, durationMs: origin.ms });
  return response;
}

function hsts(life: Life, parts: EdgeParts): boolean {
  return parts.blueprint.tls && life.target.scheme === "https";
}

/** What Sentinel saw and how long stages took, for the holder of the admin token only. */
async function tellDebugger(token: string, headers: Headers, life: Life, parts: EdgeParts): Promise<void> {
  if (!(await parts.fabric.isAdminToken(token))) return;
  headers.set("x-sentinel", sentinelField(life));
  headers.set("server-timing", timingField(life, parts.now()));
}
