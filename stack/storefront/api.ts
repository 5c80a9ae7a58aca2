/** The cart and orders as JSON, for programs. Never cached. */
import { Hono, type Context } from "hono";
import * as z from "zod";
import { readJson } from "../bodies.ts";
import { currentPrice } from "../catalog/index.ts";
import { MAX_QUANTITY, orderSchema } from "../checkout/index.ts";
import { personal } from "./caching.ts";
import { cartLines, orderItems, total } from "./cart.ts";
import type { ShopParts } from "./pages.ts";

const cartChange = z.strictObject({
  productId: z.int32().positive(),
  quantity: z.int().min(0).max(MAX_QUANTITY),
});

/** A problem document (RFC 9457). */
export function problem(context: Context, status: 404 | 415 | 422 | 500 | 503, code: string): Response {
  personal(context);
  context.header("Content-Type", "application/problem+json");
  return context.body(JSON.stringify({ type: `urn:acme:problem:${code}`, title: code, status }), status);
}

/** Mounts `/api/*`; search is elsewhere, for it is for everybody. */
export function mountApi(parts: ShopParts): void {
  const api = new Hono();
  api.use(async (context, next) => {
    const type = context.req.header("Content-Type") ?? "";
    // A form of another site can send text/plain, never JSON.
    if (context.req.method !== "GET" && !/^application\/json\b/i.test(type)) {
      return problem(context, 415, "json-only");
    }
    await next();
    return personal(context);
  });
  cartRoutes(api, parts);
  orderRoutes(api, parts);
  api.all("*", (context) => problem(context, 404, "not-found"));
  parts.app.route("/api", api);
}

function cartRoutes(api: Hono, { catalog, sessions }: ShopParts): void {
  api.get("/cart", async (context) => {
    const lines = await cartLines(catalog, await sessions.open(context));
    const items = lines.map(({ product, quantity }) => ({
      productId: product.id,
      name: product.name,
      quantity,
      priceCents: currentPrice(product),
    }));
    return context.json({ items, totalCents: total(lines) });
  });
  api.post("/cart", async (context) => {
    const body = cartChange.safeParse(await readJson(context));
    if (!body.success) return problem(context, 422, "cart-invalid");
    const { productId, quantity } = body.data;
    if ((await catalog.withIds([productId])).length === 0) return problem(context, 422, "unknown-product");
    const session = await sessions.open(context);
    if ((await session.cart()).has(productId)) await session.change(productId, quantity);
    else if (quantity > 0) await session.add(productId, quantity);
    return context.json({ productId, quantity });
  });
}

/** An order of the items in the body or, without any, of the cart. checkout-api judges it and answers. */
function orderRoutes(api: Hono, { catalog, checkout, sessions }: ShopParts): void {
  api.post("/orders", async (context) => {
    const body = await readJson(context);
    if (typeof body !== "object" || body === null) return problem(context, 422, "order-invalid");
    const key = context.req.header("Idempotency-Key") ?? "";
    const session = await sessions.open(context);
    if ("items" in body) return passOn(await checkout.order(key, body));
    // The cart that this key ordered is empty by now; its order is still the answer.
    const before = await session.orderOf(key);
    if (before !== undefined) return context.json(await checkout.find(before));
    const items = orderItems(await cartLines(catalog, session));
    const answer = await checkout.order(key, { ...body, items });
    if (answer.ok) await session.ordered(key, orderSchema.parse(await answer.clone().json()));
    return passOn(answer);
  });
}

function passOn(answer: Response): Response {
  const type = answer.headers.get("Content-Type") ?? "application/json";
  return new Response(answer.body, { status: answer.status, headers: { "Content-Type": type } });
}
