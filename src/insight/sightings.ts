/** The last few requests that each rule matched, redacted: what an engineer looks at to tell an attack from a false positive. */
import type { RequestEvent } from "./event.ts";
import { redactPath, redactQuery, redactText } from "./redact.ts";

export interface Sighting {
  readonly rule: string;
  readonly at: number;
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  /** Where it matched, as rules write it, and what, masked. */
  readonly where: string;
  readonly excerpt: string;
  readonly outcome: "pass" | "block";
}

const KEPT_PER_RULE = 5;

export const SIGHTING_TABLES = [
  "CREATE TABLE IF NOT EXISTS sightings (id INTEGER PRIMARY KEY, rule TEXT NOT NULL, sighting TEXT NOT NULL)",
  "CREATE INDEX IF NOT EXISTS sightings_by_rule ON sightings (rule, id)",
];

export function sightingsIn(event: RequestEvent): Sighting[] {
  const { sentinel, time, requestId, method, path, query } = event;
  return (sentinel?.matches ?? []).map(({ rule, where, excerpt }) => ({
    rule,
    at: time,
    requestId,
    method,
    path: redactPath(path),
    query: redactQuery(query),
    where: redactText(where),
    excerpt: redactText(excerpt ?? ""),
    outcome: sentinel?.outcome ?? "pass",
  }));
}

export function keepSightings(sql: SqlStorage, sightings: readonly Sighting[]): void {
  for (const sighting of sightings) {
    sql.exec("INSERT INTO sightings (rule, sighting) VALUES (?, ?)", sighting.rule, JSON.stringify(sighting));
  }
  for (const rule of new Set(sightings.map((sighting) => sighting.rule))) {
    sql.exec(
      "DELETE FROM sightings WHERE rule = ? AND id NOT IN (SELECT id FROM sightings WHERE rule = ? ORDER BY id DESC LIMIT ?)",
      rule,
      rule,
      KEPT_PER_RULE,
    );
  }
}

export function sightingsOf(sql: SqlStorage, rule: string): Sighting[] {
  return sql
    .exec<{ sighting: string }>("SELECT sighting FROM sightings WHERE rule = ? ORDER BY id DESC", rule)
    .toArray()
    .map(({ sighting }): Sighting => JSON.parse(sighting));
}
