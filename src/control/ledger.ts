/**
 * Decisions and their history in SQLite. What is read here was written here, so
 * it is taken as its type; the audit log refuses changes of its rows in the
 * database itself. What people decided is kept for good; purges, which the stock
 * makes day and night, may go after 90 days.
 */
import type { AuditEntry, ModeSetting, Override, RulesSetting, Subject } from "./state.ts";

const TABLES = [
  "CREATE TABLE IF NOT EXISTS subjects (subject TEXT PRIMARY KEY, value TEXT NOT NULL, version INTEGER NOT NULL)",
  `CREATE TABLE IF NOT EXISTS audit (version INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL,
    reason TEXT NOT NULL, subject TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL, undoes INTEGER)`,
  "CREATE TRIGGER IF NOT EXISTS audit_keeps BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'append-only'); END",
  `CREATE TRIGGER IF NOT EXISTS audit_stays BEFORE DELETE ON audit
    WHEN old.subject <> 'purge' OR old.at > (unixepoch() - 90 * 86400) * 1000
    BEGIN SELECT RAISE(ABORT, 'append-only'); END`,
  "CREATE INDEX IF NOT EXISTS audit_purges ON audit (at) WHERE subject = 'purge'",
];

const PURGES_KEPT_MS = 90 * 86_400_000;
const FORGET_EVERY_MS = 3_600_000;

/** What is decided, subject by subject. */
export interface Decisions {
  readonly mode: ModeSetting | null;
  readonly overrides: readonly Override[];
  readonly rules: RulesSetting;
  readonly rooms: Readonly<Record<string, unknown>>;
  /** Version of the last change by subject: what a caller's `expected` is compared with. */
  readonly versions: Readonly<Record<string, number>>;
}

interface SubjectRow {
  readonly subject: Subject;
  readonly value: string;
  readonly version: number;
}

type AuditRow = Omit<AuditEntry, "before" | "after"> & { readonly before: string; readonly after: string };

export class Ledger {
  readonly #sql: SqlStorage;
  #forgotAt = 0;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    for (const table of TABLES) sql.exec(table);
  }

  /** Version of the last change of anything; 0 before the first. */
  version(): number {
    return this.#sql.exec<{ last: number }>("SELECT coalesce(max(version), 0) AS last FROM audit").one().last;
  }

  /** A subject's value as JSON text and its version; `null` and 0 where it was never changed. */
  subject(subject: Subject): { readonly value: string; readonly version: number } {
    const [row] = this.#rows("SELECT subject, value, version FROM subjects WHERE subject = ?", subject);
    return row ?? { value: "null", version: 0 };
  }

  mode(): ModeSetting | null {
    const mode: ModeSetting | null = JSON.parse(this.subject("mode").value);
    return mode;
  }

  /** Version of the active rules package; null is the built-in one. */
  activeRules(): string | null {
    return activeOf(this.subject("rules").value);
  }

  /** How many overrides there are. */
  overrides(): number {
    const count = "SELECT count(*) AS n FROM subjects WHERE subject LIKE 'override:%' AND value <> 'null'";
    return this.#sql.exec<{ n: number }>(count).one().n;
  }

  decisions(): Decisions {
    const rows = this.#rows("SELECT subject, value, version FROM subjects ORDER BY version");
    const under = (prefix: string): readonly SubjectRow[] =>
      rows.filter(({ subject, value }) => subject.startsWith(prefix) && value !== "null");
    return {
      mode: this.mode(),
      overrides: under("override:").map(({ value }): Override => JSON.parse(value)),
      rules: { active: this.activeRules() },
      rooms: Object.fromEntries(
        under("room:").map(({ subject, value }): [string, unknown] => [
          subject.slice("room:".length),
          JSON.parse(value),
        ]),
      ),
      versions: Object.fromEntries(rows.map(({ subject, version }) => [subject, version])),
    };
  }

  /** Sets a subject and appends to the history under a new version. Call inside a transaction. */
  record(
    subject: Subject,
    after: unknown,
    said: Pick<AuditEntry, "at" | "actor" | "reason" | "undoes">,
  ): AuditEntry {
    const before: unknown = JSON.parse(this.subject(subject).value);
    const entry = this.append({ ...said, subject, before, after });
    this.#sql.exec(
      "INSERT OR REPLACE INTO subjects (subject, value, version) VALUES (?, ?, ?)",
      subject,
      JSON.stringify(after),
      entry.version,
    );
    return entry;
  }

  append(entry: Omit<AuditEntry, "version">): AuditEntry {
    const version = this.version() + 1;
    const { at, actor, reason, subject, before, after, undoes } = entry;
    const texts = [actor, reason, subject, JSON.stringify(before), JSON.stringify(after)];
    this.#sql.exec("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)", version, at, ...texts, undoes);
    return { version, ...entry };
  }

  /** Lets go of purges that are old; looks once an hour. Call before appending: the last entry carries the version. */
  forgetPurges(now: number): void {
    if (now - this.#forgotAt < FORGET_EVERY_MS) return;
    this.#forgotAt = now;
    this.#sql.exec(
      "DELETE FROM audit WHERE subject = 'purge' AND at < ? AND version < ?",
      now - PURGES_KEPT_MS,
      this.version(),
    );
  }

  entry(version: number): AuditEntry | null {
    return this.#entries("SELECT * FROM audit WHERE version = ?", version)[0] ?? null;
  }

  /** Rules package that was active before `version`, a change of `rules`. */
  rulesBefore(version: number): string | null {
    const [row] = this.#sql
      .exec<{ before: string }>("SELECT before FROM audit WHERE version = ? AND subject = 'rules'", version)
      .toArray();
    return row === undefined ? null : activeOf(row.before);
  }

  /** The last change of the rules that nothing has taken back yet; null where there is none. */
  standingRules(): AuditEntry | null {
    const last = "SELECT * FROM audit WHERE subject = 'rules' AND version < ? ORDER BY version DESC LIMIT 1";
    for (let below = Number.MAX_SAFE_INTEGER; ;) {
      const [entry] = this.#entries(last, below);
      if (entry === undefined) return null;
      if (entry.undoes === null) return entry;
      // What took a change back left things as they were before that change.
      below = entry.undoes;
    }
  }

  /** Entries below version `before` (null: from the newest), newest first. */
  entries(limit: number, before: number | null, withPurges: boolean): readonly AuditEntry[] {
    const below = before ?? Number.MAX_SAFE_INTEGER;
    const only = withPurges ? "" : "AND subject <> 'purge'";
    const query = `SELECT * FROM audit WHERE version < ? ${only} ORDER BY version DESC LIMIT ?`;
    return this.#entries(query, below, limit);
  }

  #rows(query: string, ...bindings: readonly SqlStorageValue[]): SubjectRow[] {
    return this.#sql.exec<{ [K in keyof SubjectRow]: SubjectRow[K] }>(query, ...bindings).toArray();
  }

  #entries(query: string, ...bindings: readonly SqlStorageValue[]): AuditEntry[] {
    return this.#sql
      .exec<{ [K in keyof AuditRow]: AuditRow[K] }>(query, ...bindings)
      .toArray()
      .map((row): AuditEntry => ({ ...row, before: JSON.parse(row.before), after: JSON.parse(row.after) }));
  }
}

function activeOf(text: string): string | null {
  const rules: RulesSetting | null = JSON.parse(text);
  return rules?.active ?? null;
}
