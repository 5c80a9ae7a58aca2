/**
 * The life of a request, from top to bottom. Every stage is a module's door; this
 * file only says in which order they are asked and what an answer of theirs means.
 */
import type { FetchOrigin, Served } from "./cache/index.ts";
import type { Snapshot } from "./control/index.ts";
import type { Access } from "./fabric/index.ts";
import { type Finished, OriginError, type Route, errorPage, identified, traceOf } from "./gateway/index.ts";
import type { Answer } from "./http/answer.ts";
import { type CanonicalFault, canonicalize } from "./http/canonical.ts";
import { EdgeError } from "./http/errors.ts";
import { requireOwnOrigin } from "./http/own-origin.ts";
import { type Body, inspect, inspectAnswer, limitRate, watchRate } from "./inspection.ts";
import { type Life, beginLife, eventOf, sentinelField, timingField } from "./life.ts";
import type { EdgeParts, WaitUntil } from "./parts.ts";
import type { GateOutcome } from "./queue/index.ts";
import type { Sentinel } from "./sentinel/index.ts";
import { Visit, originFields, originRequest } from "./visit.ts";

/** Bytes of all header lines; beyond them 431. */
const MAX_HEADER_BYTES = 32_768;

/** Answers a request; never throws, always records. */
export async function handle(request: Request, parts: EdgeParts, waitUntil: WaitUntil): Promise<Response> {
  const life = beginLife(request, canonicalize(request.url, parts.scheme), parts.now());
  let finished: Finished;
  try {
    finished = await walk(request, life, parts, waitUntil);
  } catch (thrown) {
    life.error = EdgeError.from(thrown);
    noteFailedTries(life);
    const accept = life.headers.get("accept");
    finished = finish(
      errorPage(life.error, life.requestId, accept, life.headers.get("accept-language")),
      life,
      parts,
    );
  }
  const { response } = finished;
  const token = life.headers.get("x-edge-debug");
  if (token !== null) await tellDebugger(token, response.headers, life, parts);
  parts.insight.record(eventOf(life, finished, parts.now()), { site: life.site, waitUntil });
  return response;
}

/** What is at hand already is not waited for: to wait is not free, and a hit waits for nothing. */
async function walk(request: Request, life: Life, parts: EdgeParts, waitUntil: WaitUntil): Promise<Finished> {
  const redirect = admit(life, parts);
  if (redirect !== null) return identified(redirect, life.requestId);
  life.route = parts.gateway.route(life.target);
  if (life.route.kind === "fabric") {
    const access = await parts.fabric.authorize(request, { clientIp: life.clientIp, now: life.start });
    life.access = access;
    if (access !== null) return letIn(request, access, life, parts, waitUntil);
    hide(life, parts);
  }
  const decided = parts.control.snapshot(life.start, waitUntil);
  const snapshot = decided instanceof Promise ? await decided : decided;
  const engine = parts.sentinel(snapshot);
  const sentinel = engine instanceof Promise ? await engine : engine;
  const inspected = inspect(request, life, snapshot, sentinel, parts);
  const body = inspected instanceof Promise ? await inspected : inspected;
  const limited = limitRate(life, snapshot, sentinel, parts);
  if (limited !== null) await limited;
  refuseFaults(life.target.faults);
  const asked = gate(request, life, snapshot, parts, waitUntil);
  const gated = asked instanceof Promise ? await asked : asked;
  life.queue = gated;
  if (gated.kind !== "bypass" && gated.response !== null) return finish(gated.response, life, parts);
  const serving = serve(body, life, snapshot, sentinel, parts, waitUntil);
  const { answer, outcome } = (life.cache = serving instanceof Promise ? await serving : serving);
  const finished = finish(answer, life, parts);
  if (gated.room !== null) {
    // What is stored is said to everybody, so to nobody in person.
    const said = outcome === "bypass" || outcome === "pass" ? answer.headers : null;
    const fields = { said, headers: finished.response.headers };
    parts.queue.finish(gated, fields, snapshot.rooms, waitUntil, parts.now());
  }
  return finished;
}

function finish(answer: Answer, { requestId, target }: Life, { gateway, blueprint }: EdgeParts): Finished {
  return gateway.finish(answer, { tls: blueprint.tls && target.scheme === "https", requestId });
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
): Promise<Finished> {
  if (life.target.foldedPath.startsWith("/_edge/") || life.target.foldedPath === "/_edge") {
    return identified(await parts.operate(request, access, life, waitUntil), life.requestId);
  }
  if (life.method !== "GET" && life.method !== "HEAD") requireOwnOrigin(request, parts.ownOrigins);
  const toOrigin = originRequest(originFields(life, parts), life, parts);
  return finish(await forward(toOrigin, request.body, life, parts, waitUntil), life, parts);
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
function gate(
  request: Request,
  life: Life,
  snapshot: Snapshot,
  parts: EdgeParts,
  waitUntil: WaitUntil,
): GateOutcome | Promise<GateOutcome> {
  const ask = (access: Access | null): GateOutcome | Promise<GateOutcome> => {
    life.access = access;
    const visitor = {
      path: life.target.path,
      foldedPath: life.target.foldedPath,
      method: life.method,
      // Asked for by a room alone.
      get headers() {
        return request.headers;
      },
      clientIp: life.clientIp,
      private: access !== null,
      verifiedBot: life.verifiedBot,
    };
    return parts.queue.gate(visitor, snapshot.rooms, waitUntil, life.start);
  };
  const claims = life.headers.has("authorization") || life.headers.has("cf-access-jwt-assertion");
  return claims
    ? parts.fabric.authorize(request, { clientIp: life.clientIp, now: life.start }).then(ask)
    : ask(null);
}

/** Cache, and behind it the origin; fragments are composed while the page streams. */
function serve(
  body: Body,
  life: Life,
  snapshot: Snapshot,
  sentinel: Sentinel,
  parts: EdgeParts,
  waitUntil: WaitUntil,
): Served | Promise<Served> {
  const visit = new Visit(body, life, parts.purges(snapshot), parts, waitUntil);
  let watched = false;
  const fetchOrigin: FetchOrigin = async (asked, signal) => {
    // Once a visit, not once a fragment.
    if (!watched) waitUntil(watchRate(life, snapshot, sentinel, parts));
    watched = true;
    const response = await forward(asked, body, life, parts, waitUntil, signal);
    return inspectAnswer(response, life, snapshot, sentinel, parts);
  };
  const compose = (page: Served): Served => parts.cache.compose(page, visit, fetchOrigin);
  const served = parts.cache.serve(visit, fetchOrigin);
  return served instanceof Promise ? served.then(compose) : compose(served);
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

/** What Sentinel saw and how long stages took, for the holder of the admin token only. */
async function tellDebugger(token: string, headers: Headers, life: Life, parts: EdgeParts): Promise<void> {
  if (!(await parts.fabric.isAdminToken(token))) return;
  headers.set("x-sentinel", sentinelField(life));
  headers.set("server-timing", timingField(life, parts.now()));
}
