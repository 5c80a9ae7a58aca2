/**
 * A shard of Insight: adds up what isolates report. Hard about it: many small
 * reports must not become as many writes, so reports are added in memory and
 * written every WRITE_MS; a crash loses that much and no more.
 */
import { DurableObject } from "cloudflare:workers";
import type { OpenAlert, Firing } from "./alerts.ts";
import type { Recommendation } from "./autoscale.ts";
import { Desk, type DeskPort } from "./desk.ts";
import type { Sample } from "./series.ts";
import { SIGHTING_TABLES, keepSightings, sightingsOf, type Sighting } from "./sightings.ts";

/** What a shard answers over RPC. Times are ms. */
export interface ShardPort {
  /** Adds a report of an isolate. */
  add(samples: readonly Sample[], sightings: readonly Sighting[], keep: Retention): Promise<void>;
  /** Every series since the beginning. */
  totals(): Promise<readonly Sample[]>;
  /** Series whose name starts with `prefix`, added up from each of `froms` on, as finely as what is kept allows (minutes, then hours). */
  windows(prefix: string, froms: readonly number[]): Promise<readonly (readonly Sample[])[]>;
  /** Series by minute: [minute's start, series, sum]. */
  timeline(prefix: string, from: number): Promise<readonly (readonly [number, string, number])[]>;
  /** The latest requests that a rule matched, redacted, newest first. */
  sightings(rule: string): Promise<readonly Sighting[]>;
  /** Series of the last `seconds` (at most 110), in whole bins of 5 s. */
  recent(prefix: string, seconds: number): Promise<readonly Sample[]>;
}

export interface Retention {
  /** Days that hours are kept. */
  readonly days: number;
}

const WRITE_MS = 10_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const MINUTES_KEPT_MS = 48 * HOUR_MS;
const BIN_MS = 5000;
const BINS_KEPT_MS = 120_000;
const MAX_SERIES = 5000;

const TABLES = [
  "CREATE TABLE IF NOT EXISTS names (id INTEGER PRIMARY KEY, series TEXT UNIQUE NOT NULL)",
  "CREATE TABLE IF NOT EXISTS totals (id INTEGER PRIMARY KEY, sum REAL NOT NULL)",
  "CREATE TABLE IF NOT EXISTS minutes (at INTEGER, id INTEGER, sum REAL NOT NULL, PRIMARY KEY (at, id)) WITHOUT ROWID",
  "CREATE TABLE IF NOT EXISTS hours (at INTEGER, id INTEGER, sum REAL NOT NULL, PRIMARY KEY (at, id)) WITHOUT ROWID",
];

/** One class, two offices: `shard-N` adds up, `desk` remembers. An object only ever holds one of them. */
export class InsightObject extends DurableObject implements ShardPort, DeskPort {
  readonly #sql: SqlStorage;
  readonly #ids = new Map<string, number>();
  /** Not yet written, by minute. */
  readonly #unwritten = new Map<number, Map<string, number>>();
  readonly #bins = new Map<number, Map<string, number>>();
  #keep: Retention = { days: 30 };
  #writtenAt = 0;
  readonly #desk: Desk;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#desk = new Desk(ctx.storage);
    for (const table of [...TABLES, ...SIGHTING_TABLES]) this.#sql.exec(table);
    const names = this.#sql.exec<{ id: number; series: string }>("SELECT id, series FROM names").toArray();
    for (const { id, series } of names) this.#ids.set(series, id);
  }

  async add(samples: readonly Sample[], sightings: readonly Sighting[], keep: Retention): Promise<void> {
    const now = Date.now();
    this.#keep = keep;
    if (sightings.length > 0) keepSightings(this.#sql, sightings);
    addAll(slot(this.#unwritten, now - (now % MINUTE_MS)), samples);
    addAll(slot(this.#bins, now - (now % BIN_MS)), samples);
    for (const at of this.#bins.keys()) if (at < now - BINS_KEPT_MS) this.#bins.delete(at);
    if (now - this.#writtenAt >= WRITE_MS) this.#write(now);
    else if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(now + WRITE_MS);
  }

  override async alarm(): Promise<void> {
    this.#write(Date.now());
    await this.#desk.deliver();
  }

  async sightings(rule: string): Promise<readonly Sighting[]> {
    return sightingsOf(this.#sql, rule);
  }

  async claimEvaluation(): Promise<boolean> {
    return this.#desk.claimEvaluation();
  }

  async alert(firing: readonly Firing[], webhook: string | null): Promise<void> {
    await this.#desk.alert(firing, webhook);
  }

  async openAlerts(): Promise<readonly OpenAlert[]> {
    return this.#desk.openAlerts();
  }

  async spend(ticket: string): Promise<boolean> {
    return this.#desk.spend(ticket);
  }

  async recommendations(added: Recommendation | null): Promise<readonly Recommendation[]> {
    return this.#desk.recommendations(added);
  }

  async totals(): Promise<readonly Sample[]> {
    this.#write(Date.now());
    return this.#samples("SELECT series, sum FROM totals JOIN names USING (id)");
  }

  async windows(prefix: string, froms: readonly number[]): Promise<readonly (readonly Sample[])[]> {
    const now = Date.now();
    this.#write(now);
    return froms.map((from) => {
      const [table, unit] = from >= now - MINUTES_KEPT_MS ? ["minutes", MINUTE_MS] : ["hours", HOUR_MS];
      return this.#samples(
        `SELECT series, sum(sum) AS sum FROM ${table} JOIN names USING (id)
         WHERE at >= ? AND substr(series, 1, ?) = ? GROUP BY id`,
        from - (from % unit),
        prefix.length,
        prefix,
      );
    });
  }

  async timeline(prefix: string, from: number): Promise<readonly (readonly [number, string, number])[]> {
    this.#write(Date.now());
    const rows = this.#sql.exec(
      `SELECT at, series, sum FROM minutes JOIN names USING (id)
       WHERE at >= ? AND substr(series, 1, ?) = ? ORDER BY at`,
      from - (from % MINUTE_MS),
      prefix.length,
      prefix,
    );
    return [...rows.raw<[number, string, number]>()];
  }

  async recent(prefix: string, seconds: number): Promise<readonly Sample[]> {
    const now = Date.now();
    const until = now - (now % BIN_MS);
    const since = until - seconds * 1000;
    const sums = new Map<string, number>();
    for (const [at, bin] of this.#bins) {
      if (at < since || at >= until) continue;
      addAll(
        sums,
        [...bin].filter(([series]) => series.startsWith(prefix)),
      );
    }
    return [...sums];
  }

  #samples(query: string, ...bindings: readonly SqlStorageValue[]): Sample[] {
    return [...this.#sql.exec(query, ...bindings).raw<[string, number]>()];
  }

  #write(now: number): void {
    this.#writtenAt = now;
    if (this.#unwritten.size === 0) return;
    this.ctx.storage.transactionSync(() => {
      for (const [minute, sums] of this.#unwritten) {
        for (const [series, sum] of sums) this.#writeSum(minute, this.#id(series), sum);
      }
      this.#sql.exec("DELETE FROM minutes WHERE at < ?", now - MINUTES_KEPT_MS);
      this.#sql.exec("DELETE FROM hours WHERE at < ?", now - this.#keep.days * 24 * HOUR_MS);
    });
    this.#unwritten.clear();
  }

  #writeSum(minute: number, id: number, sum: number): void {
    const hour = minute - (minute % HOUR_MS);
    const upsert = "ON CONFLICT DO UPDATE SET sum = sum + excluded.sum";
    this.#sql.exec(`INSERT INTO totals VALUES (?, ?) ${upsert}`, id, sum);
    this.#sql.exec(`INSERT INTO minutes VALUES (?, ?, ?) ${upsert}`, minute, id, sum);
    this.#sql.exec(`INSERT INTO hours VALUES (?, ?, ?) ${upsert}`, hour, id, sum);
  }

  /** The number of a series; beyond MAX_SERIES new ones are counted as dropped. */
  #id(series: string): number {
    const known = this.#ids.get(series);
    if (known !== undefined) return known;
    const dropped = "edge_insight_dropped_total";
    if (this.#ids.size >= MAX_SERIES && series !== dropped) return this.#id(dropped);
    const { id } = this.#sql
      .exec<{ id: number }>("INSERT INTO names (series) VALUES (?) RETURNING id", series)
      .one();
    this.#ids.set(series, id);
    return id;
  }
}

function slot(slots: Map<number, Map<string, number>>, at: number): Map<string, number> {
  const found = slots.get(at) ?? new Map<string, number>();
  slots.set(at, found);
  return found;
}

function addAll(sums: Map<string, number>, samples: readonly Sample[]): void {
  for (const [series, delta] of samples) sums.set(series, (sums.get(series) ?? 0) + delta);
}
