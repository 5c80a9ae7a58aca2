/**
 * The SQL port: PostgreSQL through `pg` when there is a server, PGlite (the
 * same PostgreSQL, compiled to WebAssembly) otherwise. Both answer the same
 * contract suite, so what is proven on the embedded one holds on the real one.
 */
import { mkdir } from "node:fs/promises";
import { PGlite } from "@electric-sql/pglite";
import pg from "pg";

/** What can be asked inside and outside a transaction. Parameters are `$1`, `$2`...; rows come as plain objects. */
export interface Queries {
  query<Row extends object>(text: string, parameters?: readonly unknown[]): Promise<Row[]>;
}

export interface Sql extends Queries {
  /** Runs `work` in one READ COMMITTED transaction: committed when it returns, rolled back when it throws. */
  transaction<Result>(work: (queries: Queries) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

/** Connections a pool may hold: enough for both checkout replicas of one machine, far below a server's 100. */
const POOL_SIZE = 20;

/** A pool of connections to a PostgreSQL server, e.g. `postgres://user:secret@host:5432/shop`. */
export function connectPostgres(databaseUrl: string): Sql {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: POOL_SIZE, connectionTimeoutMillis: 5_000 });
  // An idle connection that breaks is replaced by the pool on the next query, which reports what is wrong.
  pool.on("error", () => undefined);
  return {
    async query<Row extends object>(text: string, parameters: readonly unknown[] = []) {
      return (await pool.query<Row>(text, [...parameters])).rows;
    },
    async transaction(work) {
      const client = await pool.connect();
      let broken: Error | undefined;
      try {
        await client.query("BEGIN");
        const result = await work(queriesOf(client));
        await client.query("COMMIT");
        return result;
      } catch (error) {
        await client.query("ROLLBACK").catch((cause: unknown) => {
          broken = cause instanceof Error ? cause : new Error("rollback failed");
        });
        throw error;
      } finally {
        client.release(broken);
      }
    },
    close: () => pool.end(),
  };
}

function queriesOf(client: pg.PoolClient): Queries {
  return {
    async query<Row extends object>(text: string, parameters: readonly unknown[] = []) {
      return (await client.query<Row>(text, [...parameters])).rows;
    },
  };
}

/** The embedded PostgreSQL: in memory, or kept in `directory`. It has one connection, so transactions queue. */
export async function openEmbeddedSql(directory?: string): Promise<Sql> {
  // PGlite makes the folder itself, but not those above it.
  if (directory !== undefined) await mkdir(directory, { recursive: true });
  const database = directory === undefined ? new PGlite() : new PGlite(directory);
  await database.waitReady;
  return {
    async query<Row extends object>(text: string, parameters: readonly unknown[] = []) {
      return (await database.query<Row>(text, [...parameters])).rows;
    },
    transaction: (work) =>
      database.transaction((transaction) =>
        work({
          async query<Row extends object>(text: string, parameters: readonly unknown[] = []) {
            return (await transaction.query<Row>(text, [...parameters])).rows;
          },
        }),
      ),
    close: () => database.close(),
  };
}
