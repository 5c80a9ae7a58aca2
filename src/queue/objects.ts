/**
 * The two Durable Objects, thin: they keep what must survive, wait, and speak to
 * each other. A gate's durable line per admission is written before the answer
 * leaves (the platform holds answers until storage has them), so neither a restart
 * nor a second instance can give one token twice.
 */
import { DurableObject } from "cloudflare:workers";
import type { Delta } from "./histogram.ts";
import { type Ask, GateKeeper, type GateReport, HOLD_MS } from "./keeper.ts";
import { commitment, newSeed } from "./lottery.ts";
import type { RoomConfig } from "./room-config.ts";
import { Room, type RoomMemory, type RoomSnapshot } from "./room.ts";

export type GateAnswer =
  /** `repeated`: the ticket was used a moment ago and the answer may have been lost; the pass is the same. */
  | { readonly kind: "admit"; readonly admittedAt: number; readonly repeated: boolean }
  | { readonly kind: "wait"; readonly afterMs: number; readonly ahead: number }
  | { readonly kind: "spent" };

export interface GatePort {
  ask(config: RoomConfig, index: number, ask: Ask): Promise<GateAnswer>;
  /** Counts of the line that an isolate collected. */
  collect(config: RoomConfig, index: number, deltas: readonly Delta[]): Promise<void>;
  /** The new expiry of a pass that expires at `expiresAt`; null where that pass is not (any more) the latest of its visitor. */
  renew(config: RoomConfig, index: number, id: string, expiresAt: number): Promise<number | null>;
  /** The visitor is done: his place inside is free. */
  end(config: RoomConfig, index: number, id: string): Promise<void>;
}

export interface RoomPort {
  read(config: RoomConfig): Promise<RoomSnapshot>;
  hear(config: RoomConfig, report: GateReport): Promise<void>;
}

/** A used ticket may be shown again for so long, so often: the answer may have been lost on its way. */
const REPEAT_MS = 60_000;
const REPEATS = 3;
/** Requests of one page arrive together, all with the pass from before its renewal. */
const TOGETHER_MS = 60_000;
const SYNC_MS = 500;
const KEEP_SPENT_MS = 24 * 3_600_000;

interface Bindings {
  readonly ROOM: DurableObjectNamespace;
}

type Spent = { admitted_at: number; repeats: number };
type Renewal = { expires_at: number; renewed_at: number; renewed_from: number };

export class GateObject extends DurableObject implements GatePort {
  readonly #sql: SqlStorage;
  readonly #rooms: DurableObjectNamespace;
  #keeper: GateKeeper | null = null;
  #syncedAt = 0;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env & Bindings) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#rooms = env.ROOM;
    this.#sql.exec(
      `CREATE TABLE IF NOT EXISTS spent (id TEXT PRIMARY KEY, admitted_at INTEGER NOT NULL, repeats INTEGER NOT NULL,
        expires_at INTEGER NOT NULL, renewed_at INTEGER NOT NULL, renewed_from INTEGER NOT NULL)`,
    );
    this.#sql.exec("CREATE INDEX IF NOT EXISTS spent_by_time ON spent (admitted_at)");
  }

  async ask(config: RoomConfig, index: number, ask: Ask): Promise<GateAnswer> {
    const keeper = this.#keeperFor(config, index);
    const until = Date.now() + HOLD_MS;
    for (;;) {
      const now = Date.now();
      const known = this.#repeated(ask.id, now);
      if (known !== null) return known;
      const decision = keeper.decide(ask, now);
      if (decision.kind === "admit") {
        this.#sql.exec("INSERT INTO spent VALUES (?, ?, 0, ?, 0, 0)", ask.id, now, now + config.passIdleMs);
        this.#sync(config, now);
        return { kind: "admit", admittedAt: now, repeated: false };
      }
      if (!keeper.holds(ask, decision) || now + decision.afterMs > until) {
        keeper.release(ask, now, Math.min(decision.afterMs, 3000));
        this.#sync(config, now);
        return decision;
      }
      await scheduler.wait(decision.afterMs);
    }
  }

  async collect(config: RoomConfig, index: number, deltas: readonly Delta[]): Promise<void> {
    this.#keeperFor(config, index).collect(deltas);
    this.#sync(config, Date.now());
  }

  /**
   * Only one line of passes lives: a copy whose original was renewed is not renewed
   * itself, but for requests that were under way together.
   */
  async renew(config: RoomConfig, index: number, id: string, expiresAt: number): Promise<number | null> {
    const now = Date.now();
    const keeper = this.#keeperFor(config, index);
    const [pass] = this.#sql
      .exec<Renewal>("SELECT expires_at, renewed_at, renewed_from FROM spent WHERE id = ?", id)
      .toArray();
    if (pass === undefined) return null;
    if (pass.renewed_from === expiresAt && now - pass.renewed_at < TOGETHER_MS) return pass.expires_at;
    if (pass.expires_at !== expiresAt) return null;
    const renewed = now + config.passIdleMs;
    this.#sql.exec(
      "UPDATE spent SET expires_at = ?, renewed_at = ?, renewed_from = ? WHERE id = ?",
      renewed,
      now,
      expiresAt,
      id,
    );
    keeper.prolong(id, renewed);
    return renewed;
  }

  async end(config: RoomConfig, index: number, id: string): Promise<void> {
    this.#sql.exec("UPDATE spent SET expires_at = 0, renewed_from = 0 WHERE id = ?", id);
    this.#keeperFor(config, index).prolong(id, 0);
  }

  /** The answer to a ticket that was used before; null for one that was not. */
  #repeated(id: string, now: number): GateAnswer | null {
    const [spent] = this.#sql
      .exec<Spent>("SELECT admitted_at, repeats FROM spent WHERE id = ?", id)
      .toArray();
    if (spent === undefined) return null;
    if (now - spent.admitted_at > REPEAT_MS || spent.repeats >= REPEATS) return { kind: "spent" };
    this.#sql.exec("UPDATE spent SET repeats = repeats + 1 WHERE id = ?", id);
    return { kind: "admit", admittedAt: spent.admitted_at, repeated: true };
  }

  #keeperFor(config: RoomConfig, index: number): GateKeeper {
    const now = Date.now();
    if (this.#keeper === null) {
      const [row] = this.#sql
        .exec<{ last: number | null }>("SELECT MAX(admitted_at) AS last FROM spent")
        .toArray();
      this.#keeper = new GateKeeper(index, config, row?.last ?? null, now);
      const valid = this.#sql.exec<{ id: string; expires_at: number }>(
        "SELECT id, expires_at FROM spent WHERE expires_at > ?",
        now,
      );
      for (const { id, expires_at } of valid) this.#keeper.restore(id, expires_at);
    } else {
      this.#keeper.adopt(config, now);
    }
    return this.#keeper;
  }

  /** Tells the room object, at most every half second, on the back of a request. News that does not arrive expires there by itself. */
  #sync(config: RoomConfig, now: number): void {
    if (this.#keeper === null || now - this.#syncedAt < SYNC_MS) return;
    this.#syncedAt = now;
    this.#sql.exec("DELETE FROM spent WHERE admitted_at < ?", now - KEEP_SPENT_MS);
    const told = roomPort(this.#rooms, config.room).hear(config, this.#keeper.report(now));
    this.ctx.waitUntil(told.catch(() => undefined));
  }
}

export class RoomObject extends DurableObject implements RoomPort {
  readonly #sql: SqlStorage;
  #room: Room | null = null;
  #savedAt = 0;
  #draw: { readonly epoch: string; readonly seed: string; readonly commitment: string } | null = null;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec("CREATE TABLE IF NOT EXISTS memory (name TEXT PRIMARY KEY, value TEXT NOT NULL)");
    this.#sql.exec("CREATE TABLE IF NOT EXISTS seeds (event TEXT PRIMARY KEY, seed TEXT NOT NULL)");
  }

  async read(config: RoomConfig): Promise<RoomSnapshot> {
    const room = this.#roomFor(config);
    const draw = await this.#drawOf(room.config);
    const snapshot = room.snapshot(
      { commitment: draw?.commitment ?? null, seed: draw?.seed ?? null },
      Date.now(),
    );
    this.#save(room);
    return snapshot;
  }

  async hear(config: RoomConfig, report: GateReport): Promise<void> {
    this.#roomFor(config).hear(report, Date.now());
  }

  #roomFor(config: RoomConfig): Room {
    if (this.#room === null) {
      const [row] = this.#sql
        .exec<{ value: string }>("SELECT value FROM memory WHERE name = 'room'")
        .toArray();
      const memory: RoomMemory | null = row === undefined ? null : JSON.parse(row.value);
      this.#room = new Room(config, memory, Date.now());
    } else {
      this.#room.adopt(config, Date.now());
    }
    return this.#room;
  }

  /** The event's seed, drawn when the event is first seen and kept from then on. */
  async #drawOf({ event }: RoomConfig): Promise<{ seed: string; commitment: string } | null> {
    if (event === null || !event.shuffle) return null;
    const name = `${event.name}@${event.startsAt}`;
    if (this.#draw?.epoch !== name) {
      this.#sql.exec("INSERT OR IGNORE INTO seeds VALUES (?, ?)", name, newSeed());
      const { seed } = this.#sql.exec<{ seed: string }>("SELECT seed FROM seeds WHERE event = ?", name).one();
      this.#draw = { epoch: name, seed, commitment: await commitment(seed) };
    }
    return this.#draw;
  }

  #save(room: Room): void {
    const now = Date.now();
    if (now - this.#savedAt < 1000) return;
    this.#savedAt = now;
    this.#sql.exec("INSERT OR REPLACE INTO memory VALUES ('room', ?)", JSON.stringify(room.memory));
  }
}

/** The room object of a name, as its port. */
export function roomPort(namespace: DurableObjectNamespace, room: string): RoomPort {
  // oxlint-disable-next-line typescript-eslint/no-unsafe-type-assertion -- it is RoomObject that wrangler.toml binds
  return namespace.get(namespace.idFromName(room)) as unknown as RoomPort;
}

/** A gate of a room, as its port. */
export function gatePort(namespace: DurableObjectNamespace, room: string, index: number): GatePort {
  // oxlint-disable-next-line typescript-eslint/no-unsafe-type-assertion -- it is GateObject that wrangler.toml binds
  return namespace.get(namespace.idFromName(`${room}/${index}`)) as unknown as GatePort;
}
