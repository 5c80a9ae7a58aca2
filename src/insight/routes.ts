/** Insight's part of the private API: metrics, objectives, autoscale signal. The caller has been let in before. */
import { Hono } from "hono";
import { EdgeError, problemResponse } from "../http/errors.ts";
import type { Operator } from "../http/operator.ts";
import type { Insight } from "./insight.ts";
import { exposition } from "./series.ts";
import { sumUp } from "./shards.ts";

export interface InsightRoutesOptions {
  readonly insight: Insight;
}

/** Mounted at `/_edge`: `GET /metrics`. */
export function insightRoutes({ insight }: InsightRoutesOptions): Hono<{ Bindings: Operator }> {
  const app = new Hono<{ Bindings: Operator }>();
  app.onError((thrown, c) => problemResponse(EdgeError.from(thrown), c.env.requestId));
  app.get("/metrics", async (c) => {
    const sums = sumUp([...(await insight.shards.totals()), ...insight.unreported()]);
    return c.text(exposition(sums), 200, {
      "content-type": "text/plain; version=0.0.4; charset=utf-8",
      "cache-control": "no-store",
    });
  });
  return app;
}
