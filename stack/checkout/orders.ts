/**
 * Orders and stock. Inventory is truth: an order exists exactly when its stock
 * was taken in the same transaction, and the same idempotency key is the same
 * order for ever. What the edge must forget is written to the outbox in that
 * transaction too, so a purge is neither lost nor sent for an order that was not.
 */
import { createHash, randomUUID } from "node:crypto";
import * as z from "zod";
import type { Queries, Sql } from "../datastore/index.ts";

export interface OrderLine {
  readonly productId: number;
  readonly quantity: number;
}

export interface OrderRequest {
  readonly name: string;
  readonly email: string;
  readonly items: readonly OrderLine[];
}

/** An order as it travels between the services. `createdAt` is ISO 8601, money is US cents. */
export const orderSchema = z.object({
  id: z.string(),
  name: z.string(),
  email: z.string(),
  totalCents: z.int(),
  createdAt: z.string(),
  items: z.array(
    z.object({
      productId: z.int(),
      slug: z.string(),
      product: z.string(),
      quantity: z.int(),
      priceCents: z.int(),
    }),
  ),
});
export type Order = z.infer<typeof orderSchema>;

export type PlacedOrder =
  | { readonly outcome: "placed" | "repeated"; readonly order: Order }
  /** Nothing was taken: these products have too little stock, or do not exist. */
  | { readonly outcome: "out-of-stock"; readonly productId: number; readonly available: number }
  | { readonly outcome: "unknown-product"; readonly productId: number }
  /** The key was used before for an order with other contents. */
  | { readonly outcome: "key-reused" };

/** Thrown inside the transaction to roll it back; becomes the outcome. */
class Refusal extends Error {
  readonly outcome: PlacedOrder;
  constructor(outcome: PlacedOrder) {
    super(outcome.outcome);
    this.outcome = outcome;
  }
}

/** Places an order once per `key`. Two requests with one key at the same time make one order: the second waits. */
export async function placeOrder(sql: Sql, key: string, request: OrderRequest): Promise<PlacedOrder> {
  const { name, email } = request;
  const lines = mergeLines(request.items);
  const fingerprint = createHash("sha256")
    .update(JSON.stringify([name, email, lines]))
    .digest("hex");
  try {
    return await sql.transaction(async (queries) => {
      const id = randomUUID();
      const [created] = await queries.query<{ at: Date }>(
        `INSERT INTO orders (id, idempotency_key, fingerprint, customer_name, email)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (idempotency_key) DO NOTHING RETURNING created_at AS at`,
        [id, key, fingerprint, name, email],
      );
      if (created === undefined) return await repeatedOrder(queries, key, fingerprint);
      const items = await reserve(queries, lines);
      const totalCents = items.reduce((sum, { quantity, priceCents }) => sum + quantity * priceCents, 0);
      await record(queries, id, items, totalCents);
      const order = { id, name, email, totalCents, createdAt: created.at.toISOString(), items };
      return { outcome: "placed", order };
    });
  } catch (error) {
    if (error instanceof Refusal) return error.outcome;
    throw error;
  }
}

/** One line a product, ordered by product: every order locks stock in the same order, so none waits in a circle. */
function mergeLines(lines: readonly OrderLine[]): OrderLine[] {
  const quantities = new Map<number, number>();
  for (const { productId, quantity } of lines) {
    quantities.set(productId, (quantities.get(productId) ?? 0) + quantity);
  }
  return [...quantities]
    .map(([productId, quantity]) => ({ productId, quantity }))
    .toSorted((left, right) => left.productId - right.productId);
}

async function repeatedOrder(queries: Queries, key: string, fingerprint: string): Promise<PlacedOrder> {
  const [row] = await queries.query<{ id: string; fingerprint: string }>(
    "SELECT id, fingerprint FROM orders WHERE idempotency_key = $1",
    [key],
  );
  if (row?.fingerprint !== fingerprint) return { outcome: "key-reused" };
  return { outcome: "repeated", order: await storedOrder(queries, row.id) };
}

/**
 * Locks the stock of these products, in the order of their ids, and says what
 * they cost. What is read under the lock is the latest, so two buyers cannot
 * both take the last one. Throws a refusal when there is too little.
 */
async function reserve(queries: Queries, lines: readonly OrderLine[]): Promise<Order["items"]> {
  const rows = await queries.query<Omit<Order["items"][number], "quantity"> & { stock: number }>(
    `SELECT id AS "productId", slug, name AS product, stock,
       coalesce(sale_price_cents, price_cents) AS "priceCents"
     FROM inventory JOIN products ON id = product_id
     WHERE product_id = ANY($1::int[]) ORDER BY product_id FOR UPDATE OF inventory`,
    [lines.map(({ productId }) => productId)],
  );
  const offers = new Map(rows.map((row) => [row.productId, row]));
  return lines.map(({ productId, quantity }) => {
    const offer = offers.get(productId);
    if (offer === undefined) throw new Refusal({ outcome: "unknown-product", productId });
    const { stock, ...item } = offer;
    if (stock < quantity) throw new Refusal({ outcome: "out-of-stock", productId, available: stock });
    return { ...item, quantity };
  });
}

/** Takes the stock, writes the order's items and total, and announces the change: one statement, as the lock is held. */
async function record(
  queries: Queries,
  orderId: string,
  items: Order["items"],
  totalCents: number,
): Promise<void> {
  await queries.query(
    `WITH line AS (
       SELECT * FROM jsonb_to_recordset($2::jsonb)
         AS line("productId" integer, quantity integer, "priceCents" integer)),
     taken AS (UPDATE inventory SET stock = stock - quantity FROM line WHERE product_id = "productId"),
     announced AS (INSERT INTO outbox (tag) SELECT 'stock-' || "productId" FROM line),
     summed AS (UPDATE orders SET total_cents = $3 WHERE id = $1)
     INSERT INTO order_items (order_id, product_id, quantity, price_cents)
     SELECT $1, "productId", quantity, "priceCents" FROM line`,
    [orderId, JSON.stringify(items), totalCents],
  );
}

/** Adds to a product's stock (or takes from it, never below 0). Returns the new stock; undefined: no such product or too little. */
export async function changeStock(sql: Sql, productId: number, amount: number): Promise<number | undefined> {
  return sql.transaction(async (queries) => {
    const [row] = await queries.query<{ stock: number }>(
      "UPDATE inventory SET stock = stock + $2 WHERE product_id = $1 AND stock + $2 >= 0 RETURNING stock",
      [productId, amount],
    );
    if (row !== undefined)
      await queries.query("INSERT INTO outbox (tag) VALUES ($1)", [`stock-${productId}`]);
    return row?.stock;
  });
}

/** The stock of the products asked for; those that do not exist are left out. */
export async function readStock(sql: Sql, productIds: readonly number[]): Promise<Map<number, number>> {
  const rows = await sql.query<{ id: number; stock: number }>(
    "SELECT product_id AS id, stock FROM inventory WHERE product_id = ANY($1::int[])",
    [productIds],
  );
  return new Map(rows.map((row) => [row.id, row.stock]));
}

/** An order by its id, for whoever holds the id: it cannot be guessed. */
export async function findOrder(sql: Queries, id: string): Promise<Order | undefined> {
  const [row] = await sql.query<{ name: string; email: string; total: number; at: Date }>(
    "SELECT customer_name AS name, email, total_cents AS total, created_at AS at FROM orders WHERE id = $1",
    [id],
  );
  if (row === undefined) return undefined;
  const items = await sql.query<Order["items"][number]>(
    `SELECT product_id AS "productId", slug, name AS product, quantity, order_items.price_cents AS "priceCents"
     FROM order_items JOIN products ON products.id = product_id WHERE order_id = $1 ORDER BY product_id`,
    [id],
  );
  const { name, email, total, at } = row;
  return { id, name, email, totalCents: total, createdAt: at.toISOString(), items };
}

/** The latest orders, newest first. */
export async function recentOrders(sql: Sql, count: number): Promise<Order[]> {
  const rows = await sql.query<{ id: string }>(
    "SELECT id FROM orders ORDER BY created_at DESC, id LIMIT $1",
    [count],
  );
  const orders = await Promise.all(rows.map(({ id }) => findOrder(sql, id)));
  return orders.filter((order) => order !== undefined);
}

async function storedOrder(queries: Queries, id: string): Promise<Order> {
  const order = await findOrder(queries, id);
  if (order === undefined) throw new Error(`order ${id} vanished inside its own transaction`);
  return order;
}
