/**
 * The autoscale signal, pure: the arithmetic of Kubernetes' HorizontalPodAutoscaler
 * (ceil of demand over threshold, 10% tolerance, the highest recommendation of the
 * last 300 s before scaling down), over demand that includes who is still waiting.
 */

export interface AutoscaleConfig {
  /** Name of the Compute that is scaled. */
  readonly target: string;
  /** Requests per second that one replica is meant to carry. */
  readonly threshold: number;
  readonly min: number;
  readonly max: number;
}

export interface Recommendation {
  readonly at: number;
  readonly desired: number;
}

export interface Demand {
  /** Requests per second that reach the target, over all replicas. */
  readonly requestsPerSecond: number;
  /** People in waiting rooms. */
  readonly waiting: number;
  /** Replicas that scheduled events ask for at this time. */
  readonly floor: number;
  /** Replicas that are there now. */
  readonly replicas: number;
}

export interface AutoscaleSignal extends AutoscaleConfig, Demand {
  readonly metric: "requests";
  /** Total demand, requests per second: what KEDA and an HPA read, with AverageValue = threshold. */
  readonly total: number;
  readonly desired: number;
  readonly at: number;
}

const TOLERANCE = 0.1;
export const STABILISE_MS = 300_000;
/** A shopper asks the storefront for something every ten seconds or so; who waits will, once let in. */
const REQUESTS_PER_WAITING = 0.1;

/** `history` holds earlier recommendations before stabilisation; the answer's `raw` is the next one. */
export function recommend(
  config: AutoscaleConfig,
  demand: Demand,
  history: readonly Recommendation[],
  now: number,
): { readonly signal: AutoscaleSignal; readonly raw: Recommendation } {
  const { target, threshold, min, max } = config;
  const total = demand.requestsPerSecond + demand.waiting * REQUESTS_PER_WAITING;
  const ratio = total / (threshold * Math.max(demand.replicas, 1));
  const wanted = Math.abs(ratio - 1) <= TOLERANCE ? demand.replicas : Math.ceil(total / threshold);
  const raw = Math.min(Math.max(wanted, min, Math.min(demand.floor, max)), max);
  const recent = history.filter(({ at }) => now - at < STABILISE_MS).map(({ desired }) => desired);
  // Down only as far as the highest of the last 300 s, and never up because of it.
  const desired =
    raw >= demand.replicas ? raw : Math.max(raw, Math.min(demand.replicas, Math.max(...recent, raw)));
  const clamped = Math.min(Math.max(desired, min), max);
  return {
    signal: { target, threshold, min, max, ...demand, metric: "requests", total, desired: clamped, at: now },
    raw: { at: now, desired: raw },
  };
}
