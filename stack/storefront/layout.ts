/** The frame of every page, and the pieces that several pages share. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { html } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import { currentPrice, type Product } from "../catalog/index.ts";
import { IMAGE_WIDTHS, imagePath } from "../catalog/media.ts";

/** Escaped markup, or a promise of it: `html` takes both. */
export type Markup = ReturnType<typeof html>;

type Note = HtmlEscapedString | Promise<HtmlEscapedString> | "";

const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });

/** `12345` as `$123.45`. */
export function money(cents: number): string {
  return dollars.format(cents / 100);
}

/** The stylesheet, under a name that changes with its content. */
export const STYLESHEET = asset("shop.css");

function asset(file: string): { readonly path: string; readonly text: string } {
  const text = readFileSync(new URL(file, import.meta.url), "utf8");
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 10);
  return { path: `/assets/${hash}-${file}`, text };
}

export interface PageParts {
  readonly title: string;
  readonly description?: string;
  /** Absolute URL of the page itself. */
  readonly canonical?: string;
  readonly image?: string;
  readonly header: Markup | string;
  readonly body: Markup;
}

/** A whole page. */
export function page({ title, description, canonical, image, header, body }: PageParts): Markup {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>${title} · Acme Store</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        ${description === undefined ? "" : html`<meta name="description" content="${description}" />`}
        ${canonical === undefined ? "" : html`<link rel="canonical" href="${canonical}" />`}
        ${image === undefined ? "" : html`<meta property="og:image" content="${image}" />`}
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="${STYLESHEET.path}" />
      </head>
      <body>
        <a class="skip" href="#main">Skip to content</a>
        ${header}
        <main id="main">${body}</main>
        <footer>
          <p>Acme Store: good things for every room, made to be repaired.</p>
          <nav aria-label="Footer">
            <a href="/catalog">Catalog</a> <a href="/sale">Flash sale</a> <a href="/cart">Cart</a>
            <a href="/account">Your orders</a>
          </nav>
        </footer>
      </body>
    </html>`;
}

/** A product's picture at the sizes screens ask for. `eager` for the one the page is about. */
export function picture(product: Product, sizes: string, eager = false): Markup {
  const sources = IMAGE_WIDTHS.map((width) => `${imagePath(product, width, "webp")} ${width}w`).join(", ");
  return html`<img
    src="${imagePath(product, 640, "jpg")}"
    srcset="${sources}"
    sizes="${sizes}"
    width="640"
    height="640"
    alt="${product.name}"
    ${eager ? html`fetchpriority="high"` : html`loading="lazy"`}
    decoding="async"
  />`;
}

/** A price, with the one it was before a sale. */
export function price(product: Product): Markup {
  if (product.salePriceCents === null) return html`<span class="price">${money(product.priceCents)}</span>`;
  return html`<span class="price sale">${money(currentPrice(product))}</span>
    <s class="before"><span class="hidden">was </span>${money(product.priceCents)}</s>`;
}

/** Products side by side, each with `note` (markup, or a place for it) below. */
export function grid(products: readonly Product[], note: (product: Product) => Note = () => ""): Markup {
  return html`<ul class="grid">
    ${products.map(
      (product) =>
        html`<li class="card">
          <a href="/product/${product.slug}">
            ${picture(product, "(min-width: 72rem) 16rem, (min-width: 48rem) 24vw, 46vw")}
            <span class="name">${product.name}</span>
            <span class="row">${price(product)}</span>
          </a>
          ${note(product)}
          ${product.salePriceCents === null ? "" : html`<span class="badge">Flash sale</span>`}
        </li>`,
    )}
  </ul>`;
}

/** `lighting` as `Lighting`. */
export function label(category: string): string {
  return category.charAt(0).toUpperCase() + category.slice(1);
}
