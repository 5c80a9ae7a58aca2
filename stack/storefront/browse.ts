/** The pages for everybody: home, catalog, product, flash sale. The same bytes for all, so the edge keeps them. */
import type { Context, Hono } from "hono";
import { etag, RETAINED_304_HEADERS } from "hono/etag";
import { html } from "hono/html";
import { CATEGORIES, type Catalog, type Product, type ProductPage } from "../catalog/index.ts";
import { imagePath } from "../catalog/media.ts";
import { PAGE, shared } from "./caching.ts";
import { compose, type Include } from "./fragments.ts";
import { grid, label, page, picture, type Markup, type PageParts } from "./layout.ts";

export interface BrowseParts {
  readonly app: Hono;
  readonly catalog: Catalog;
  readonly fragments: Hono;
  /** `https://store.acme.com`: the only origin that absolute URLs are made of, whatever Host says. */
  readonly publicOrigin: string;
}

const PUBLIC_PATHS = ["/", "/catalog", "/sale", "/product/*", "/fragments/product/*", "/api/search"];
const LONGEST_SEARCH = 80;
const LAST_PAGE = 1_000;

/** Mounts the pages. */
export function mountBrowse({ app, catalog, fragments, publicOrigin }: BrowseParts): void {
  const validated = etag({ retainedHeaders: [...RETAINED_304_HEADERS, "CDN-Cache-Control", "Cache-Tag"] });
  for (const path of PUBLIC_PATHS) app.use(path, validated);

  /** Answers with a shared page under these tags; the visitor's header comes by an include. */
  const show = (
    context: Context,
    tags: readonly string[],
    parts: (include: Include) => Omit<PageParts, "header">,
    status: 200 | 404 = 200,
  ): Response | Promise<Response> => {
    shared(context, PAGE, tags);
    const include = compose(context, fragments);
    return context.html(page({ ...parts(include), header: include("/fragments/header") }), status);
  };

  app.get("/", async (context) => {
    const [featured, sale] = await Promise.all([catalog.list({ page: 1 }), catalog.sale()]);
    return show(context, ["catalog", "home"], () => ({
      title: "Good things for every room",
      description: "Lamps, chairs, kettles and two hundred other things, made to be repaired.",
      canonical: `${publicOrigin}/`,
      body: home(featured.products, sale),
    }));
  });

  app.get("/catalog", async (context) => {
    const query = catalogQuery(context);
    const found = await catalog.list(query);
    const title = query.category === undefined ? "Catalog" : label(query.category);
    const tags = ["catalog", ...(query.category === undefined ? [] : [`category-${query.category}`])];
    return show(context, [...tags, ...found.products.map((product) => `product-${product.id}`)], () => ({
      title: found.page > 1 ? `${title}, page ${found.page}` : title,
      canonical: `${publicOrigin}${catalogLink(query, found.page)}`,
      body: catalogBody(found, query, title),
    }));
  });

  app.get("/sale", async (context) => {
    const sale = await catalog.sale();
    return show(
      context,
      ["catalog", "sale", ...sale.map((product) => `product-${product.id}`)],
      (include) => ({
        title: "Flash sale",
        description: "Eight pieces of the Ocaso line at 40% off, while they last.",
        canonical: `${publicOrigin}/sale`,
        body: saleBody(sale, include),
      }),
    );
  });

  app.get("/product/:slug", async (context) => {
    const slug = context.req.param("slug");
    const product = /^[a-z-]{1,80}$/.test(slug) ? await catalog.find(slug) : undefined;
    if (product === undefined) {
      return show(context, ["catalog"], () => ({ title: "Not found", body: missing() }), 404);
    }
    const similar = await catalog.list({ category: product.category, page: 1 });
    return show(context, ["catalog", `product-${product.id}`], (include) => ({
      title: product.name,
      description: product.summary,
      canonical: `${publicOrigin}/product/${product.slug}`,
      image: `${publicOrigin}${imagePath(product, 1280, "jpg")}`,
      body: productBody(product, similar.products, include),
    }));
  });

  app.get("/api/search", async (context) => {
    const query = catalogQuery(context);
    const { products, ...found } = await catalog.list(query);
    shared(context, PAGE, ["catalog", ...products.map((product) => `product-${product.id}`)]);
    return context.json({
      ...found,
      products: products.map((product) => ({
        id: product.id,
        slug: product.slug,
        name: product.name,
        category: product.category,
        priceCents: product.priceCents,
        salePriceCents: product.salePriceCents,
        url: `/product/${product.slug}`,
        image: imagePath(product, 640, "jpg"),
      })),
    });
  });
}

interface CatalogQuery {
  readonly page: number;
  readonly category?: string;
  readonly search?: string;
}

/** What was asked for, within bounds: anything else means the first page of everything. */
function catalogQuery(context: Context): CatalogQuery {
  const wanted = Number(context.req.query("page") ?? "1");
  const category = context.req.query("category");
  const search = context.req
    .query("q")
    ?.replaceAll(/\p{Cc}/gu, " ")
    .trim()
    .slice(0, LONGEST_SEARCH);
  return {
    page: Number.isInteger(wanted) && wanted >= 1 && wanted <= LAST_PAGE ? wanted : 1,
    ...(category !== undefined && CATEGORIES.includes(category) ? { category } : {}),
    ...(search === undefined || search === "" ? {} : { search }),
  };
}

function catalogLink(query: CatalogQuery, number: number): string {
  const parameters = new URLSearchParams();
  if (query.category !== undefined) parameters.set("category", query.category);
  if (query.search !== undefined) parameters.set("q", query.search);
  if (number > 1) parameters.set("page", String(number));
  return parameters.size === 0 ? "/catalog" : `/catalog?${parameters.toString()}`;
}

function home(featured: readonly Product[], sale: readonly Product[]): Markup {
  const [lead] = sale;
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
      ${grid(sale.slice(0, 4))}
    </section>
    <section aria-labelledby="new">
      <h2 id="new">New this week</h2>
      ${grid(featured.slice(0, 8))}
    </section>`;
}

function catalogBody(found: ProductPage, query: CatalogQuery, title: string): Markup {
  const heading = query.search === undefined ? title : `“${query.search}” in ${title}`;
  return html`<h1>${heading}</h1>
    <ul class="chips">
      <li><a href="/catalog" ${query.category === undefined ? html`aria-current="page"` : ""}>All</a></li>
      ${CATEGORIES.map(
        (category) =>
          html`<li>
            <a
              href="/catalog?category=${category}"
              ${category === query.category ? html`aria-current="page"` : ""}
              >${label(category)}</a
            >
          </li>`,
      )}
    </ul>
    <p class="muted">${found.total} ${found.total === 1 ? "product" : "products"}</p>
    ${found.products.length === 0 ? html`<p>Nothing here. <a href="/catalog">See everything</a>.</p>` : grid(found.products)}
    ${paging(found, query)}`;
}

function paging(found: ProductPage, query: CatalogQuery): Markup | string {
  if (found.pages === 1) return "";
  const link = (to: number, words: string, rel: string): Markup | string =>
    to < 1 || to > found.pages ? "" : html`<a rel="${rel}" href="${catalogLink(query, to)}">${words}</a>`;
  return html`<nav class="paging" aria-label="Pages">
    ${link(found.page - 1, "← Previous", "prev")}
    <span>Page ${found.page} of ${found.pages}</span>
    ${link(found.page + 1, "Next →", "next")}
  </nav>`;
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
      ${grid(similar.filter(({ id }) => id !== product.id).slice(0, 4))}
    </section>`;
}

function missing(): Markup {
  return html`<h1>We do not have that</h1>
    <p>
      The page may have moved, or the product is no longer made. <a href="/catalog">See the catalog</a>.
    </p>`;
}
