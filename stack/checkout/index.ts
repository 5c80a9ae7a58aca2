/**
 * The door of checkout-api: orders and stock over HTTP, as JSON, for the
 * storefront. It fails closed: an order that cannot be written is not taken.
 *
 * POST /orders (Idempotency-Key) · GET /orders · GET /orders/<id> · GET /stock?id=1,2 · POST /stock/<id> · GET /healthz
 */
import { Hono, type Context } from "hono";
import { HTTPException } from "hono/http-exception";
import * as z from "zod";
import { readJson } from "../bodies.ts";
import type { Sql } from "../datastore/index.ts";
import { changeStock, findOrder, placeOrder, readStock, recentOrders, type PlacedOrder } from "./orders.ts";

export { openOutbox, type Outbox, type OutboxOptions } from "./outbox.ts";
export { orderSchema, type Order } from "./orders.ts";

/** What may be ordered at once; the storefront shows the same limits in its forms. */
export const MAX_QUANTITY = 10;
const MAX_LINES = 50;
const RECENT = 10;

const orderRequest = z.strictObject({
  name: z
    .string()
    .trim()
    .regex(/^\P{Cc}{1,120}$/u),
  email: z.email().max(254),
  items: z
    .array(z.strictObject({ productId: z.int32().positive(), quantity: z.int().min(1).max(MAX_QUANTITY) }))
    .min(1)
    .max(MAX_LINES),
});
const stockChange = z.strictObject({ amount: z.int().min(-100_000).max(100_000) });
const idempotencyKey = z.string().regex(/^[\x21-\x7e]{8,200}$/);

/** Stops the request with a problem document (RFC 9457). */
function problem(
  context: Context,
  status: 400 | 404 | 409 | 413 | 422 | 500,
  code: string,
  more: object = {},
): Response {
  context.header("Content-Type", "application/problem+json");
  return context.body(
    JSON.stringify({ type: `urn:acme:problem:${code}`, title: code, status, ...more }),
    status,
  );
}

/** The application; `stockChanged` is called after every change of stock was committed. */
export function createCheckout(sql: Sql, stockChanged: () => void): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    context.header("Cache-Control", "no-store");
  });
  app.onError((error, context) => {
    if (error instanceof HTTPException)
      return problem(context, error.status === 413 ? 413 : 400, "body-unreadable");
    process.emitWarning(error);
    return problem(context, 500, "internal");
  });
  app.notFound((context) => problem(context, 404, "not-found"));
  app.get("/healthz", async (context) => {
    await sql.query("SELECT 1");
    return context.text("ok");
  });

  app.post("/orders", async (context) => {
    const key = idempotencyKey.safeParse(context.req.header("Idempotency-Key"));
    if (!key.success) return problem(context, 400, "idempotency-key-missing");
    const body = orderRequest.safeParse(await readJson(context));
    if (!body.success) return problem(context, 422, "order-invalid", { detail: z.prettifyError(body.error) });
    const placed = await placeOrder(sql, key.data, body.data);
    if (placed.outcome === "placed") stockChanged();
    return orderAnswer(context, placed);
  });
  app.get("/orders", async (context) => context.json(await recentOrders(sql, RECENT)));
  app.get("/orders/:id{[0-9a-f-]{36}}", async (context) => {
    const order = await findOrder(sql, context.req.param("id"));
    return order === undefined ? problem(context, 404, "not-found") : context.json(order);
  });

  app.get("/stock", async (context) => {
    const ids = (context.req.query("id") ?? "").split(",").map(Number);
    if (ids.length > 1_000 || !ids.every((id) => Number.isSafeInteger(id) && id > 0 && id < 2 ** 31)) {
      return problem(context, 400, "id-invalid");
    }
    return context.json(Object.fromEntries(await readStock(sql, ids)));
  });
  app.post("/stock/:id{[0-9]{1,9}}", async (context) => {
    const body = stockChange.safeParse(await readJson(context));
    if (!body.success) return problem(context, 422, "amount-invalid");
    const stock = await changeStock(sql, Number(context.req.param("id")), body.data.amount);
    if (stock === undefined) return problem(context, 409, "stock-refused");
    stockChanged();
    return context.json({ stock });
  });
  return app;
}

function orderAnswer(context: Context, placed: PlacedOrder): Response {
  switch (placed.outcome) {
    case "placed":
      return context.json(placed.order, 201);
    case "repeated":
      return context.json(placed.order, 200);
    case "out-of-stock":
      return problem(context, 409, "out-of-stock", {
        productId: placed.productId,
        available: placed.available,
      });
    case "unknown-product":
      return problem(context, 422, "unknown-product", { productId: placed.productId });
    case "key-reused":
      return problem(context, 422, "idempotency-key-reused");
    default:
      return placed satisfies never;
  }
}
