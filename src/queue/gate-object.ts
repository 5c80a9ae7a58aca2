/**
 * A gate's Durable Object, thin: it keeps what must survive, waits, and tells the
 * room. A durable line for each admission is written before its answer leaves (the
 * platform holds answers until storage has them), so neither a restart nor a
 * second instance can give one token twice.
 */
import { DurableObject } from "cloudflare:workers";
import { GrantStore } from "./grant-store.ts";
import { GRANT_MS } from "./grants.ts";
import type { Delta } from "./histogram.ts";
import { GateKeeper } from "./keeper.ts";
import { PlanStore } from "./plan-store.ts";
import { type GatePort } from "./ports.ts";
import { type PassRecord, renewal } from "./renewal.ts";
import type { RoomConfig } from "./room-config.ts";
import { gatePort, roomPort } from "./rpc.ts";
import { withDeadline } from "./site.ts";
import { passEnd } from "./ticket.ts";
import type { Ask, GateAnswer, GateReport, Renewal, Shown, ToldRate } from "./messages.ts";

/** A used ticket may be shown again for so long, so often: the answer may have been lost on its way. */
const REPEAT_MS = 60_000;
const REPEATS = 3;
const SYNC_MS = 500;
const COMMIT_MS = 200;
const KEEP_VISITS_MS = 24 * 3_600_000;
const CLAIM_PATIENCE_MS = 500;
const JOIN_PATIENCE_MS = 1000;

interface Bindings {
  readonly ROOM: DurableObjectNamespace;
  readonly GATE: DurableObjectNamespace;
}

type Spent = { admitted_at: number; repeats: number; gate: number | null };
type Row = { expires_at: number; renewed_from: number; renewed_at: number; browser: string; network: string };

export class GateObject extends DurableObject implements GatePort {
  readonly #sql: SqlStorage;
  readonly #bindings: Bindings;
  readonly #plans: PlanStore;
  readonly #grants: GrantStore;
  #keeper: GateKeeper | null = null;
  #syncedAt = 0;
  #planned = false;
  #joining: Promise<void> | null = null;
  /** Admissions that are decided and not stored yet, and when they will be. */
  readonly #admitted = new Map<string, { readonly at: number; readonly expiresAt: number }>();
  #committed: Promise<void> | null = null;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env & Bindings) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#bindings = env;
    this.#plans = new PlanStore(this.#sql);
    this.#grants = new GrantStore(this.#sql);
    this.#sql.exec(
      `CREATE TABLE IF NOT EXISTS visits (id TEXT PRIMARY KEY, admitted_at INTEGER NOT NULL, repeats INTEGER NOT NULL,
        expires_at INTEGER NOT NULL, renewed_from INTEGER NOT NULL, renewed_at INTEGER NOT NULL,
        browser TEXT NOT NULL, network TEXT NOT NULL)`,
    );
    this.#sql.exec("CREATE INDEX IF NOT EXISTS visits_by_time ON visits (admitted_at)");
    this.#sql.exec(
      `CREATE TABLE IF NOT EXISTS claims (id TEXT PRIMARY KEY, admitted_at INTEGER NOT NULL, repeats INTEGER NOT NULL,
        gate INTEGER NOT NULL)`,
    );
    this.#sql.exec("CREATE INDEX IF NOT EXISTS claims_by_time ON claims (admitted_at)");
  }

  async ask(config: RoomConfig, index: number, ask: Ask): Promise<GateAnswer> {
    const since = Date.now();
    const keeper = await this.#serving(config, index);
    for (;;) {
      const now = Date.now();
      if (this.#admitted.has(ask.id)) await this.#committed;
      const known = this.#repeated(ask.id, now);
      if (known !== null) {
        this.#sync(config, now);
        return known;
      }
      const decision = keeper.decide(ask, now, since);
      if (decision.kind === "admit") {
        this.#sync(config, now);
        await this.#commit(config, ask.id, now);
        if (!(await this.#claimed(config, index, ask, now))) return { kind: "spent" };
        return { kind: "admit", admittedAt: now, repeated: false };
      }
      if (decision.kind === "wait") {
        this.#sync(config, now);
        return decision;
      }
      await scheduler.wait(decision.ms);
    }
  }

  async claim(id: string, by: number, admittedAt: number): Promise<boolean> {
    if (this.#admitted.has(id) || this.#spent(id) !== undefined) return false;
    this.#sql.exec("INSERT INTO claims VALUES (?, ?, 0, ?)", id, admittedAt, by);
    return true;
  }

  async collect(config: RoomConfig, index: number, deltas: readonly Delta[]): Promise<void> {
    (await this.#serving(config, index)).collect(deltas);
    this.#sync(config, Date.now());
  }

  async renew(config: RoomConfig, index: number, shown: Shown): Promise<Renewal> {
    const now = Date.now();
    const keeper = this.#keeperFor(config, index);
    const { answer, record, revokedBefore } = renewal(this.#recordOf(shown.id), shown, config, now);
    if (record !== null) {
      this.#keep(shown, record);
      keeper.prolong(shown.id, record.expiresAt);
    }
    if (revokedBefore !== null) {
      keeper.revoke(shown.id, revokedBefore);
      this.#sync(config, now, "at once");
    }
    return answer;
  }

  async end(config: RoomConfig, index: number, id: string): Promise<void> {
    const now = Date.now();
    const keeper = this.#keeperFor(config, index);
    this.#sql.exec("UPDATE visits SET expires_at = 0, renewed_from = 0 WHERE id = ?", id);
    keeper.prolong(id, 0);
    keeper.revoke(id, now + config.passMaxMs);
    this.#sync(config, now, "at once");
  }

  async lend(config: RoomConfig, index: number, isolate: string): Promise<number> {
    const keeper = await this.#serving(config, index);
    const now = Date.now();
    this.#sync(config, now);
    if (!keeper.lend(isolate, now + GRANT_MS, now)) return 0;
    this.#grants.lend(isolate, now + GRANT_MS, now);
    return GRANT_MS;
  }

  async giveBack(config: RoomConfig, index: number, isolate: string): Promise<void> {
    this.#keeperFor(config, index).giveBack(isolate, Date.now());
    this.#grants.giveBack(isolate);
  }

  async follow(config: RoomConfig, index: number, told: ToldRate): Promise<void> {
    this.#keeperFor(config, index).follow(told, Date.now());
  }

  /** Fewer gates may be in use than the room has; each ticket is also used up at the gate it has among all of them. */
  async #claimed(config: RoomConfig, index: number, { id, home }: Ask, now: number): Promise<boolean> {
    if (home === undefined) return true;
    try {
      return await withDeadline(
        gatePort(this.#bindings.GATE, config.room, home).claim(id, index, now),
        CLAIM_PATIENCE_MS,
      );
    } catch {
      // The cap holds without it, and the visitor has waited for his turn.
      return true;
    }
  }

  /** Stores an admission, together with all others of this moment: a commit for each would be what limits the rate. */
  #commit(config: RoomConfig, id: string, now: number): Promise<void> {
    this.#admitted.set(id, { at: now, expiresAt: passEnd(config, now, now) });
    this.#committed ??= this.#commitSoon();
    return this.#committed;
  }

  async #commitSoon(): Promise<void> {
    await scheduler.wait(COMMIT_MS);
    const admitted = [...this.#admitted];
    this.#admitted.clear();
    this.#committed = null;
    for (const [id, { at, expiresAt }] of admitted) this.#remember(id, at, expiresAt);
  }

  #remember(id: string, at: number, expiresAt: number): void {
    this.#sql.exec("INSERT INTO visits VALUES (?, ?, 0, ?, 0, 0, '', '')", id, at, expiresAt);
  }

  /** The answer to a ticket that was used before; null for one that was not. */
  #repeated(id: string, now: number): GateAnswer | null {
    const spent = this.#spent(id);
    if (spent === undefined) return null;
    if (now - spent.admitted_at > REPEAT_MS || spent.repeats >= REPEATS) return { kind: "spent" };
    const again = { kind: "admit", admittedAt: spent.admitted_at, repeated: true } as const;
    this.#sql.exec(
      `UPDATE ${spent.gate === null ? "visits" : "claims"} SET repeats = repeats + 1 WHERE id = ?`,
      id,
    );
    return spent.gate === null ? again : { ...again, gate: spent.gate };
  }

  /** How the ticket was used, here or at the gate that claimed it. */
  #spent(id: string): Spent | undefined {
    const [spent] = this.#sql
      .exec<Spent>(
        "SELECT admitted_at, repeats, NULL AS gate FROM visits WHERE id = ?1 UNION ALL SELECT admitted_at, repeats, gate FROM claims WHERE id = ?1",
        id,
      )
      .toArray();
    return spent;
  }

  #recordOf(id: string): PassRecord | null {
    const [row] = this.#sql
      .exec<Row>("SELECT expires_at, renewed_from, renewed_at, browser, network FROM visits WHERE id = ?", id)
      .toArray();
    if (row === undefined) return null;
    const { expires_at: expiresAt, renewed_from: renewedFrom, renewed_at: renewedAt, browser, network } = row;
    return { expiresAt, renewedFrom, renewedAt, browser, network };
  }

  #keep({ id, admittedAt }: Shown, record: PassRecord): void {
    const { expiresAt, renewedFrom, renewedAt, browser, network } = record;
    this.#sql.exec(
      `INSERT INTO visits VALUES (?1, ?2, ${REPEATS}, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO UPDATE SET
        expires_at = ?3, renewed_from = ?4, renewed_at = ?5, browser = ?6, network = ?7`,
      id,
      admittedAt,
      expiresAt,
      renewedFrom,
      renewedAt,
      browser,
      network,
    );
  }

  #keeperFor(config: RoomConfig, index: number): GateKeeper {
    const now = Date.now();
    if (this.#keeper === null) {
      const [row] = this.#sql
        .exec<{ last: number | null }>(
          "SELECT MAX(at) AS last FROM (SELECT MAX(admitted_at) AS at FROM visits UNION ALL SELECT MAX(lent_at) FROM grants)",
        )
        .toArray();
      const plans = this.#plans.lately(config, now);
      this.#keeper = new GateKeeper(index, config, { lastUsedAt: row?.last ?? null, plans }, now);
      const valid = this.#sql.exec<{ id: string; expires_at: number }>(
        "SELECT id, expires_at FROM visits WHERE expires_at > ?",
        now,
      );
      for (const { id, expires_at } of valid) this.#keeper.restore(id, expires_at);
      for (const { isolate, until } of this.#grants.all()) this.#keeper.restoreGrant(isolate, until, now);
    } else {
      this.#keeper.adopt(config, now);
    }
    return this.#keeper;
  }

  /**
   * The keeper of a gate that gives tokens away. One that is new, or heard nothing for a minute, asks the
   * room first whether others share N otherwise; it listens for them where they do, or nobody answers.
   */
  async #serving(config: RoomConfig, index: number): Promise<GateKeeper> {
    if (this.#plans.quiet(Date.now())) await (this.#joining ??= this.#join(config, index));
    this.#plans.hear(config, Date.now());
    return this.#keeperFor(config, index);
  }

  async #join(config: RoomConfig, index: number): Promise<void> {
    const room = roomPort(this.#bindings.ROOM, config.room);
    const alone = await withDeadline(room.alone(config), JOIN_PATIENCE_MS).catch(() => false);
    if (!alone) this.#keeperFor(config, index).listen(Date.now());
    this.#plans.hear(config, Date.now());
    this.#joining = null;
  }

  /** Tells the room object, at most every half second but for what is urgent. News that does not arrive expires there by itself. */
  #sync(config: RoomConfig, now: number, urgency?: "at once"): void {
    const since = now - this.#syncedAt;
    if (urgency === undefined && since >= 0 && since < SYNC_MS) {
      if (!this.#planned) this.ctx.waitUntil(this.#syncAfter(config, SYNC_MS - since));
      return;
    }
    if (this.#keeper === null) return;
    this.#syncedAt = now;
    for (const table of ["visits", "claims"])
      this.#sql.exec(`DELETE FROM ${table} WHERE admitted_at < ?`, now - KEEP_VISITS_MS);
    this.ctx.waitUntil(this.#tell(config, this.#keeper.report(now)));
  }

  /** The last of a few requests must not keep what they said to itself. */
  async #syncAfter(config: RoomConfig, ms: number): Promise<void> {
    this.#planned = true;
    await scheduler.wait(ms);
    this.#planned = false;
    this.#sync(config, Date.now());
  }

  async #tell(config: RoomConfig, report: GateReport): Promise<void> {
    try {
      const told = await roomPort(this.#bindings.ROOM, config.room).hear(config, report);
      if (told !== null) this.#keeper?.follow(told, Date.now());
    } catch {
      // The next report says what matters again.
    }
  }
}
