/** What the gateway tells the one who counts: closed unions, for log lines and metrics. */
import type { RelayEnd } from "./relay.ts";

/** Why a try did not give an answer that could be used. */
export type TryFailure =
  /** No connection, or one that ended before the answer's header did: workerd does not tell them apart. */
  | "no-answer"
  | "timeout"
  /** A status that HTTP does not know, or a switch of protocols that did not happen. */
  | "broken-answer"
  /** 502, 503 or 504 from the origin: passed on where no other try is left. */
  | "gateway-status";

export type GuardReason = "large-body" | "media-type";

export type GatewayEvent =
  | { readonly kind: "retry" | "retry-refused"; readonly zone: string; readonly failure: TryFailure }
  | { readonly kind: "zone-ejected" | "zone-restored"; readonly zone: string }
  | { readonly kind: "breaker-opened" | "breaker-closed"; readonly origin: string }
  /** A response body that did not reach the client whole. */
  | { readonly kind: "body-cut"; readonly zone: string; readonly end: Exclude<RelayEnd, "complete"> }
  /** An answer with more header fields than clients take. */
  | { readonly kind: "large-header"; readonly zone: string }
  /** A body from Compute in a coding that nobody here can undo: not inspected, and kept by no cache. */
  | { readonly kind: "unread-coding"; readonly zone: string }
  | {
      readonly kind: "large-from-compute";
      readonly reason: GuardReason;
      readonly answer: "refused" | "moved" | "cut";
    };
