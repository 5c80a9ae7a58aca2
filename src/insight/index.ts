/**
 * Insight's door: what happened, in log lines and numbers. Fails open: nothing
 * here may cost a request its answer; what cannot be counted is lost and said so.
 */
export type { RequestEvent, SentinelRecord } from "./event.ts";
export type { AutoscaleConfig, AutoscaleSignal } from "./autoscale.ts";
export { createInsight, type Insight, type InsightOptions, type RecordContext } from "./insight.ts";
export { InsightObject } from "./object.ts";
