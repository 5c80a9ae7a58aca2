/** The shop's keepers' page: latest orders, least stock. It asks for no credential: the edge lets nobody through without one. */
import { html } from "hono/html";
import { readForm } from "../bodies.ts";
import { seedProducts } from "../catalog/index.ts";
import { problem } from "./api.ts";
import { personal } from "./caching.ts";
import { money, page, type Markup } from "./layout.ts";
import type { ShopParts } from "./pages.ts";

/** Mounts `/admin/`. */
export function mountAdmin({ app, catalog, checkout }: ShopParts): void {
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
