/** What one isolate holds of the rooms: snapshots read through the site's cache, and news for the gates, in batches. */
import { type Delta, dueUnit } from "./histogram.ts";
import type { GatePort, RoomPort } from "./ports.ts";
import type { RoomConfig } from "./room-config.ts";
import type { RoomSnapshot } from "./messages.ts";

type WaitUntil = (work: Promise<unknown>) => void;

interface Held {
  readonly snapshot: RoomSnapshot;
  readonly readAt: number;
}

const FRESH_MS = 1000;
/** Up to this age a snapshot serves while a newer one is fetched beside the request. */
const STALE_MS = 2000;
const PATIENCE_MS = 1500;
/** How often an isolate without visitors in line looks whether there is one, and how long it believes what it saw. */
const LOOK_MS = 2000;
const FORGET_LINE_MS = 60_000;

/** Snapshots of the rooms: isolate memory, then the site's cache, then the room object. */
export class Snapshots {
  readonly #room: (name: string) => RoomPort;
  readonly #cache: Cache | null;
  readonly #held = new Map<string, Held>();
  readonly #refreshing = new Map<string, number>();
  readonly #lookedAt = new Map<string, number>();

  constructor(room: (name: string) => RoomPort, cache: Cache | null) {
    this.#room = room;
    this.#cache = cache;
  }

  /** The latest snapshot; an older one where the room object does not answer; null where there is none. Never throws. */
  async read(config: RoomConfig, now: number, waitUntil: WaitUntil): Promise<RoomSnapshot | null> {
    const held = this.#heldFor(config);
    const age = held === null ? Infinity : now - held.readAt;
    if (age < FRESH_MS) return held?.snapshot ?? null;
    const busy = now - (this.#refreshing.get(config.room) ?? -Infinity) < PATIENCE_MS;
    if (held !== null && (busy || age < STALE_MS)) {
      if (!busy) waitUntil(this.#refresh(config, now));
      return held.snapshot;
    }
    return (await this.#refresh(config, now)) ?? held?.snapshot ?? null;
  }

  /** What this site knows already, without asking an object. */
  async peek(config: RoomConfig, now: number): Promise<RoomSnapshot | null> {
    const held = this.#heldFor(config);
    if (held !== null && now - held.readAt < STALE_MS) return held.snapshot;
    return this.#fromSite(config);
  }

  /**
   * The room's line as this isolate knows it; null where it knows of none. Looks
   * for news beside the request: through the site's cache while there is a line,
   * in the site's cache alone, without an object call, while there is none.
   */
  line(config: RoomConfig, now: number, waitUntil: WaitUntil): RoomSnapshot | null {
    const held = this.#heldFor(config);
    const queueing = config.phase !== "open" || (held?.snapshot.waiting ?? 0) > 0;
    const seenAt = Math.max(held?.readAt ?? -Infinity, this.#lookedAt.get(config.room) ?? -Infinity);
    if (now - seenAt > LOOK_MS) {
      this.#lookedAt.set(config.room, now);
      waitUntil(queueing ? this.#refresh(config, now) : this.#look(config, now));
    }
    if (held === null || now - held.readAt > FORGET_LINE_MS) return null;
    return queueing ? held.snapshot : null;
  }

  async #look(config: RoomConfig, now: number): Promise<void> {
    const found = await this.#fromSite(config);
    if (found !== null) this.#held.set(config.room, { snapshot: found, readAt: now });
  }

  #heldFor(config: RoomConfig): Held | null {
    const held = this.#held.get(config.room);
    return held?.snapshot.epoch === config.epoch ? held : null;
  }

  async #refresh(config: RoomConfig, now: number): Promise<RoomSnapshot | null> {
    this.#refreshing.set(config.room, now);
    try {
      const found = (await this.#fromSite(config)) ?? (await this.#fromRoom(config));
      if (found !== null) this.#held.set(config.room, { snapshot: found, readAt: now });
      return found;
    } catch {
      return null;
    } finally {
      this.#refreshing.delete(config.room);
    }
  }

  async #fromSite(config: RoomConfig): Promise<RoomSnapshot | null> {
    try {
      const stored = await this.#cache?.match(siteKey(config));
      return stored === undefined ? null : await stored.json<RoomSnapshot>();
    } catch {
      return null;
    }
  }

  async #fromRoom(config: RoomConfig): Promise<RoomSnapshot | null> {
    const snapshot = await withDeadline(this.#room(config.room).read(config), PATIENCE_MS);
    if (snapshot.epoch !== config.epoch) return null;
    try {
      const headers = { "cache-control": "public, max-age=1" };
      await this.#cache?.put(siteKey(config), new Response(JSON.stringify(snapshot), { headers }));
    } catch {
      // The next isolate asks the object itself.
    }
    return snapshot;
  }
}

/** No client can ask for this address. */
function siteKey(config: RoomConfig): string {
  return `https://room.edge.invalid/v1/${config.room}/${config.epoch}`;
}

/** Counts of the line that this isolate has not told yet, sent to one gate at a time, not more often than the room asks. */
export class Reporter {
  readonly #gate: (room: string, index: number) => GatePort;
  readonly #pending = new Map<string, Map<string, Delta>>();
  readonly #sentAt = new Map<string, number>();
  readonly #planned = new Map<string, number>();
  #home = Math.random();

  constructor(gate: (room: string, index: number) => GatePort) {
    this.#gate = gate;
  }

  /** A ticket is now waited for at `to`; before, it was at `from` (null: it is new). */
  move(
    config: RoomConfig,
    from: { readonly bin: number; readonly dueAt: number } | null,
    to: { readonly bin: number; readonly dueAt: number },
  ): void {
    if (from !== null) this.#count(config.room, from.bin, dueUnit(from.dueAt), -1);
    this.#count(config.room, to.bin, dueUnit(to.dueAt), 1);
  }

  /** Sends what is due, now or a little later, beside the request. */
  flush(config: RoomConfig, everyMs: number, now: number, waitUntil: WaitUntil): void {
    const planned = this.#planned.get(config.room) ?? -Infinity;
    if (now < planned + PATIENCE_MS) return;
    // Jitter keeps the isolates of a site from reporting in step.
    const every = everyMs * (0.7 + 0.6 * Math.random());
    const delay = Math.max(0, (this.#sentAt.get(config.room) ?? -Infinity) + every - now);
    this.#planned.set(config.room, now + delay);
    waitUntil(this.#sendAfter(config, delay, now));
  }

  async #sendAfter(config: RoomConfig, delay: number, now: number): Promise<void> {
    if (delay > 0) await scheduler.wait(delay);
    const deltas = [...(this.#pending.get(config.room)?.values() ?? [])].filter(([, , count]) => count !== 0);
    this.#pending.delete(config.room);
    this.#planned.delete(config.room);
    this.#sentAt.set(config.room, now + delay);
    if (deltas.length === 0) return;
    const index = Math.floor(this.#home * config.gates);
    try {
      await withDeadline(this.#gate(config.room, index).collect(config, index, deltas), PATIENCE_MS);
    } catch {
      // What was lost heals as visitors poll again; the next batch goes elsewhere.
      this.#home = Math.random();
    }
  }

  #count(room: string, bin: number, due: number, count: number): void {
    let deltas = this.#pending.get(room);
    if (deltas === undefined) this.#pending.set(room, (deltas = new Map()));
    const key = `${bin}/${due}`;
    deltas.set(key, [bin, due, (deltas.get(key)?.[2] ?? 0) + count]);
  }
}

/** @throws Error where the answer takes longer than `ms` */
export function withDeadline<T>(work: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
