/** The private API and the console: what a request does that the Fabric let in. Loaded with the first such request. */
import { Hono } from "hono";
import { longestLifeMs } from "./cache/index.ts";
import { controlRoutes } from "./control/api/index.ts";
import type { Control } from "./control/index.ts";
import type { Fabric } from "./fabric/index.ts";
import { EdgeError, problemResponse } from "./http/errors.ts";
import type { Operator } from "./http/operator.ts";
import { type InsightRoutesOptions, consoleRoutes, insightRoutes } from "./insight/api/index.ts";
import type { Insight } from "./insight/index.ts";
import type { EdgeBlueprint } from "./blueprint.ts";
import type { Settings } from "./bindings.ts";
import type { EdgeParts } from "./parts.ts";
import { type Policy, readRulesPackage } from "./policy.ts";
import type { Queue, RoomStatus } from "./queue/index.ts";
import { createSentinel, overrideKeys } from "./sentinel/index.ts";

export interface OperatorParts {
  readonly policy: Policy;
  readonly settings: Settings;
  readonly control: Control;
  readonly fabric: Fabric;
  readonly insight: Insight;
  readonly queue: Queue;
}

/** The private API and the console, for requests that the Fabric let in. */
export function operatorOf(parts: OperatorParts): EdgeParts["operate"] {
  const { policy, settings, control, fabric, insight, queue } = parts;
  const { blueprint } = policy;
  const { ownOrigins } = settings;
  const app = new Hono<{ Bindings: Operator }>();
  app.onError((thrown) => {
    throw thrown;
  });
  app.notFound(({ env }) => {
    const unknown = {
      code: "not-found",
      source: "client",
      status: 404,
      detail: "The private API has no such call.",
    } as const;
    return problemResponse(new EdgeError(unknown), env.requestId);
  });
  const checkRules = (content: Uint8Array): Promise<string[]> => Promise.resolve(packageFaults(content));
  const api = controlRoutes({
    control,
    ownOrigins,
    longestLifetimeMs: longestLifeMs(policy.cache.classes),
    rooms: queue.desk,
    ruleNames: async (version) => {
      if (version === null) return overrideKeys(policy.sentinel);
      const content = await control.rulesPackage(version);
      return content === null ? null : overrideKeys(readRulesPackage(content));
    },
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
    const snapshot = await control.snapshot(Date.now(), () => undefined);
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
    floor: async (at) => ((await rooms()).some((room) => isNear(room, at)) ? autoscale.replicasMax : 0),
    ready: async (replicas, at) => {
      const snapshot = await control.snapshot(at, () => undefined);
      await queue.desk.ready(replicas, snapshot.rooms, at);
    },
  };
}

/** How long before a sale's start the replicas must be there: time to start and warm them. */
const SALE_LEAD_MS = 15 * 60_000;

/** Whether a sale is on or about to start: then every replica is asked for ahead of the demand. */
function isNear({ event, upcoming }: RoomStatus, at: number): boolean {
  return [event, ...upcoming].some(
    (sale) => sale !== null && Date.parse(sale.startsAt) - SALE_LEAD_MS <= at && at < Date.parse(sale.endsAt),
  );
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
    createSentinel(readRulesPackage(content));
    return [];
  } catch (error) {
    return [`the engine cannot load it: ${error instanceof Error ? error.message : String(error)}`];
  }
}
