/** The cart, as a page that works without JavaScript. Never cached. */
import { html } from "hono/html";
import { readForm } from "../bodies.ts";
import { currentPrice, type Catalog, type Product } from "../catalog/index.ts";
import { MAX_QUANTITY } from "../checkout/index.ts";
import { personal } from "./caching.ts";
import { money, picture, type Markup } from "./layout.ts";
import { showOwn, type ShopParts } from "./pages.ts";
import type { Session } from "./session.ts";

/** A line of the cart, with what it costs now. */
export interface CartLine {
  readonly product: Product;
  readonly quantity: number;
}

/** Mounts `/cart`. */
export function mountCart({ app, catalog, sessions, fragments }: ShopParts): void {
  app.get("/cart", async (context) => {
    const lines = await cartLines(catalog, await sessions.open(context));
    return showOwn(context, fragments, { title: "Cart", body: cartBody(lines) });
  });

  app.post("/cart", async (context) => {
    personal(context);
    const form = await readForm(context);
    const productId = wholeNumber(form.get("product"));
    const action = form.get("action");
    const quantity = action === "remove" ? 0 : wholeNumber(form.get("quantity") ?? "1");
    const [product] = productId === undefined ? [] : await catalog.withIds([productId]);
    if (product === undefined || quantity === undefined || quantity > MAX_QUANTITY) {
      return showOwn(context, fragments, { title: "Cart", body: refusal() }, 422);
    }
    const session = await sessions.open(context);
    if (action === "add") await session.add(product.id, Math.max(1, quantity));
    else await session.change(product.id, quantity);
    return context.redirect("/cart", 303);
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

function wholeNumber(value: string | null): number | undefined {
  return value !== null && /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}

/** What it all costs now, in cents. */
export function total(lines: readonly CartLine[]): number {
  return lines.reduce((sum, { product, quantity }) => sum + currentPrice(product) * quantity, 0);
}

function refusal(): Markup {
  return html`<h1>That did not work</h1>
    <p>The product or quantity is not one we have. <a href="/cart">Back to the cart</a>.</p>`;
}

/** The cart, or that it is empty. */
export function cartBody(lines: readonly CartLine[]): Markup {
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
