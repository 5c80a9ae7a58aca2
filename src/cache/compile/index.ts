/**
 * `rules/cache.yaml` to the compiled cache policy, and what the policy makes of
 * one request. Build time and CLI only; fails closed: a file with a fault yields
 * no policy.
 */
export { compileCache } from "./compile.ts";
export { type ExplainedRequest, type Explanation, explain } from "./explain.ts";
