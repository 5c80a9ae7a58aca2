/**
 * Invalidations in the control object: purges that shoppers' requests cause, kept
 * apart from those that people and the stock order. Hard about it: strangers make
 * them, so they are limited by the minute over all isolates, the list holds the
 * newest alone, and however many there are they never turn into a purge of
 * everything as the purges' own list may.
 */
import type { Invalidation, InvalidationAnswer, Purge } from "./purge-log.ts";

export const MAX_INVALIDATIONS = 1024;
/** Taken over all isolates: so many at once, and this many a minute in the long run. */
export const INVALIDATIONS_A_MINUTE = 600;
const MINUTE_MS = 60_000;
/** Isolates whose invalidations were refused send none for so long. */
const REST_MS = 30_000;

interface Row {
  readonly id: number;
  readonly kind: Invalidation["kind"];
  readonly value: string;
  readonly at: number;
}

export class Invalidations {
  readonly #sql: SqlStorage;
  #left = INVALIDATIONS_A_MINUTE;
  #leftAt = 0;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`CREATE TABLE IF NOT EXISTS invalidations (id INTEGER PRIMARY KEY, kind TEXT NOT NULL,
      value TEXT NOT NULL, at INTEGER NOT NULL, UNIQUE (kind, value))`);
  }

  /** Counts what was ever taken; never falls, as the newest is always kept. */
  get last(): number {
    return this.#sql.exec<{ last: number }>("SELECT coalesce(max(id), 0) AS last FROM invalidations").one()
      .last;
  }

  /** Call inside a transaction. `keepMs`: how long anything they hit may live in a cache. */
  add(invalidations: readonly Invalidation[], keepMs: number, now: number): InvalidationAnswer {
    const taken = invalidations.slice(0, this.#allow(invalidations.length, now));
    let id = this.last;
    for (const { kind, value } of taken) {
      id++;
      this.#sql.exec("INSERT OR REPLACE INTO invalidations VALUES (?, ?, ?, ?)", id, kind, value, now);
    }
    // The newest stays whatever its age: its id says how many there were.
    this.#sql.exec(
      `DELETE FROM invalidations WHERE id < ? AND (at < ? OR id NOT IN
        (SELECT id FROM invalidations ORDER BY id DESC LIMIT ?))`,
      id,
      now - keepMs,
      MAX_INVALIDATIONS,
    );
    const refused = invalidations.length - taken.length;
    return { refused, restMs: refused > 0 ? REST_MS : 0 };
  }

  /** As purges, oldest first; none of them was ordered by anybody, so their id is 0. */
  list(): Purge[] {
    return this.#sql
      .exec<{ [K in keyof Row]: Row[K] }>("SELECT id, kind, value, at FROM invalidations ORDER BY id")
      .toArray()
      .map(({ kind, value, at }) => ({ id: 0, kind, value, soft: false, at }));
  }

  /** How many of `wanted` may be taken now. */
  #allow(wanted: number, now: number): number {
    const earned = ((now - this.#leftAt) / MINUTE_MS) * INVALIDATIONS_A_MINUTE;
    const left = Math.min(INVALIDATIONS_A_MINUTE, this.#left + Math.max(0, earned));
    const allowed = Math.min(wanted, Math.floor(left));
    this.#left = left - allowed;
    this.#leftAt = now;
    return allowed;
  }
}
