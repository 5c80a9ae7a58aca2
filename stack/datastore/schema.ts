/** The shop's tables, brought up to date at start: each migration runs once, in order, under one lock. */
import { products, type SeedProduct } from "../catalog/seed.ts";
import type { Queries, Sql } from "./sql.ts";

/** Appended to, never edited: what is in a database was made by these texts. */
const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE products (
       id integer PRIMARY KEY,
       slug text NOT NULL UNIQUE,
       name text NOT NULL,
       category text NOT NULL,
       summary text NOT NULL,
       description text NOT NULL,
       price_cents integer NOT NULL CHECK (price_cents > 0),
       sale_price_cents integer CHECK (sale_price_cents > 0)
     )`,
    `CREATE INDEX products_category ON products (category, id)`,
    `CREATE TABLE inventory (
       product_id integer PRIMARY KEY REFERENCES products,
       stock integer NOT NULL CHECK (stock >= 0)
     )`,
    `CREATE TABLE orders (
       id text PRIMARY KEY,
       idempotency_key text NOT NULL UNIQUE,
       fingerprint text NOT NULL,
       customer_name text NOT NULL,
       email text NOT NULL,
       total_cents integer NOT NULL DEFAULT 0,
       created_at timestamptz NOT NULL DEFAULT now()
     )`,
    `CREATE TABLE order_items (
       order_id text NOT NULL REFERENCES orders ON DELETE CASCADE,
       product_id integer NOT NULL REFERENCES products,
       quantity integer NOT NULL CHECK (quantity > 0),
       price_cents integer NOT NULL,
       PRIMARY KEY (order_id, product_id)
     )`,
    `CREATE TABLE outbox (
       id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
       tag text NOT NULL,
       attempts integer NOT NULL DEFAULT 0,
       due_at timestamptz NOT NULL DEFAULT now()
     )`,
    `CREATE INDEX outbox_due ON outbox (due_at)`,
  ],
];

/** Any number nobody else locks: several replicas may start on one database at once. */
const MIGRATION_LOCK = 7_041_974;

/** Creates or migrates the tables and seeds an empty shop. Returns the schema's version. */
export async function migrate(sql: Sql): Promise<number> {
  return sql.transaction(async (queries) => {
    await queries.query("SELECT pg_advisory_xact_lock($1)", [MIGRATION_LOCK]);
    await queries.query("CREATE TABLE IF NOT EXISTS schema_version (version integer NOT NULL)");
    const [row] = await queries.query<{ version: number }>("SELECT version FROM schema_version");
    const current = row?.version ?? 0;
    for (const statement of MIGRATIONS.slice(current).flat()) await queries.query(statement);
    if (row === undefined) {
      await queries.query("INSERT INTO schema_version VALUES ($1)", [MIGRATIONS.length]);
      await seed(queries, products());
    } else if (current < MIGRATIONS.length) {
      await queries.query("UPDATE schema_version SET version = $1", [MIGRATIONS.length]);
    }
    return MIGRATIONS.length;
  });
}

async function seed(queries: Queries, seeds: readonly SeedProduct[]): Promise<void> {
  const list = JSON.stringify(seeds);
  await queries.query(
    `INSERT INTO products (id, slug, name, category, summary, description, price_cents, sale_price_cents)
     SELECT id, slug, name, category, summary, description, "priceCents", "salePriceCents"
     FROM jsonb_to_recordset($1::jsonb) AS seed(id integer, slug text, name text, category text, summary text,
       description text, "priceCents" integer, "salePriceCents" integer)`,
    [list],
  );
  await queries.query(
    `INSERT INTO inventory (product_id, stock)
     SELECT id, stock FROM jsonb_to_recordset($1::jsonb) AS seed(id integer, stock integer)`,
    [list],
  );
}
