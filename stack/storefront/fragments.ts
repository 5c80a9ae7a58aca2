/**
 * The parts that pages are put together from, each with a lifetime of its own:
 * the header with the cart count is one visitor's, the description lives for
 * hours, price and stock for seconds.
 */
import { Hono } from "hono";
import { html } from "hono/html";
import { CATEGORIES, type Catalog, type Product } from "../catalog/index.ts";
import { dataSheetPath } from "../catalog/media.ts";
import { MAX_QUANTITY } from "../checkout/index.ts";
import { DESCRIPTION, personal, PRICE, shared } from "./caching.ts";
import { CheckoutUnavailable, type CheckoutClient } from "./checkout-client.ts";
import { label, price, type Markup } from "./layout.ts";
import type { Session, SessionStore } from "./session.ts";

export interface FragmentParts {
  readonly catalog: Catalog;
  readonly checkout: CheckoutClient;
  readonly sessions: SessionStore;
}

/** The fragments as an application of their own, mounted under `/fragments`. */
export function createFragments({ catalog, checkout, sessions }: FragmentParts): Hono {
  const fragments = new Hono();
  fragments.onError((error, context) => {
    personal(context);
    if (error instanceof CheckoutUnavailable) return context.text("", 503);
    process.emitWarning(error);
    return context.text("", 500);
  });
  fragments.get("/fragments/header", async (context) => {
    personal(context);
    return context.html(header(await cartCount(await sessions.open(context))));
  });
  fragments.get("/fragments/product/:slug{[a-z-]{1,80}}/description", async (context) => {
    const product = await catalog.find(context.req.param("slug"));
    if (product === undefined) return context.notFound();
    shared(context, DESCRIPTION, ["descriptions", `product-${product.id}`]);
    return context.html(description(product));
  });
  fragments.get("/fragments/product/:slug{[a-z-]{1,80}}/price", async (context) => {
    const product = await catalog.find(context.req.param("slug"));
    if (product === undefined) return context.notFound();
    const stock = (await checkout.stock([product.id])).get(product.id) ?? 0;
    shared(context, PRICE, ["prices", `product-${product.id}`, `stock-${product.id}`]);
    return context.html(buyBox(product, stock));
  });
  fragments.get("/fragments/product/:slug{[a-z-]{1,80}}/stock", async (context) => {
    const product = await catalog.find(context.req.param("slug"));
    if (product === undefined) return context.notFound();
    const stock = (await checkout.stock([product.id])).get(product.id) ?? 0;
    shared(context, PRICE, ["prices", `product-${product.id}`, `stock-${product.id}`]);
    return context.html(stockWords(stock));
  });
  return fragments;
}

/** Things in the cart; none when sessions cannot be read: a page is worth more than its counter. */
async function cartCount(session: Session): Promise<number> {
  const cart = await session.cart().catch(() => new Map<number, number>());
  return [...cart.values()].reduce((sum, quantity) => sum + quantity, 0);
}

function header(count: number): Markup {
  return html`<header class="top">
    <a class="brand" href="/">Acme<span>Store</span></a>
    <nav aria-label="Categories">
      <a class="hot" href="/sale">Flash sale</a>
      ${CATEGORIES.map((category) => html`<a href="/catalog?category=${category}">${label(category)}</a>`)}
    </nav>
    <form role="search" action="/catalog">
      <input type="search" name="q" aria-label="Search the shop" placeholder="Search" maxlength="80" />
    </form>
    <a class="cart" href="/cart" aria-label="Cart, ${count} ${count === 1 ? "thing" : "things"}">
      Cart <b>${count}</b>
    </a>
  </header>`;
}

function description(product: Product): Markup {
  return html`<section class="about">
    <h2>About it</h2>
    <p>${product.description}</p>
    <p><a href="${dataSheetPath(product)}">Data sheet (PDF)</a></p>
  </section>`;
}

function stockWords(stock: number): Markup {
  const state = stock === 0 ? "gone" : stock <= 10 ? "few" : "many";
  const words = { gone: "Sold out", few: `Only ${stock} left`, many: "In stock" }[state];
  return html`<p class="stock ${state}">${words}</p>`;
}

/** Price, stock and the button, as they are now. */
export function buyBox(product: Product, stock: number): Markup {
  return html`<section class="buy" aria-label="Price and stock">
    <p class="row">${price(product)}</p>
    ${stockWords(stock)}
    ${
      stock === 0
        ? html`<p class="muted">We expect more soon.</p>`
        : html`<form method="post" action="/cart">
            <input type="hidden" name="action" value="add" />
            <input type="hidden" name="product" value="${product.id}" />
            <label
              >Quantity
              <input
                type="number"
                name="quantity"
                value="1"
                min="1"
                max="${Math.min(stock, MAX_QUANTITY)}"
                required
            /></label>
            <button>Add to cart</button>
          </form>`
    }
  </section>`;
}
