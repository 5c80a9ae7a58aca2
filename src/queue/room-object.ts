/** The room's Durable Object, thin: it keeps the watermark and the seeds of draws, and lets `Room` compute. */
import { DurableObject } from "cloudflare:workers";
import { commitment, newSeed } from "./lottery.ts";
import { PlanStore } from "./plan-store.ts";
import type { RoomPort } from "./ports.ts";
import type { RoomConfig } from "./room-config.ts";
import { gatePort } from "./rpc.ts";
import { Room, type RoomMemory } from "./room.ts";
import type { GateReport, RoomSnapshot, ToldRate } from "./messages.ts";

interface Bindings {
  readonly GATE: DurableObjectNamespace;
}

export class RoomObject extends DurableObject implements RoomPort {
  readonly #sql: SqlStorage;
  #room: Room | null = null;
  readonly #gates: DurableObjectNamespace;
  readonly #plans: PlanStore;
  #savedAt = 0;
  #draw: { readonly epoch: string; readonly seed: string; readonly commitment: string } | null = null;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env & Bindings) {
    super(ctx, env);
    this.#gates = env.GATE;
    this.#sql = ctx.storage.sql;
    this.#plans = new PlanStore(this.#sql);
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

  async hear(config: RoomConfig, report: GateReport): Promise<ToldRate | null> {
    const room = this.#roomFor(config);
    room.hear(report, Date.now());
    return room.toldRate(Date.now());
  }

  async alone(config: RoomConfig): Promise<boolean> {
    return this.#roomFor(config).alone(config, Date.now());
  }

  /** Tells every gate of a new N; a gate out of reach hears of it with its next report. */
  async ready(config: RoomConfig, replicas: number): Promise<void> {
    const room = this.#roomFor(config);
    if (!room.follow(replicas, Date.now())) return;
    this.#sql.exec("INSERT OR REPLACE INTO memory VALUES ('room', ?)", JSON.stringify(room.memory));
    const told = room.toldRate(Date.now());
    if (told === null) return;
    const gates = Array.from({ length: config.gates }, (_, index) =>
      gatePort(this.#gates, config.room, index).follow(config, index, told),
    );
    await Promise.allSettled(gates);
  }

  #roomFor(config: RoomConfig): Room {
    const now = Date.now();
    if (this.#room === null) {
      const [row] = this.#sql
        .exec<{ value: string }>("SELECT value FROM memory WHERE name = 'room'")
        .toArray();
      const memory: RoomMemory | null = row === undefined ? null : JSON.parse(row.value);
      this.#room = new Room(config, memory, now, this.#plans.lately(config, now));
    } else {
      this.#room.adopt(config, now);
    }
    this.#plans.hear(config, now);
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
