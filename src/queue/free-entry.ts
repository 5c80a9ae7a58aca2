/** Newcomers whom this isolate lets into an open room by itself, from what a gate granted it. */
import { gatesFor } from "./gates.ts";
import { Grant } from "./grants.ts";
import type { GatePort } from "./ports.ts";
import type { RoomConfig } from "./room-config.ts";
import { withDeadline } from "./site.ts";
import { newTicketId } from "./ticket.ts";

type WaitUntil = (work: Promise<unknown>) => void;

const PATIENCE_MS = 1500;
/** A gate that granted nothing is asked again after so long. */
const ASK_AGAIN_MS = 5000;

export class FreeEntry {
  readonly #gate: (room: string, index: number) => GatePort;
  readonly #isolate = newTicketId();
  readonly #grants = new Map<string, Grant>();
  readonly #askedAt = new Map<string, number>();

  constructor(gate: (room: string, index: number) => GatePort) {
    this.#gate = gate;
  }

  /** Lets one in, where a grant has one left. What it asks of the gate happens beside the request. */
  take(config: RoomConfig, now: number, waitUntil: WaitUntil): boolean {
    const grant = this.#grants.get(config.room);
    const taken = grant?.take(config, now) ?? false;
    const holds = grant?.holds(config, now) ?? false;
    if (!holds || grant?.ends(now) === true) this.#renew(config, now, waitUntil);
    return taken;
  }

  /** People wait: the gate needs its whole rate for them. */
  giveBack(config: RoomConfig, waitUntil: WaitUntil): void {
    if (!this.#grants.delete(config.room)) return;
    const index = this.#home(config);
    const back = this.#gate(config.room, index).giveBack(config, index, this.#isolate);
    waitUntil(back.catch(() => undefined));
  }

  #renew(config: RoomConfig, now: number, waitUntil: WaitUntil): void {
    if (now - (this.#askedAt.get(config.room) ?? -Infinity) < ASK_AGAIN_MS) return;
    this.#askedAt.set(config.room, now);
    waitUntil(this.#ask(config, now));
  }

  async #ask(config: RoomConfig, now: number): Promise<void> {
    const index = this.#home(config);
    try {
      const lent = this.#gate(config.room, index).lend(config, index, this.#isolate);
      const ms = await withDeadline(lent, PATIENCE_MS);
      const before = this.#grants.get(config.room) ?? null;
      if (ms > 0) this.#grants.set(config.room, new Grant(config, now, ms, before));
    } catch {
      // Newcomers ask the gate themselves meanwhile.
    }
  }

  #home(config: RoomConfig): number {
    return gatesFor(this.#isolate, config.gates)[0] ?? 0;
  }
}
