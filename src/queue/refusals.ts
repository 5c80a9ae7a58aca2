/**
 * What an isolate learns from a gate that said no: whoever stands later need not
 * ask for a moment. A line forms at the gates seconds before the watermark can
 * know of it; this is what keeps a sudden crowd off them until then.
 */
import { HOLD_MS, holdsAtGate } from "./keeper.ts";
import type { RoomConfig } from "./room-config.ts";

/** Believed for as long as the gate said, within these bounds. */
const LEAST_MS = 1500;
const MOST_MS = 3000;
const CLEARLY_MS = 1000;

export class Refusals {
  readonly #byRoom = new Map<string, { readonly key: number; readonly until: number }>();

  /** A gate said that whoever is placed at `key` or later has to wait `afterMs`. A wait that may be spent at the gate says nothing about others. */
  note(config: RoomConfig, key: number, afterMs: number, now: number): void {
    if (afterMs > (holdsAtGate(config) ? HOLD_MS : CLEARLY_MS))
      this.#byRoom.set(config.room, { key, until: now + Math.min(MOST_MS, Math.max(LEAST_MS, afterMs / 2)) });
  }

  /** Whether the place need not ask at `now`. */
  covers(config: RoomConfig, key: number, now: number): boolean {
    const refused = this.#byRoom.get(config.room);
    return refused !== undefined && now < refused.until && key >= refused.key;
  }
}
