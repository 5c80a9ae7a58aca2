/** What a gate remembers over restarts of the plans it was told. */
import { type Plan, planOf, samePlan } from "./plans.ts";
import type { RoomConfig } from "./room-config.ts";

/** A plan that goes on being heard is stored so often. */
const STORE_MS = 20_000;
const KEPT_MS = 90_000;

type Row = { per_minute: number; gates: number; auto: number };

export class PlanStore {
  readonly #sql: SqlStorage;
  #stored: readonly Plan[] = [];
  #version = -1;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS plans (per_minute INTEGER NOT NULL, gates INTEGER NOT NULL, auto INTEGER NOT NULL,
        version INTEGER NOT NULL, heard_at INTEGER NOT NULL, PRIMARY KEY (per_minute, gates, auto))`,
    );
    sql.exec("CREATE TABLE IF NOT EXISTS joined (gates INTEGER PRIMARY KEY, at INTEGER NOT NULL)");
  }

  /** Plans of this version that were heard lately, as of now. */
  lately({ version }: RoomConfig, now: number): readonly Plan[] {
    return this.#sql
      .exec<Row>(
        "SELECT per_minute, gates, auto FROM plans WHERE version = ? AND heard_at > ?",
        version,
        now - KEPT_MS,
      )
      .toArray()
      .map(({ per_minute, gates, auto }) => ({
        perMinute: per_minute,
        gates,
        auto: auto === 1,
        heardAt: now,
      }));
  }

  /** ms; when gate `index` was first told that they are so many. The first gate is one of any number. */
  joinedAt(index: number, { gates }: RoomConfig, now: number): number {
    if (index === 0) return 0;
    this.#sql.exec("INSERT OR IGNORE INTO joined VALUES (?, ?)", gates, now);
    return this.#sql.exec<{ at: number }>("SELECT at FROM joined WHERE gates = ?", gates).one().at;
  }

  hear(config: RoomConfig, now: number): void {
    if (config.version < this.#version) return;
    if (config.version > this.#version) this.#stored = [];
    this.#version = config.version;
    const plan = planOf(config, now);
    const fresh = ({ heardAt }: Plan): boolean => Math.abs(now - heardAt) < STORE_MS;
    if (this.#stored.some((stored) => samePlan(stored, plan) && fresh(stored))) return;
    this.#stored = [...this.#stored.filter((stored) => !samePlan(stored, plan) && fresh(stored)), plan];
    const { perMinute, gates, auto } = plan;
    this.#sql.exec(
      "INSERT OR REPLACE INTO plans VALUES (?, ?, ?, ?, ?)",
      perMinute,
      gates,
      auto ? 1 : 0,
      config.version,
      now,
    );
    this.#sql.exec("DELETE FROM plans WHERE heard_at < ?", now - KEPT_MS);
  }
}
