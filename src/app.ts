/** Wires the modules together, once an isolate and entry point. Bad bindings are an error of every request until they are mended. */
import { type Settings, readSettings } from "./bindings.ts";
import { createCache, longestLifeMs, purgesUnknown } from "./cache/index.ts";
import { type Control, type Snapshot, createControl } from "./control/index.ts";
import { handle } from "./edge.ts";
import type { Env } from "./env.ts";
import { type Fabric, createFabric, fetchAccessKeys } from "./fabric/index.ts";
import { type Zone, createGateway } from "./gateway/index.ts";
import { parseCidr } from "./http/cidr.ts";
import { EdgeError, problemResponse } from "./http/errors.ts";
import { type Insight, createInsight } from "./insight/index.ts";
import type { OperatorParts } from "./operate.ts";
import type { EdgeParts, WaitUntil } from "./parts.ts";
import { type Policy, builtPolicy, readRulesPackage } from "./policy.ts";
import { createQueue, ticketKeys } from "./queue/index.ts";
import { type Sentinel, type SentinelSettings, createSentinel } from "./sentinel/index.ts";

const apps = new WeakMap<Env, EdgeParts>();

/** Answers a request of the Worker. Fails closed: with wrong bindings every request is a 500 whose cause is in the log. */
export function answer(request: Request, env: Env, waitUntil: WaitUntil): Response | Promise<Response> {
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

function wire(env: Env, policy: Policy): EdgeParts {
  const { blueprint } = policy;
  const wiredAt = now();
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
    // oxlint-disable-next-line no-console -- lines of JSON are what Workers Logs and Logpush take
    log: (lines) => console.log(lines),
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
    longestLifetimeMs: longestLifeMs(policy.cache.classes),
    observe: ({ kind, end, count }) => insight.count(kind, { end }, count),
  });
  const queue = createQueue(policy.queue, {
    rooms: env.ROOM,
    gates: env.GATE,
    keys: ticketKeys(settings.ticketKeys),
    cacheApi: caches.default,
    capacity: blueprint.autoscale,
    secure: settings.redirectToHttps,
  });
  const fabric = fabricOf(settings, policy);
  const cache = createCache(policy.cache, {
    cacheApi: caches.default,
    host: blueprint.domain,
    originStallMs: policy.routes.origin.stallMs,
    now,
    random: Math.random,
    observe: ({ kind, ...labels }) => insight.count(kind, labels),
    publish: (invalidated, waitUntil) => control.invalidate(invalidated, waitUntil),
  });
  return {
    blueprint,
    authorities: settings.authorities,
    scheme: settings.scheme,
    redirectToHttps: settings.redirectToHttps,
    ownOrigins: settings.ownOrigins,
    gateway,
    control,
    fabric,
    cache,
    queue,
    insight,
    sentinel: sentinelsOf(policy, control, insight),
    takeFromLimit: limitsOf(env, insight),
    sentinelSettings: memoized((snapshot) => settingsOf(snapshot)),
    purges: memoized(({ source, purges }) =>
      source === "builtin" ? purgesUnknown(wiredAt) : cache.purgesOf(purges),
    ),
    operate: operatorWhenNeeded({ policy, settings, control, fabric, insight, queue }),
    now,
  };
}

/** An origin's zones: behind a binding where there is one, by their own address elsewhere. The platform's own cache stays out of it. */
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
      return {
        name,
        origin: url.origin,
        base: url.origin,
        fetch: (target, init) => fetch(target, { ...init, cache: "no-store" }),
      };
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
  async function load(version: string): Promise<Sentinel> {
    try {
      const content = await control.rulesPackage(version);
      if (content === null) throw new Error(`there is no rules package ${version}`);
      current = { version, engine: createSentinel(readRulesPackage(content)) };
    } catch (error) {
      insight.count("rules-not-loaded", { reason: String(error) });
    }
    return current.engine;
  }
  return ({ rules }) => {
    if (rules === current.version) return current.engine;
    if (rules !== null) return load(rules);
    current = { version: null, engine: builtIn };
    return builtIn;
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

/** Loads the private API with the first operator's request: shoppers' isolates start without it. */
function operatorWhenNeeded(parts: OperatorParts): EdgeParts["operate"] {
  let operate: EdgeParts["operate"] | null = null;
  return async (...request) => {
    const { operatorOf } = await import("./operate.ts");
    operate ??= operatorOf(parts);
    return operate(...request);
  };
}
