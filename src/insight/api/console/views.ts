/** What the console shows, as the private API answers it. */
import type { OpenAlert } from "../../alerts.ts";
import type { AutoscaleSignal } from "../../autoscale.ts";
import type { ObjectiveStatus } from "../../slo.ts";
import type { Figures } from "./figures.ts";

export interface ModeView {
  readonly mode: "block" | "monitor";
  readonly until: number | null;
  readonly builtin: "block" | "monitor";
  readonly version: number;
}

export interface AuditView {
  readonly version: number;
  readonly at: number;
  readonly actor: string;
  readonly reason: string;
  readonly subject: string;
  readonly before: unknown;
  readonly after: unknown;
}

export interface RoomView {
  readonly room: string;
  readonly phase: string;
  readonly perMinute: number;
  readonly live: {
    readonly waiting: number;
    readonly admittedLastMinute: number;
    readonly waitSeconds: number;
  } | null;
}

/** Each part is null where it could not be read: the rest is still worth seeing. */
export interface Overview {
  readonly mode: ModeView | null;
  readonly objectives: readonly ObjectiveStatus[] | null;
  readonly alerts: readonly OpenAlert[] | null;
  readonly figures: Figures | null;
  readonly rooms: readonly RoomView[] | null;
  readonly autoscale: AutoscaleSignal | null;
  readonly audit: readonly AuditView[] | null;
}
