/**
 * The control object: one Durable Object that holds every decision and its
 * history. Hard about it: a change, its audit entry and its version are one
 * transaction, and a version belongs to one subject, so that two operators (or an
 * operator and the stock's purges) collide only where they really disagree.
 */
import { DurableObject } from "cloudflare:workers";
import { Invalidations } from "./invalidations.ts";
import { Ledger, type Decisions } from "./ledger.ts";
import {
  hasPackage,
  listPackages,
  loadPackage,
  PACKAGE_TABLES,
  packageVersion,
  storePackage,
  type PackageInfo,
} from "./packages.ts";
import { addPurges, purgeKey, type Invalidation, type InvalidationAnswer, type Purge } from "./purge-log.ts";
import {
  decide,
  subjectOf,
  type AuditEntry,
  type Change,
  type ChangeMeta,
  type ChangeRefusal,
  type ChangeResult,
  type PurgeKind,
  type RulesSetting,
  type Subject,
} from "./state.ts";

/** All that is decided, as readers get it. */
export interface Published extends Decisions {
  /** Of the last decision. */
  readonly version: number;
  /** Grows with whatever is published: what readers compare. */
  readonly revision: number;
  /** Purges, and after them what shoppers' requests made invalid (id 0). */
  readonly purges: readonly Purge[];
}

export interface PurgeOrder {
  readonly kind: PurgeKind;
  readonly values: readonly string[];
  readonly soft: boolean;
  /** How long anything it could hit may live in a cache, ms. */
  readonly keepMs: number;
}

/** What the object answers over RPC. */
export interface ControlPort {
  /** The published state as JSON text; null where its revision is `known`. */
  read(known: number): Promise<string | null>;
  change(change: Change, meta: ChangeMeta): Promise<ChangeResult>;
  /** Puts back what a version changed, unless its subject was changed since. */
  undo(version: number, meta: ChangeMeta): Promise<ChangeResult>;
  purge(orders: readonly PurgeOrder[], meta: ChangeMeta): Promise<ChangeResult>;
  /** What shoppers' requests made invalid; no decision, so not in the history. */
  invalidate(invalidations: readonly Invalidation[], keepMs: number): Promise<InvalidationAnswer>;
  /** Stores a rules package and makes it the active one. */
  publish(content: Uint8Array, meta: ChangeMeta): Promise<ChangeResult>;
  /** Takes back the last change of the rules that is not taken back yet: again and again, one after the other. */
  rollback(meta: ChangeMeta): Promise<ChangeResult>;
  packages(): Promise<readonly PackageInfo[]>;
  package(version: string): Promise<Uint8Array | null>;
  /** Entries with a version below `before` (null: from the newest), newest first. */
  audit(limit: number, before: number | null, withPurges: boolean): Promise<readonly AuditEntry[]>;
}

const MAX_OVERRIDES = 500;
/** Values of a purge that its audit entry spells out. */
const AUDITED_VALUES = 20;

export class ControlObject extends DurableObject implements ControlPort {
  readonly #sql: SqlStorage;
  readonly #ledger: Ledger;
  readonly #invalidations: Invalidations;
  #purges: readonly Purge[];
  /** The published state, made again after a change. */
  #published: { readonly revision: number; readonly text: string } | null = null;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#ledger = new Ledger(this.#sql);
    this.#invalidations = new Invalidations(this.#sql);
    this.#sql.exec(
      "CREATE TABLE IF NOT EXISTS purges (key TEXT PRIMARY KEY, id INTEGER, purge TEXT NOT NULL)",
    );
    for (const table of PACKAGE_TABLES) this.#sql.exec(table);
    this.#purges = this.#sql
      .exec<{ purge: string }>("SELECT purge FROM purges ORDER BY id")
      .toArray()
      .map(({ purge }): Purge => JSON.parse(purge));
  }

  async read(known: number): Promise<string | null> {
    this.#published ??= this.#publish();
    return this.#published.revision === known ? null : this.#published.text;
  }

  async change(change: Change, meta: ChangeMeta): Promise<ChangeResult> {
    const subject = subjectOf(change);
    const { version } = this.#ledger.subject(subject);
    if (change.kind === "rules" && !this.#usable(change.active)) return forgotten(change.active, version);
    if (change.kind === "override" && change.action !== null && this.#overridesAreFull()) {
      return refuse("too-many", `There are ${MAX_OVERRIDES} overrides; remove one first.`, version);
    }
    return this.#record(subject, meta, null, (now) => decide(change, this.#ledger.mode(), now));
  }

  async undo(version: number, meta: ChangeMeta): Promise<ChangeResult> {
    const entry = this.#ledger.entry(version);
    if (entry === null) return refuse("unknown-version", `There is no version ${version}.`, 0);
    const { subject, before } = entry;
    if (subject === "purge") {
      return refuse("not-undoable", "A purge cannot be undone: what it removed is gone.", version);
    }
    const current = this.#ledger.subject(subject).version;
    if (current !== version) {
      const detail = `Version ${version} of ${subject} was followed by version ${current}; undo that one first.`;
      return refuse("conflict", detail, current);
    }
    const rules = this.#ledger.rulesBefore(version);
    if (!this.#usable(rules)) return forgotten(rules, current);
    return this.#record(subject, meta, version, () => before);
  }

  async purge(orders: readonly PurgeOrder[], { actor, reason }: ChangeMeta): Promise<ChangeResult> {
    const at = Date.now();
    const keepMs = Math.max(...orders.map((order) => order.keepMs));
    const after = orders.map(({ kind, values, soft }) => ({
      kind,
      soft,
      count: values.length,
      values: values.slice(0, AUDITED_VALUES),
    }));
    return this.ctx.storage.transactionSync((): ChangeResult => {
      this.#ledger.forgetPurges(at);
      const entry = this.#ledger.append({
        at,
        actor,
        reason,
        subject: "purge",
        before: null,
        after,
        undoes: null,
      });
      const added = orders.flatMap(({ kind, values, soft }) =>
        values.map((value): Purge => ({ id: entry.version, kind, value, soft, at })),
      );
      this.#keepPurges(addPurges(this.#purges, added, { now: at, keepMs }));
      return { ok: true, entry };
    });
  }

  async invalidate(invalidations: readonly Invalidation[], keepMs: number): Promise<InvalidationAnswer> {
    const now = Date.now();
    const answer = this.ctx.storage.transactionSync(() =>
      this.#invalidations.add(invalidations, keepMs, now),
    );
    if (answer.refused < invalidations.length) this.#published = null;
    return answer;
  }

  async publish(content: Uint8Array, meta: ChangeMeta): Promise<ChangeResult> {
    const version = await packageVersion(content);
    return this.#record("rules", meta, null, (at) => {
      const info = { version, bytes: content.byteLength, at, actor: meta.actor };
      storePackage(this.#sql, info, content, this.#ledger.activeRules());
      return { active: version } satisfies RulesSetting;
    });
  }

  async rollback(meta: ChangeMeta): Promise<ChangeResult> {
    const { version } = this.#ledger.subject("rules");
    const taken = this.#ledger.standingRules();
    if (taken === null)
      return refuse("unknown-package", "There is no change of the rules left to take back.", version);
    const active = this.#ledger.rulesBefore(taken.version);
    if (!this.#usable(active)) return forgotten(active, version);
    return this.#record("rules", meta, taken.version, () => ({ active }) satisfies RulesSetting);
  }

  async packages(): Promise<readonly PackageInfo[]> {
    return listPackages(this.#sql);
  }

  async package(version: string): Promise<Uint8Array | null> {
    return loadPackage(this.#sql, version);
  }

  async audit(limit: number, before: number | null, withPurges: boolean): Promise<readonly AuditEntry[]> {
    return this.#ledger.entries(limit, before, withPurges);
  }

  /** Changes one subject: compares the version, applies, appends to the history; all or nothing. */
  #record(
    subject: Subject,
    { actor, reason, expected }: ChangeMeta,
    undoes: number | null,
    next: (now: number) => unknown,
  ): ChangeResult {
    const at = Date.now();
    return this.ctx.storage.transactionSync((): ChangeResult => {
      const current = this.#ledger.subject(subject).version;
      if (expected !== null && expected !== current) {
        const detail = `${subject} is at version ${current}, not ${expected}; look at it and decide again.`;
        return refuse("conflict", detail, current);
      }
      const entry = this.#ledger.record(subject, next(at), { at, actor, reason, undoes });
      this.#published = null;
      return { ok: true, entry };
    });
  }

  /** Writes what differs: a purge is an everyday act of the stock, the list is long. */
  #keepPurges(purges: readonly Purge[]): void {
    const kept = new Set(purges);
    const before = new Set(this.#purges);
    for (const purge of before) {
      if (!kept.has(purge)) this.#sql.exec("DELETE FROM purges WHERE key = ?", purgeKey(purge));
    }
    for (const purge of kept) {
      if (before.has(purge)) continue;
      const row = [purgeKey(purge), purge.id, JSON.stringify(purge)];
      this.#sql.exec("INSERT OR REPLACE INTO purges (key, id, purge) VALUES (?, ?, ?)", ...row);
    }
    this.#purges = purges;
    this.#published = null;
  }

  #usable(rules: string | null): boolean {
    return rules === null || hasPackage(this.#sql, rules);
  }

  #overridesAreFull(): boolean {
    return this.#ledger.overrides() >= MAX_OVERRIDES;
  }

  #publish(): { readonly revision: number; readonly text: string } {
    const version = this.#ledger.version();
    const revision = version + this.#invalidations.last;
    const purges = [...this.#purges, ...this.#invalidations.list()];
    const published: Published = { version, revision, ...this.#ledger.decisions(), purges };
    return { revision, text: JSON.stringify(published) };
  }
}

function forgotten(rules: string | null, current: number): ChangeResult {
  return refuse("unknown-package", `There is no rules package ${rules}.`, current);
}

function refuse(refusal: ChangeRefusal, detail: string, current: number): ChangeResult {
  return { ok: false, refusal, detail, current };
}
