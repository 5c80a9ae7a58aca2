/**
 * Carries stock changes to the edge: the tags that orders left in the outbox
 * are purged, and only then forgotten. A delivery that fails is tried again
 * with growing pauses, for ever; a process that dies in between leaves its
 * rows to another when the lease is over. So: at least once, and in any order.
 * What gathers while a purge is under way goes with the next one, so a flash
 * sale makes a few purges a second and not one an order.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Sql } from "../datastore/index.ts";

export interface OutboxOptions {
  readonly sql: Sql;
  /** Makes the edge forget everything under these tags; throws when it could not. */
  readonly purge: (tags: string[]) => Promise<void>;
  /** Milliseconds between looks into the outbox when nobody wakes it. */
  readonly interval?: number;
}

export interface Outbox {
  /** Delivers what is due now and returns how many rows were delivered. */
  readonly deliver: () => Promise<number>;
  /** Says that there is something to deliver; returns at once. */
  readonly wake: () => void;
  readonly close: () => Promise<void>;
}

const BATCH = 500;
/** Milliseconds between two purges, in which more may gather. */
const GATHER = 250;
/** Seconds a claimed row belongs to whoever claimed it. */
const LEASE = 30;
/** Seconds of the longest pause between two tries. */
const LONGEST_PAUSE = 30;

/** Starts delivering; `close` stops it after the delivery under way. */
export function openOutbox(options: OutboxOptions): Outbox {
  const { sql, purge, interval = 1_000 } = options;
  let running: Promise<void> | undefined;
  let again = false;
  const closing = new AbortController();

  const deliver = async (): Promise<number> => {
    const rows = await claim(sql);
    if (rows.length === 0) return 0;
    const ids = rows.map((row) => row.id);
    try {
      await purge([...new Set(rows.map((row) => row.tag))]);
    } catch {
      await postpone(sql, ids);
      return 0;
    }
    await sql.query("DELETE FROM outbox WHERE id = ANY($1::bigint[])", [ids]);
    return rows.length;
  };
  const run = async (): Promise<void> => {
    do {
      again = false;
      // A database that cannot be reached now is asked again at the next interval.
      const delivered = await deliver().catch(() => 0);
      if (delivered === BATCH) again = true;
      if (delivered > 0) await pause(GATHER, undefined, { signal: closing.signal }).catch(() => undefined);
    } while (again && !closing.signal.aborted);
    running = undefined;
  };
  const wake = (): void => {
    if (closing.signal.aborted) return;
    again = true;
    running ??= run();
  };
  const timer = setInterval(wake, interval);

  return {
    deliver,
    wake,
    async close() {
      closing.abort();
      clearInterval(timer);
      await running;
    },
  };
}

interface OutboxRow {
  readonly id: string;
  readonly tag: string;
}

/** Takes what is due, for the length of a lease; rows that another replica is taking are left to it. */
function claim(sql: Sql): Promise<OutboxRow[]> {
  return sql.query<OutboxRow>(
    `UPDATE outbox SET attempts = attempts + 1, due_at = now() + make_interval(secs => $1)
     WHERE id IN (SELECT id FROM outbox WHERE due_at <= now() ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)
     RETURNING id::text, tag`,
    [LEASE, BATCH],
  );
}

async function postpone(sql: Sql, ids: readonly string[]): Promise<void> {
  await sql.query(
    `UPDATE outbox SET due_at = now() + make_interval(secs => least($2, power(2, least(attempts, 10)) / 4))
     WHERE id = ANY($1::bigint[])`,
    [ids, LONGEST_PAUSE],
  );
}
