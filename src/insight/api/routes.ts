/** Metrics, objectives and the autoscale signal over HTTP. */
import { Hono } from "hono";
import * as z from "zod"; // the namespace: `{ z }` would bring all of its languages along
import { checkInput, problemOf, type Operator } from "../../http/operator.ts";
import { recommend, type AutoscaleConfig, type AutoscaleSignal, type Demand } from "../autoscale.ts";
import type { Insight } from "../insight.ts";
import { exposition, parseSeries } from "../series.ts";
import { sumUp } from "../shards.ts";

export interface InsightRoutesOptions {
  readonly insight: Insight;
  readonly autoscale: AutoscaleConfig;
  /** People in waiting rooms now. */
  readonly waiting: () => Promise<number>;
  /** Replicas that scheduled events ask for at `now`; 0 without any. */
  readonly floor: (now: number) => Promise<number>;
  /** Told how many replicas there are, where somebody says so. */
  readonly ready: (replicas: number, now: number) => Promise<void>;
}

const RATE_S = 60;
/** The shorter look that a flash sale needs: up fast, down slowly. */
const BURST_S = 15;

const autoscaleQuery = z.object({ replicas: z.coerce.number().int().min(0).max(10_000).optional() });
const ruleQuery = z.object({ rule: z.string().min(1).max(100) });

/** To be mounted at `/_edge`: `/metrics`, `/api/slo`, `/api/alerts`, `/api/autoscale`, `/api/sightings`. */
export function insightRoutes(options: InsightRoutesOptions): Hono<{ Bindings: Operator }> {
  const { insight } = options;
  const app = new Hono<{ Bindings: Operator }>();
  app.onError((thrown, c) => problemOf(thrown, c.env));
  app.use(async (c, next) => {
    await next();
    c.header("cache-control", "no-store");
  });
  app.get("/metrics", async (c) => {
    const sums = sumUp([...(await insight.shards.totals()), ...insight.unreported()]);
    return c.text(exposition(sums), 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
  });
  app.get("/api/slo", async (c) => c.json(await insight.objectives()));
  app.get("/api/alerts", async (c) => c.json(await insight.shards.desk.openAlerts()));
  app.get("/api/autoscale", async (c) => {
    const { replicas } = checkInput(autoscaleQuery, c.req.query());
    if (replicas !== undefined) await options.ready(replicas, c.env.now);
    return c.json(await autoscaleSignal(options, replicas ?? null, c.env.now));
  });
  app.get("/api/sightings", async (c) =>
    c.json(await insight.shards.sightings(checkInput(ruleQuery, c.req.query()).rule)),
  );
  return app;
}

/** The signal now, remembered for stabilisation. `replicas`: those there are; null takes what was asked for as done. */
export async function autoscaleSignal(
  { insight, autoscale, waiting, floor }: InsightRoutesOptions,
  replicas: number | null,
  now: number,
): Promise<AutoscaleSignal> {
  const { desk } = insight.shards;
  const [minute, burst, people, minimum, history] = await Promise.all([
    originRequests(insight, autoscale.target, RATE_S),
    originRequests(insight, autoscale.target, BURST_S),
    waiting(),
    floor(now),
    desk.recommendations(null),
  ]);
  const demand: Demand = {
    requestsPerSecond: Math.max(minute / RATE_S, burst / BURST_S),
    waiting: people,
    floor: minimum,
    replicas: replicas ?? Math.max(autoscale.min, ...history.map(({ desired }) => desired)),
  };
  const { signal, raw } = recommend(autoscale, demand, history, now);
  await desk.recommendations(raw);
  return signal;
}

async function originRequests(insight: Insight, target: string, seconds: number): Promise<number> {
  let requests = 0;
  for (const [series, sum] of await insight.shards.recent("edge_origin_requests_total", seconds)) {
    if (parseSeries(series).labels["target"] === target) requests += sum;
  }
  return requests;
}
