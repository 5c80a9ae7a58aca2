/** The storefront for programs and for its keepers: cart and orders as JSON, and the private admin page. */
import { Hono, type Context } from "hono";
import { html } from "hono/html";
import * as z from "zod";
import { readForm, readJson } from "../bodies.ts";
import { currentPrice, seedProducts } from "../catalog/index.ts";
import { MAX_QUANTITY, orderSchema } from "../checkout/index.ts";
import { cartLines, orderItems, type BuyParts } from "./buy.ts";
import { personal } from "./caching.ts";
import { money, page, type Markup } from "./layout.ts";

const cartChange = z.strictObject({
  productId: z.int32().positive(),
  quantity: z.int().min(0).max(MAX_QUANTITY),
});

/** A problem document (RFC 9457). */
export function problem(context: Context, status: 404 | 415 | 422 | 500 | 503, code: string): Response {
  context.header("Content-Type", "application/problem+json");
  return context.body(JSON.stringify({ type: `urn:acme:problem:${code}`, title: code, status }), status);
}

/** Mounts `/api/*` but search, which is for everybody. */
export function mountApi({ app, catalog, checkout, sessions }: BuyParts): void {
  const jsonOnly = new Hono();
  jsonOnly.use(async (context, next) => {
    const type = context.req.header("Content-Type") ?? "";
    // A form of another site can send text/plain, never JSON.
    if (context.req.method !== "GET" && !/^application\/json\b/i.test(type))
      return problem(context, 415, "json-only");
    await next();
    return personal(context);
  });

  const cart = async (context: Context): Promise<Response> => {
    const lines = await cartLines(catalog, await sessions.open(context));
    return context.json({
      items: lines.map(({ product, quantity }) => ({
        productId: product.id,
        name: product.name,
        quantity,
        priceCents: currentPrice(product),
      })),
      totalCents: lines.reduce((sum, { product, quantity }) => sum + currentPrice(product) * quantity, 0),
    });
  };
  jsonOnly.get("/cart", cart);
  jsonOnly.post("/cart", async (context) => {
    const body = cartChange.safeParse(await readJson(context));
    if (!body.success) return problem(context, 422, "cart-invalid");
    const { productId, quantity } = body.data;
    if ((await catalog.withIds([productId])).length === 0) return problem(context, 422, "unknown-product");
    const session = await sessions.open(context);
    if ((await session.cart()).has(productId)) await session.change(productId, quantity);
    else if (quantity > 0) await session.add(productId, quantity);
    return context.json({ productId, quantity });
  });

  /** An order of the items in the body or, without any, of the cart. checkout-api judges it and answers. */
  jsonOnly.post("/orders", async (context) => {
    const body: unknown = await readJson(context);
    if (typeof body !== "object" || body === null) return problem(context, 422, "order-invalid");
    const session = await sessions.open(context);
    const items = "items" in body ? body.items : orderItems(await cartLines(catalog, session));
    const key = context.req.header("Idempotency-Key") ?? "";
    const answer = await checkout.order(key, { ...body, items });
    const json: unknown = await answer.json();
    const order = orderSchema.safeParse(json);
    if (order.success && !("items" in body)) await session.ordered(key, order.data);
    return Response.json(json, {
      status: answer.status,
      headers: { "Content-Type": answer.headers.get("Content-Type") ?? "application/json" },
    });
  });
  jsonOnly.all("*", (context) => problem(context, 404, "not-found"));
  app.route("/api", jsonOnly);
}

/** Mounts `/admin/`. It asks for no credential: the edge lets nobody through to it without one. */
export function mountAdmin({ app, catalog, checkout }: BuyParts): void {
  app.get("/admin", (context) => context.redirect("/admin/", 308));
  app.get("/admin/", async (context) => {
    personal(context);
    const ids = seedProducts().map(({ id }) => id);
    const [stock, orders, products] = await Promise.all([
      checkout.stock(ids),
      checkout.recent(),
      catalog.withIds(ids),
    ]);
    const scarce = products
      .map((product) => ({ name: product.name, id: product.id, stock: stock.get(product.id) ?? 0 }))
      .toSorted((left, right) => left.stock - right.stock)
      .slice(0, 20);
    const header = html`<header class="top">
      <a class="brand" href="/admin/">Acme<span>Admin</span></a>
    </header>`;
    return context.html(page({ title: "Admin", header, body: adminBody(scarce, orders) }));
  });
  app.post("/admin/stock", async (context) => {
    personal(context);
    const form = await readForm(context);
    const [id, amount] = [Number(form.get("product")), Number(form.get("amount"))];
    const changed =
      Number.isInteger(id) && Number.isInteger(amount) && (await checkout.changeStock(id, amount));
    return changed ? context.redirect("/admin/", 303) : problem(context, 422, "stock-refused");
  });
}

function adminBody(
  scarce: readonly { name: string; id: number; stock: number }[],
  orders: readonly { id: string; email: string; totalCents: number }[],
): Markup {
  return html`<h1>Stock and orders</h1>
    <h2>Latest orders</h2>
    <ul class="plain">
      ${orders.map((order) => html`<li>${order.id.slice(0, 8)} ${order.email} <b>${money(order.totalCents)}</b></li>`)}
    </ul>
    <h2>Least stock</h2>
    <ul class="plain">
      ${scarce.map(
        (product) =>
          html`<li>
            <span>${product.name}</span> <b>${product.stock}</b>
            <form method="post" action="/admin/stock" class="row">
              <input type="hidden" name="product" value="${product.id}" />
              <input
                type="number"
                name="amount"
                value="10"
                aria-label="Add to the stock of ${product.name}"
              />
              <button class="quiet">Add</button>
            </form>
          </li>`,
      )}
    </ul>`;
}
