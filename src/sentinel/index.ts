/**
 * Sentinel, the web application firewall: rules in, verdict out. Pure but for
 * decompression; the edge applies block or monitor. An exception inside the
 * engine is thrown to the edge, which fails closed in block mode (500) and open
 * in monitor mode, and counts both.
 */
export type {
  InspectionRequest,
  SentinelSettings,
  Override,
  Verdict,
  RuleMatch,
  BudgetReason,
  Uncounted,
} from "./verdict.ts";
export { NO_OVERRIDES, PASS } from "./verdict.ts";
export type { SentinelPackage, PackageRate } from "./package.ts";
export { overrideKeys } from "./engine/scope.ts";
export { createSentinel, type Sentinel } from "./sentinel.ts";
export type { RateKey } from "./rates.ts";
export { type GuardedBody, guardBody } from "./response-guard.ts";
export type { ResponseHead, ResponseInspection } from "./response.ts";
