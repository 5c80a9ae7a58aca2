/** What a gate remembers over restarts of what it lent. */

/** A gate that starts must know of tokens that it lent a minute ago. */
const KEPT_MS = 120_000;

export class GrantStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS grants (isolate TEXT PRIMARY KEY, until INTEGER NOT NULL, lent_at INTEGER NOT NULL)",
    );
  }

  lend(isolate: string, until: number, now: number): void {
    this.#sql.exec("INSERT OR REPLACE INTO grants VALUES (?, ?, ?)", isolate, until, now);
    this.#sql.exec("DELETE FROM grants WHERE max(until, lent_at) < ?", now - KEPT_MS);
  }

  giveBack(isolate: string): void {
    this.#sql.exec("UPDATE grants SET until = 0 WHERE isolate = ?", isolate);
  }

  all(): readonly { readonly isolate: string; readonly until: number }[] {
    return this.#sql.exec<{ isolate: string; until: number }>("SELECT isolate, until FROM grants").toArray();
  }
}
