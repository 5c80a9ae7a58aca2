/** Ordering, and what was ordered. A form sent twice is one order, whatever was lost in between. */
import { randomUUID } from "node:crypto";
import { html } from "hono/html";
import * as z from "zod";
import { readForm } from "../bodies.ts";
import { currentPrice } from "../catalog/index.ts";
import { orderSchema, type Order } from "../checkout/index.ts";
import { cartBody, cartLines, orderItems, total, type CartLine } from "./cart.ts";
import { CheckoutUnavailable } from "./checkout-client.ts";
import { money, type Markup } from "./layout.ts";
import { showOwn, type ShopParts } from "./pages.ts";

/** What the shopper typed, and the key that makes the order one. */
interface Typed {
  readonly name: string;
  readonly email: string;
  readonly key: string;
}

/** Mounts `/checkout`. */
export function mountPurchase({ app, catalog, checkout, sessions, fragments }: ShopParts): void {
  app.get("/checkout", async (context) => {
    const lines = await cartLines(catalog, await sessions.open(context));
    const body = checkoutBody(lines, { name: "", email: "", key: randomUUID() });
    return showOwn(context, fragments, { title: "Checkout", body });
  });

  app.post("/checkout", async (context) => {
    const form = await readForm(context);
    const text = (name: string): string => form.get(name) ?? "";
    const typed = { name: text("name"), email: text("email"), key: text("key") };
    const session = await sessions.open(context);
    // Sent twice (a double click, a reload): the first one's order is the answer.
    const before = await session.orderOf(typed.key);
    if (before !== undefined) return context.redirect(`/account?order=${before}`, 303);
    const lines = await cartLines(catalog, session);
    if (lines.length === 0) return context.redirect("/cart", 303);
    const { key, ...customer } = typed;
    const answer = await checkout.order(key, { ...customer, items: orderItems(lines) }).catch(unavailable);
    if (answer?.ok === true) {
      const order = orderSchema.parse(await answer.json());
      await session.ordered(key, order);
      return context.redirect(`/account?order=${order.id}`, 303);
    }
    const { status, notice } = await refusal(answer, lines);
    return showOwn(
      context,
      fragments,
      { title: "Checkout", body: checkoutBody(lines, typed, notice) },
      status,
    );
  });
}

/** Mounts `/account`. */
export function mountAccount({ app, checkout, sessions, fragments }: ShopParts): void {
  app.get("/account", async (context) => {
    const session = await sessions.open(context);
    const ids = (await session.orders()).slice(0, 20);
    const orders = (await Promise.all(ids.map((id) => checkout.find(id)))).filter(
      (order) => order !== undefined,
    );
    const body = accountBody(orders, context.req.query("order"));
    return showOwn(context, fragments, { title: "Your orders", body });
  });
}

/** No answer, as a value; anything else that went wrong is a bug and goes on. */
function unavailable(error: unknown): undefined {
  if (!(error instanceof CheckoutUnavailable)) throw error;
}

const shortage = z.object({ productId: z.int(), available: z.int() });

/** What to tell the shopper whose order was not taken, or who has no answer. */
async function refusal(
  answer: Response | undefined,
  lines: readonly CartLine[],
): Promise<{ status: 409 | 422 | 503; notice: string }> {
  if (answer === undefined) {
    // It may have been taken all the same; with the same key it is not taken twice.
    return {
      status: 503,
      notice: "We have no answer yet. Please send the order again: it will not be doubled.",
    };
  }
  if (answer.status !== 409) return { status: 422, notice: "Please check your name and e-mail address." };
  const { productId, available } = shortage.parse(await answer.json());
  const name = lines.find(({ product }) => product.id === productId)?.product.name ?? "One of these";
  const notice =
    available === 0
      ? `${name} has just sold out. Remove it to order the rest.`
      : `Only ${available} of ${name} are left. Change the quantity in your cart.`;
  return { status: 409, notice };
}

function checkoutBody(lines: readonly CartLine[], typed: Typed, notice?: string): Markup {
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
