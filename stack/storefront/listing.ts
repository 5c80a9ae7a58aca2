/** Lists of products: the catalog's pages, and search for programs. The same for everybody. */
import type { Context } from "hono";
import { html } from "hono/html";
import { CATEGORIES, type Product, type ProductPage } from "../catalog/index.ts";
import { imagePath } from "../catalog/media.ts";
import { PAGE, shared } from "./caching.ts";
import { grid, label, type Markup } from "./layout.ts";
import { showShared, type ShopParts } from "./pages.ts";

const LONGEST_SEARCH = 80;
const LAST_PAGE = 1_000;

/** Mounts `/catalog` and `/api/search`. */
export function mountListing({ app, catalog, fragments, publicOrigin }: ShopParts): void {
  app.get("/catalog", async (context) => {
    const query = catalogQuery(context);
    const found = await catalog.list(query);
    const title = query.category === undefined ? "Catalog" : label(query.category);
    const tags = query.category === undefined ? [] : [`category-${query.category}`];
    return showShared(context, fragments, ["catalog", ...tags, ...productTags(found.products)], () => ({
      title: found.page > 1 ? `${title}, page ${found.page}` : title,
      canonical: `${publicOrigin}${catalogLink(query, found.page)}`,
      body: catalogBody(found, query, title),
    }));
  });

  app.get("/api/search", async (context) => {
    const { products, ...found } = await catalog.list(catalogQuery(context));
    shared(context, PAGE, ["catalog", ...productTags(products)]);
    return context.json({ ...found, products: products.map(summary) });
  });
}

/** The tags of everything that shows these products' names and prices. */
export function productTags(products: readonly Product[]): string[] {
  return products.map(({ id }) => `product-${id}`);
}

function summary(product: Product): object {
  const { id, slug, name, category, priceCents, salePriceCents } = product;
  const links = { url: `/product/${slug}`, image: imagePath(product, 640, "jpg") };
  return { id, slug, name, category, priceCents, salePriceCents, ...links };
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
