/**
 * What the edge takes from the store's blueprint. The blueprint itself (Portuguese
 * keys) is checked when policy is compiled, in `authoring`; the Worker only ever
 * sees this derived form, so that nothing is stated twice.
 */

/** Sentinel's mode: `bloquear` and `monitorar` of the blueprint. */
export type Mode = "block" | "monitor";

export interface EdgeBlueprint {
  readonly name: string;
  /** The one public host, lower-case. */
  readonly domain: string;
  /** Whether http is redirected to https and HSTS is sent. */
  readonly tls: boolean;
  /** Sentinel's mode until an operator decides otherwise. */
  readonly mode: Mode;
  /** The Fabric's private block, in CIDR notation. */
  readonly fabricCidr: string;
  readonly storefront: ComputeTarget;
  readonly autoscale: {
    /** Name of the Compute that is scaled. */
    readonly target: string;
    readonly metric: "requests";
    /** Requests per second a replica is meant to carry. */
    readonly threshold: number;
    readonly replicasMin: number;
    readonly replicasMax: number;
  };
  /** Days that hour rollups of Insight are kept. */
  readonly retentionDays: number;
  readonly alerts: boolean;
}

export interface ComputeTarget {
  readonly name: string;
  readonly replicasMin: number;
  readonly replicasMax: number;
}
