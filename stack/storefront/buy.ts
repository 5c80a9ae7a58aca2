/** The pages of one visitor: cart, checkout, orders. Never cached, and they work without JavaScript. */
import { randomUUID } from "node:crypto";
import type { Context, Hono } from "hono";
import { html } from "hono/html";
import * as z from "zod";
import { readForm } from "../bodies.ts";
import { currentPrice, type Catalog, type Product } from "../catalog/index.ts";
import { MAX_QUANTITY, orderSchema, type Order } from "../checkout/index.ts";
import { personal } from "./caching.ts";
import { CheckoutUnavailable, type CheckoutClient } from "./checkout-client.ts";
import { inline } from "./fragments.ts";
import { money, page, picture, type Markup } from "./layout.ts";
import type { Session, SessionStore } from "./session.ts";

export interface BuyParts {
  readonly app: Hono;
  readonly catalog: Catalog;
  readonly checkout: CheckoutClient;
  readonly sessions: SessionStore;
  readonly fragments: Hono;
}

/** A line of the cart, with what it costs now. */
export interface CartLine {
  readonly product: Product;
  readonly quantity: number;
}

/** Mounts the pages. */
export function mountBuy({ app, catalog, checkout, sessions, fragments }: BuyParts): void {
  const show = (context: Context, title: string, body: Markup, status: 200 | 409 | 422 | 503 = 200) => {
    personal(context);
    return context.html(
      page({ title, header: inline(context, fragments)("/fragments/header"), body }),
      status,
    );
  };

  app.get("/cart", async (context) => {
    const lines = await cartLines(catalog, await sessions.open(context));
    return show(context, "Cart", cartBody(lines));
  });
  app.post("/cart", async (context) => {
    personal(context);
    const form = await readForm(context);
    const productId = wholeNumber(form.get("product"));
    const action = form.get("action");
    const quantity = action === "remove" ? 0 : wholeNumber(form.get("quantity") ?? "1");
    const [product] = productId === undefined ? [] : await catalog.withIds([productId]);
    if (product === undefined || quantity === undefined || quantity > MAX_QUANTITY) {
      return show(
        context,
        "Cart",
        html`<h1>That did not work</h1>
          <p>The product or quantity is not one we have. <a href="/cart">Back to the cart</a>.</p>`,
        422,
      );
    }
    const session = await sessions.open(context);
    if (action === "add") await session.add(product.id, Math.max(1, quantity));
    else await session.change(product.id, quantity);
    return context.redirect("/cart", 303);
  });

  app.get("/checkout", async (context) => {
    const lines = await cartLines(catalog, await sessions.open(context));
    return show(context, "Checkout", checkoutBody(lines, { name: "", email: "", key: randomUUID() }));
  });
  app.post("/checkout", async (context) => {
    personal(context);
    const form = await readForm(context);
    const [name, email, key] = [text(form, "name"), text(form, "email"), text(form, "key")];
    const session = await sessions.open(context);
    // Sent twice (a double click, a reload): the first one's order is the answer.
    const before = await session.orderOf(key);
    if (before !== undefined) return context.redirect(`/account?order=${before}`, 303);
    const lines = await cartLines(catalog, session);
    if (lines.length === 0) return context.redirect("/cart", 303);
    const refused = (notice: string, status: 409 | 422 | 503): Response | Promise<Response> =>
      show(context, "Checkout", checkoutBody(lines, { name, email, key }, notice), status);
    const answer = await checkout.order(key, { name, email, items: orderItems(lines) }).catch(unavailable);
    switch (answer?.status) {
      case 200:
      case 201: {
        const order = orderSchema.parse(await answer.json());
        await session.ordered(key, order);
        return context.redirect(`/account?order=${order.id}`, 303);
      }
      case 409:
        return refused(await soldOut(answer, lines), 409);
      case undefined:
        // It may have been taken all the same; with the same key it is not taken twice.
        return refused("We have no answer yet. Please send the order again: it will not be doubled.", 503);
      default:
        return refused("Please check your name and e-mail address.", 422);
    }
  });

  app.get("/account", async (context) => {
    const session = await sessions.open(context);
    const ids = (await session.orders()).slice(0, 20);
    const orders = (await Promise.all(ids.map((id) => checkout.find(id)))).filter(
      (order) => order !== undefined,
    );
    return show(context, "Your orders", accountBody(orders, context.req.query("order")));
  });
}

/** The cart with its products; what is no longer sold is left out. */
export async function cartLines(catalog: Catalog, session: Session): Promise<CartLine[]> {
  const cart = await session.cart();
  if (cart.size === 0) return [];
  const products = new Map((await catalog.withIds([...cart.keys()])).map((product) => [product.id, product]));
  return [...cart].flatMap(([id, quantity]) => {
    const product = products.get(id);
    return product === undefined ? [] : [{ product, quantity }];
  });
}

/** The lines as checkout-api takes them. */
export function orderItems(lines: readonly CartLine[]): { productId: number; quantity: number }[] {
  return lines.map(({ product, quantity }) => ({ productId: product.id, quantity }));
}

function text(form: URLSearchParams, name: string): string {
  return form.get(name) ?? "";
}

function wholeNumber(value: string | null): number | undefined {
  return value !== null && /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}

/** No answer, as a value; anything else that went wrong is a bug and goes on. */
function unavailable(error: unknown): undefined {
  if (!(error instanceof CheckoutUnavailable)) throw error;
}

const shortage = z.object({ productId: z.int(), available: z.int() });

async function soldOut(answer: Response, lines: readonly CartLine[]): Promise<string> {
  const problem = shortage.parse(await answer.json());
  const name = lines.find(({ product }) => product.id === problem.productId)?.product.name ?? "One of these";
  if (problem.available === 0) return `${name} has just sold out. Remove it to order the rest.`;
  return `Only ${problem.available} of ${name} are left. Change the quantity in your cart.`;
}

function total(lines: readonly CartLine[]): number {
  return lines.reduce((sum, { product, quantity }) => sum + currentPrice(product) * quantity, 0);
}

function cartBody(lines: readonly CartLine[]): Markup {
  if (lines.length === 0) {
    return html`<h1>Your cart is empty</h1>
      <p><a class="button" href="/catalog">See the catalog</a></p>`;
  }
  return html`<h1>Your cart</h1>
    <ul class="lines">
      ${lines.map(cartLine)}
    </ul>
    <p class="total">Total <b>${money(total(lines))}</b></p>
    <p class="row">
      <a class="button" href="/checkout">To the checkout</a> <a href="/catalog">Keep looking</a>
    </p>`;
}

function cartLine({ product, quantity }: CartLine): Markup {
  const hidden = html`<input type="hidden" name="product" value="${product.id}" />`;
  return html`<li>
    ${picture(product, "6rem")}
    <div>
      <a href="/product/${product.slug}">${product.name}</a>
      <p class="muted">${money(currentPrice(product))} each</p>
      <div class="row">
        <form method="post" action="/cart" class="row">
          ${hidden}<input type="hidden" name="action" value="update" />
          <input
            type="number"
            name="quantity"
            value="${quantity}"
            min="0"
            max="${MAX_QUANTITY}"
            required
            aria-label="Quantity of ${product.name}"
          />
          <button class="quiet">Update</button>
        </form>
        <form method="post" action="/cart">
          ${hidden}<input type="hidden" name="action" value="remove" />
          <button class="quiet" aria-label="Remove ${product.name}">Remove</button>
        </form>
      </div>
    </div>
    <b>${money(currentPrice(product) * quantity)}</b>
  </li>`;
}

function checkoutBody(
  lines: readonly CartLine[],
  typed: { name: string; email: string; key: string },
  notice?: string,
): Markup {
  if (lines.length === 0) return cartBody(lines);
  return html`<h1>Checkout</h1>
    ${notice === undefined ? "" : html`<p class="notice" role="alert">${notice} <a href="/cart">Your cart</a></p>`}
    <div class="checkout">
      <form method="post" action="/checkout">
        <input type="hidden" name="key" value="${typed.key}" />
        <label
          >Name <input name="name" autocomplete="name" required maxlength="120" value="${typed.name}"
        /></label>
        <label
          >E-mail
          <input
            type="email"
            name="email"
            autocomplete="email"
            required
            maxlength="254"
            value="${typed.email}"
        /></label>
        <p class="muted">You pay when it arrives.</p>
        <button>Order for ${money(total(lines))}</button>
      </form>
      <section aria-labelledby="summary">
        <h2 id="summary">What you order</h2>
        <ul class="plain">
          ${lines.map(
            ({ product, quantity }) =>
              html`<li>${quantity} × ${product.name} <b>${money(currentPrice(product) * quantity)}</b></li>`,
          )}
        </ul>
      </section>
    </div>`;
}

function accountBody(orders: readonly Order[], placed: string | undefined): Markup {
  const thanks = orders.some(({ id }) => id === placed)
    ? html`<p class="notice good" role="status">Thank you. Your order is in.</p>`
    : "";
  return html`<h1>Your orders</h1>
    ${thanks}
    ${
      orders.length === 0
        ? html`<p>No orders yet. <a href="/catalog">See the catalog</a>.</p>`
        : html`<ul class="orders">
            ${orders.map(
              (order) =>
                html`<li id="order-${order.id}">
                  <p class="row">
                    <b>${order.id.slice(0, 8)}</b>
                    <time datetime="${order.createdAt}"
                      >${order.createdAt.slice(0, 16).replace("T", " ")}</time
                    >
                    <b>${money(order.totalCents)}</b>
                  </p>
                  <ul class="plain">
                    ${order.items.map(
                      (item) =>
                        html`<li>${item.quantity} × <a href="/product/${item.slug}">${item.product}</a></li>`,
                    )}
                  </ul>
                </li>`,
            )}
          </ul>`
    }`;
}
