/** The pages for everybody that are not lists: home, product, flash sale. */
import { html } from "hono/html";
import { CATEGORIES, type Product } from "../catalog/index.ts";
import { imagePath } from "../catalog/media.ts";
import { grid, label, picture, type Markup } from "./layout.ts";
import { productTags } from "./listing.ts";
import { showShared, type Include, type ShopParts } from "./pages.ts";

/** Mounts `/` and `/sale`. */
export function mountLanding({ app, catalog, fragments, publicOrigin }: ShopParts): void {
  app.get("/", async (context) => {
    const [first, sale] = await Promise.all([catalog.list({ page: 1 }), catalog.sale()]);
    const [offers, featured] = [sale.slice(0, 4), first.products.slice(0, 8)];
    return showShared(
      context,
      fragments,
      ["catalog", "home", ...productTags([...offers, ...featured])],
      () => ({
        title: "Good things for every room",
        description: "Lamps, chairs, kettles and two hundred other things, made to be repaired.",
        canonical: `${publicOrigin}/`,
        body: home(featured, offers),
      }),
    );
  });

  app.get("/sale", async (context) => {
    const sale = await catalog.sale();
    return showShared(context, fragments, ["catalog", "sale", ...productTags(sale)], (include) => ({
      title: "Flash sale",
      description: "Eight pieces of the Ocaso line at 40% off, while they last.",
      canonical: `${publicOrigin}/sale`,
      body: saleBody(sale, include),
    }));
  });
}

/** Mounts `/product/<slug>`. */
export function mountProduct({ app, catalog, fragments, publicOrigin }: ShopParts): void {
  app.get("/product/:slug", async (context) => {
    const slug = context.req.param("slug");
    const product = /^[a-z-]{1,80}$/.test(slug) ? await catalog.find(slug) : undefined;
    if (product === undefined) {
      return showShared(
        context,
        fragments,
        ["catalog"],
        () => ({ title: "Not found", body: missing() }),
        404,
      );
    }
    const { products } = await catalog.list({ category: product.category, page: 1 });
    const similar = products.filter(({ id }) => id !== product.id).slice(0, 4);
    return showShared(context, fragments, ["catalog", ...productTags([product, ...similar])], (include) => ({
      title: product.name,
      description: product.summary,
      canonical: `${publicOrigin}/product/${product.slug}`,
      image: `${publicOrigin}${imagePath(product, 1280, "jpg")}`,
      body: productBody(product, similar, include),
    }));
  });
}

function home(featured: readonly Product[], offers: readonly Product[]): Markup {
  const [lead] = offers;
  return html`<section class="hero">
      <div>
        <h1>Good things for every room</h1>
        <p>Two hundred pieces in five materials. Every part that wears is sold on its own.</p>
        <p class="row">
          <a class="button" href="/catalog">See the catalog</a> <a href="/sale">Flash sale</a>
        </p>
      </div>
      ${lead === undefined ? "" : picture(lead, "(min-width: 48rem) 34rem, 100vw", true)}
    </section>
    <section aria-labelledby="rooms">
      <h2 id="rooms">By room</h2>
      <ul class="chips">
        ${CATEGORIES.map((category) => html`<li><a href="/catalog?category=${category}">${label(category)}</a></li>`)}
      </ul>
    </section>
    <section aria-labelledby="sale">
      <h2 id="sale">In the flash sale</h2>
      ${grid(offers)}
    </section>
    <section aria-labelledby="new">
      <h2 id="new">New this week</h2>
      ${grid(featured)}
    </section>`;
}

/** The page itself is kept for minutes; what is left of each product comes by a fragment that lives for seconds. */
function saleBody(sale: readonly Product[], include: Include): Markup {
  return html`<section class="banner">
      <h1>Flash sale</h1>
      <p>The Ocaso line at 40% off, forty of each. When they are gone, they are gone.</p>
    </section>
    ${grid(sale, ({ slug }) => include(`/fragments/product/${slug}/stock`))}`;
}

function productBody(product: Product, similar: readonly Product[], include: Include): Markup {
  const fragment = `/fragments/product/${product.slug}`;
  return html`<nav class="crumbs" aria-label="Breadcrumb">
      <a href="/catalog">Catalog</a> /
      <a href="/catalog?category=${product.category}">${label(product.category)}</a>
    </nav>
    <article class="product">
      <div class="art">${picture(product, "(min-width: 48rem) 34rem, 100vw", true)}</div>
      <div>
        <h1>${product.name}</h1>
        <p class="lead">${product.summary}</p>
        ${include(`${fragment}/price`)} ${include(`${fragment}/description`)}
      </div>
    </article>
    <section aria-labelledby="similar">
      <h2 id="similar">More for ${label(product.category).toLowerCase()}</h2>
      ${grid(similar)}
    </section>`;
}

function missing(): Markup {
  return html`<h1>We do not have that</h1>
    <p>
      The page may have moved, or the product is no longer made. <a href="/catalog">See the catalog</a>.
    </p>`;
}
