/** What an object remembers over restarts of the plans it was told. */
import { type Plan, planOf, samePlan } from "./plans.ts";
import type { RoomConfig } from "./room-config.ts";

/** A plan that goes on being heard is stored so often. */
const STORE_MS = 20_000;
const KEPT_MS = 90_000;
/** The room object remembers for a little longer what a gate told it last. */
const QUIET_MS = 60_000;

type Row = { per_minute: number; gates: number; per_replica: number };

export class PlanStore {
  readonly #sql: SqlStorage;
  #stored: readonly Plan[] = [];
  #version = -1;
  #heardAt: number;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS heard_plans (per_minute INTEGER NOT NULL, gates INTEGER NOT NULL,
        per_replica REAL NOT NULL, version INTEGER NOT NULL, heard_at INTEGER NOT NULL,
        PRIMARY KEY (per_minute, gates, per_replica))`,
    );
    const { last } = sql.exec<{ last: number | null }>("SELECT MAX(heard_at) AS last FROM heard_plans").one();
    this.#heardAt = last ?? -Infinity;
  }

  /** Plans of this version that were heard lately, as of now. */
  lately({ version }: RoomConfig, now: number): readonly Plan[] {
    return this.#sql
      .exec<Row>(
        "SELECT per_minute, gates, per_replica FROM heard_plans WHERE version = ? AND heard_at > ?",
        version,
        now - KEPT_MS,
      )
      .toArray()
      .map(({ per_minute, gates, per_replica }) => ({
        perMinute: per_minute,
        gates,
        perReplica: per_replica === 0 ? null : per_replica,
        heardAt: now,
      }));
  }

  /** Whether nothing was heard for so long that others may not reckon with what was. */
  quiet(now: number): boolean {
    return now - this.#heardAt > QUIET_MS;
  }

  hear(config: RoomConfig, now: number): void {
    this.#heardAt = now;
    if (config.version < this.#version) return;
    if (config.version > this.#version) this.#stored = [];
    this.#version = config.version;
    const plan = planOf(config, now);
    const fresh = ({ heardAt }: Plan): boolean => Math.abs(now - heardAt) < STORE_MS;
    if (this.#stored.some((stored) => samePlan(stored, plan) && fresh(stored))) return;
    this.#stored = [...this.#stored.filter((stored) => !samePlan(stored, plan) && fresh(stored)), plan];
    const { perMinute, gates, perReplica } = plan;
    this.#sql.exec(
      "INSERT OR REPLACE INTO heard_plans VALUES (?, ?, ?, ?, ?)",
      perMinute,
      gates,
      perReplica ?? 0,
      config.version,
      now,
    );
    this.#sql.exec("DELETE FROM heard_plans WHERE heard_at < ?", now - KEPT_MS);
  }
}
