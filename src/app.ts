/** Wires the modules together, once an isolate and entry point. Bad bindings are an error of every request until they are mended. */
import { Hono } from "hono";
import { PurgeView, createCache } from "./cache/index.ts";
import { type Control, type Snapshot, controlRoutes, createControl } from "./control/index.ts";
import type { EdgeBlueprint } from "./blueprint.ts";
import type { EdgeParts, WaitUntil } from "./parts.ts";
import type { Env } from "./env.ts";
import { type Fabric, createFabric, fetchAccessKeys } from "./fabric/index.ts";
import { type Zone, createGateway } from "./gateway/index.ts";
import { handle } from "./edge.ts";
import { parseCidr } from "./http/cidr.ts";
import { EdgeError, problemResponse } from "./http/errors.ts";
import type { Operator } from "./http/operator.ts";
import {
  type Insight,
  type InsightRoutesOptions,
  consoleRoutes,
  createInsight,
  insightRoutes,
} from "./insight/index.ts";
import { type Policy, builtPolicy } from "./policy.ts";
import { type Queue, type RoomStatus, createQueue, ticketKeys } from "./queue/index.ts";
import {
  type Sentinel,
  type SentinelPackage,
  type SentinelSettings,
  createSentinel,
} from "./sentinel/index.ts";
import { type Settings, readSettings } from "./bindings.ts";

const apps = new WeakMap<Env, EdgeParts>();

/** Answers a request of the Worker. Fails closed: with wrong bindings every request is a 500 whose cause is in the log. */
export async function answer(request: Request, env: Env, waitUntil: WaitUntil): Promise<Response> {
  let parts: EdgeParts;
  try {
    parts = partsFor(env);
  } catch (cause) {
    const requestId = crypto.randomUUID();
    // oxlint-disable-next-line no-console -- there is no Insight to record it
    console.error(JSON.stringify({ event: "not-wired", requestId, cause: String(cause) }));
    const response = problemResponse(EdgeError.from(cause), requestId);
    response.headers.set("x-request-id", requestId);
    return response;
  }
  return handle(request, parts, waitUntil);
}

/** Once a minute: burn rates are watched where there is no traffic as well. */
export async function watch(env: Env): Promise<void> {
  await partsFor(env).insight.watch();
}

/** The wired edge of these bindings. @throws where a binding is missing or wrong */
function partsFor(env: Env): EdgeParts {
  let parts = apps.get(env);
  if (parts === undefined) apps.set(env, (parts = wire(env, builtPolicy())));
  return parts;
}

const now = (): number => Date.now();
const sleep = (ms: number): Promise<void> => scheduler.wait(ms);

/** Objects that Insight's numbers are spread over, by site. */
const INSIGHT_SHARDS = 8;
/** Slower than this is bad for the latency objective, in ms. */
const LATENCY_TARGETS = { byClass: { media: 1000, checkout: 1000 }, otherwise: 500 };
/** How long a purge is remembered where a cache class names no longest lifetime. */
const FALLBACK_LIFETIME_S = 365 * 86_400;

function wire(env: Env, policy: Policy): EdgeParts {
  const { blueprint } = policy;
  const settings = readSettings(env, blueprint);
  const insight = createInsight({
    namespace: env.INSIGHT,
    shards: INSIGHT_SHARDS,
    retentionDays: blueprint.retentionDays,
    latency: LATENCY_TARGETS,
    alerts: blueprint.alerts,
    webhook: settings.alertWebhook,
    clock: now,
    sleep,
    // oxlint-disable-next-line no-console -- one line a request is what Workers Logs and Logpush take
    log: (line) => console.log(line),
  });
  const gateway = createGateway(
    policy.routes,
    {
      storefront: zonesOf(env, "STOREFRONT", settings.storefront, policy),
      archive: zonesOf(env, "ARCHIVE", settings.archive, policy),
    },
    { random: Math.random, observe: ({ kind, ...labels }) => insight.count(kind, labels) },
  );
  const control = createControl({
    namespace: env.CONTROL,
    cacheApi: caches.default,
    builtin: { mode: settings.mode },
    clock: now,
    sleep,
  });
  const queue = createQueue(policy.queue, {
    rooms: env.ROOM,
    gates: env.GATE,
    keys: ticketKeys(settings.ticketKeys),
    cacheApi: caches.default,
    secure: settings.redirectToHttps,
  });
  const fabric = fabricOf(settings, policy);
  return {
    blueprint,
    authorities: settings.authorities,
    scheme: settings.scheme,
    redirectToHttps: settings.redirectToHttps,
    ownOrigins: settings.ownOrigins,
    gateway,
    control,
    fabric,
    cache: createCache(policy.cache, {
      cacheApi: caches.default,
      host: blueprint.domain,
      now,
      random: Math.random,
    }),
    queue,
    insight,
    sentinel: sentinelsOf(policy, control, insight),
    takeFromLimit: limitsOf(env, insight),
    sentinelSettings: memoized((snapshot) => settingsOf(snapshot)),
    purges: memoized((snapshot) => new PurgeView(snapshot.purges)),
    operate: operatorOf({ policy, settings, control, fabric, insight, queue }),
    now,
  };
}

/** An origin's zones: behind a binding where there is one, by their own address elsewhere. */
function zonesOf(
  env: Env,
  prefix: "STOREFRONT" | "ARCHIVE",
  urls: readonly URL[],
  { blueprint }: Policy,
): Zone[] {
  return urls.map((url, index) => {
    const binding = env[`${prefix}_${index}`];
    const name = `${prefix.toLowerCase()}-${index}`;
    if (binding === undefined) {
      return { name, origin: url.origin, base: url.origin, fetch: (target, init) => fetch(target, init) };
    }
    const base = `${url.protocol}//${blueprint.domain}`;
    return { name, origin: url.origin, base, fetch: (target, init) => binding.fetch(target, init) };
  });
}

function fabricOf(settings: Settings, { blueprint }: Policy): Fabric {
  const { access, adminToken, fabricOnly } = settings;
  return createFabric({
    adminToken,
    access: access === null ? null : { ...access, fetchKeys: () => fetchAccessKeys(access.issuer) },
    cidr: fabricOnly ? parseCidr(blueprint.fabricCidr) : null,
  });
}

/** Derives something from a snapshot, again only when the part it is derived from changes: snapshots keep their identity until then. */
function memoized<T>(derive: (snapshot: Snapshot) => T): (snapshot: Snapshot) => T {
  let last: { readonly snapshot: Snapshot; readonly value: T } | null = null;
  return (snapshot) => {
    if (last?.snapshot !== snapshot) last = { snapshot, value: derive(snapshot) };
    return last.value;
  };
}

function settingsOf({ overrides }: Snapshot): SentinelSettings {
  const rules = overrides.flatMap(({ rule, action }) => (rule === null ? [] : [[rule, action] as const]));
  const paths = overrides.flatMap(({ path, action }) => (path === null ? [] : [{ path, mode: action }]));
  return { rules: Object.fromEntries(rules), paths };
}

/**
 * The engine for a snapshot: the built-in rules, or a package published since.
 * Fails to the rules in force before, and says so: a package that cannot be
 * loaded must not leave the store without rules.
 */
function sentinelsOf(policy: Policy, control: Control, insight: Insight): EdgeParts["sentinel"] {
  const builtIn = createSentinel(policy.sentinel);
  let current: { readonly version: string | null; readonly engine: Sentinel } = {
    version: null,
    engine: builtIn,
  };
  return async ({ rules }) => {
    if (rules === current.version) return current.engine;
    if (rules === null) {
      current = { version: null, engine: builtIn };
      return builtIn;
    }
    try {
      const content = await control.rulesPackage(rules);
      if (content === null) throw new Error(`there is no rules package ${rules}`);
      current = { version: rules, engine: hydrate(content) };
    } catch (error) {
      insight.count("rules-not-loaded", { reason: String(error) });
    }
    return current.engine;
  };
}

/** The platform's rate limits by binding. Fails open, counted: a limit out of reach must not stop a sale. */
function limitsOf(env: Env, insight: Insight): EdgeParts["takeFromLimit"] {
  const { RATE_5_60, RATE_20_60, RATE_120_60, RATE_600_60 } = env;
  const limits = new Map(Object.entries({ RATE_5_60, RATE_20_60, RATE_120_60, RATE_600_60 }));
  return async (binding, key) => {
    try {
      const limit = limits.get(binding);
      if (limit === undefined) throw new Error(`wrangler.toml has no limit ${binding}`);
      return (await limit.limit({ key })).success;
    } catch (error) {
      insight.count("rate-limit-failed", { binding, reason: String(error) });
      return true;
    }
  };
}

function hydrate(content: Uint8Array): Sentinel {
  const pkg: SentinelPackage = JSON.parse(new TextDecoder().decode(content));
  return createSentinel(pkg);
}

interface OperatorParts {
  readonly policy: Policy;
  readonly settings: Settings;
  readonly control: Control;
  readonly fabric: Fabric;
  readonly insight: Insight;
  readonly queue: Queue;
}

/** The private API and the console, for requests that the Fabric let in. */
function operatorOf(parts: OperatorParts): EdgeParts["operate"] {
  const { policy, settings, control, fabric, insight, queue } = parts;
  const { blueprint } = policy;
  const { ownOrigins } = settings;
  const app = new Hono<{ Bindings: Operator }>();
  app.onError((thrown) => {
    throw thrown;
  });
  const lifetimes = policy.cache.classes.map(
    ({ lifetime, stale }) =>
      (lifetime.max ?? FALLBACK_LIFETIME_S) + Math.max(stale.whileRevalidate, stale.ifError),
  );
  const longestLifetimeMs = Math.max(0, ...lifetimes) * 1000;
  const checkRules = (content: Uint8Array): Promise<string[]> => Promise.resolve(packageFaults(content));
  const api = controlRoutes({
    control,
    ownOrigins,
    longestLifetimeMs,
    rooms: queue.desk,
    checkRules,
  });
  const signals = insightSignals(insight, control, queue, blueprint);
  app.route("/_edge/api", api);
  app.route("/_edge", insightRoutes(signals));
  const asOperator = async (path: string, operator: Operator, body?: unknown): Promise<Response> => {
    const init =
      body === undefined
        ? {}
        : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    return api.fetch(new Request(`https://${blueprint.domain}${path}`, init), operator);
  };
  app.route("/", consoleRoutes({ ...signals, api: asOperator, ownOrigins, browsers: fabric.browsers }));
  return async (request, access, life, waitUntil) =>
    app.fetch(request, { actor: access.actor, requestId: life.requestId, now: life.start, waitUntil });
}

function insightSignals(
  insight: Insight,
  control: Control,
  queue: Queue,
  { autoscale }: EdgeBlueprint,
): InsightRoutesOptions {
  const rooms = async (): Promise<readonly RoomStatus[]> => {
    const snapshot = await control.snapshot(now(), () => undefined);
    return queue.desk.list(snapshot.rooms);
  };
  return {
    insight,
    autoscale: {
      target: autoscale.target,
      threshold: autoscale.threshold,
      min: autoscale.replicasMin,
      max: autoscale.replicasMax,
    },
    waiting: async () => (await rooms()).reduce((sum, { live }) => sum + (live?.waiting ?? 0), 0),
    floor: async (at) => ((await rooms()).some(({ event }) => isNear(event, at)) ? autoscale.replicasMax : 0),
  };
}

/** How long before a sale's start the replicas must be there: time to start and warm them. */
const SALE_LEAD_MS = 15 * 60_000;

/** Whether a sale is on or about to start: then every replica is asked for ahead of the demand. */
function isNear(event: RoomStatus["event"], at: number): boolean {
  return event !== null && Date.parse(event.startsAt) - SALE_LEAD_MS <= at && at < Date.parse(event.endsAt);
}

/** Why a package cannot be put in force: the CLI has compiled and tested it, this proves that the engine takes it. */
function packageFaults(content: Uint8Array): string[] {
  try {
    const pkg: unknown = JSON.parse(new TextDecoder().decode(content));
    const known =
      typeof pkg === "object" &&
      pkg !== null &&
      "format" in pkg &&
      "rules" in pkg &&
      Array.isArray(pkg.rules);
    if (!known) return ["this is no rules package; publish one with: edge rules publish"];
    hydrate(content);
    return [];
  } catch (error) {
    return [`the engine cannot load it: ${error instanceof Error ? error.message : String(error)}`];
  }
}
