/** What isolates, gates and rooms say to each other. */
import type { PlaceTable } from "./estimate.ts";
import type { Delta } from "./histogram.ts";
import type { Watermark } from "./watermark.ts";

/** A visitor whom the watermark let come. */
export interface Ask {
  readonly id: string;
  /** Place in line. */
  readonly key: number;
  /** What the alive histogram knows of the ticket: taken out of it on admission. null: nothing yet. */
  readonly counted: { readonly bin: number; readonly due: number } | null;
  /** Whether the request may be held for a few seconds until its token is there. */
  readonly patient: boolean;
  /** Only to take a place at the gate: the page is shown first. */
  readonly early?: boolean;
  /** The gate of the ticket among all that the room has, where fewer are in use and another one decides. */
  readonly home?: number;
}

export interface GateWait {
  readonly kind: "wait";
  /** ms until there may be a token. */
  readonly afterMs: number;
  /** Who stands before at this gate. */
  readonly ahead: number;
  /** Whoever is placed there or later need not ask for a while. */
  readonly beyond: number;
  /** ms after which the gate reckons with him: he is to be told so. null: it need not know. */
  readonly backMs: number | null;
  /** ms that the request was held at the gate. */
  readonly heldMs: number;
}

export type GateAnswer =
  /**
   * `repeated`: the ticket was used a moment ago and the answer may have been lost; the pass is the same.
   * `gate`: the one where that was, if it was another.
   */
  | {
      readonly kind: "admit";
      readonly admittedAt: number;
      readonly repeated: boolean;
      readonly gate?: number;
    }
  | GateWait
  | { readonly kind: "spent" };

/** A pass that is shown for renewal. */
export interface Shown {
  readonly id: string;
  readonly admittedAt: number;
  readonly expiresAt: number;
  /** An isolate gave it while nobody waited: the gate does not know it yet. */
  readonly unknown: boolean;
  /** Kind of browser, and network. */
  readonly browser: string;
  readonly network: string;
  /** Something says that there are copies: only the latest pass lives, at once. */
  readonly strict: boolean;
}

export type Renewal =
  | { readonly kind: "renewed"; readonly expiresAt: number }
  /** Renewed a moment ago for somebody else on this pass, perhaps the same visitor: it goes on as it is. */
  | { readonly kind: "unclear" }
  /** Ended, or a copy of a pass that was renewed since. */
  | { readonly kind: "dead" };

/** N as the room object has it from the replicas that are ready. */
export interface ToldRate {
  readonly perMinute: number;
  /** ms, by the room object's clock: newer wins. */
  readonly at: number;
}

export type Revocation = readonly [id: string, before: number];

/** What a gate tells the room object, of the time since it last did. */
export interface GateReport {
  readonly gate: number;
  readonly deltas: readonly Delta[];
  /** Batches that isolates sent. */
  readonly batches: number;
  /** Visitors who asked. */
  readonly asks: number;
  readonly admitted: number;
  /** Mean place of those admitted; null: nobody was. */
  readonly reached: number | null;
  /** Tokens the gate could have given. */
  readonly possible: number;
  /** Passes valid now; 0 where the room has no cap on them. */
  readonly active: number;
  /** Passes of which copies were seen, or that ended: those that expire before the time given (ms) are worth nothing. */
  readonly revoked: readonly Revocation[];
}

/** What every site holds of a room for about a second. */
export interface RoomSnapshot {
  readonly room: string;
  readonly epoch: string;
  readonly version: number;
  /** N, and the replicas that it follows; null where it is a number. */
  readonly perMinute: number;
  readonly replicas: number | null;
  /** ms; when it was computed. */
  readonly at: number;
  readonly watermark: Watermark;
  readonly table: PlaceTable;
  readonly waiting: number;
  /** Newcomers a second lately. */
  readonly arriving: number;
  /** Admissions a second that the estimates count on. */
  readonly perSecond: number;
  /** Share of the people waiting who leave, a second. */
  readonly leaving: number;
  readonly active: number;
  readonly admittedLastMinute: number;
  /** Calls of objects a second lately: of the busiest gate, and of the room object. */
  readonly load: { readonly gate: number; readonly room: number };
  /** How often an isolate should report, ms. */
  readonly reportEveryMs: number;
  /** SHA-256 of the seed of the current event's draw; the seed itself from the start on. */
  readonly commitment: string | null;
  readonly seed: string | null;
  /** Passes of which copies were seen, or that ended, newest last. */
  readonly revoked: readonly Revocation[];
}
