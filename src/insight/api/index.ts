/**
 * Insight's part of the private API: metrics, objectives, autoscale signal,
 * console. The caller has been let in before. A door of its own, so that it is
 * loaded with the first operator's request and not with the isolate.
 */
export { consoleRoutes, type ConsoleOptions } from "./console/routes.ts";
export { insightRoutes, type InsightRoutesOptions } from "./routes.ts";
