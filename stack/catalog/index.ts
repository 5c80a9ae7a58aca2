/**
 * The door of the catalog: what the shop sells, read from SQL through the
 * key-value cache. Stock is not here: it belongs to checkout-api and is never
 * cached behind the edge, so that a purge at the edge is enough to show it.
 */
import * as z from "zod";
import type { KeyValue, Sql } from "../datastore/index.ts";
import { CATEGORIES } from "./seed.ts";

export { CATEGORIES, products as seedProducts, type SeedProduct } from "./seed.ts";

/** Prices are US cents. */
const productSchema = z.object({
  id: z.int(),
  slug: z.string(),
  name: z.string(),
  category: z.string(),
  summary: z.string(),
  description: z.string(),
  priceCents: z.int(),
  salePriceCents: z.int().nullable(),
});
export type Product = Readonly<z.infer<typeof productSchema>>;

export interface ProductQuery {
  readonly category?: string;
  /** Words that name, summary or category must all contain. */
  readonly search?: string;
  /** From 1. */
  readonly page: number;
}

const pageSchema = z.object({
  products: z.array(productSchema),
  total: z.int(),
  page: z.int(),
  pages: z.int(),
});
export type ProductPage = z.infer<typeof pageSchema>;

export interface Catalog {
  find(slug: string): Promise<Product | undefined>;
  list(query: ProductQuery): Promise<ProductPage>;
  /** The products with these ids, in no order; unknown ids are left out. */
  withIds(ids: readonly number[]): Promise<Product[]>;
  /** What is in the flash sale. */
  sale(): Promise<readonly Product[]>;
}

export const PAGE_SIZE = 24;
/** Seconds that the key-value cache keeps what was read. */
const CACHE_SECONDS = 60;
const COLUMNS = `id, slug, name, category, summary, description,
  price_cents AS "priceCents", sale_price_cents AS "salePriceCents"`;

/** What a shopper pays now, in cents. */
export function currentPrice(product: Product): number {
  return product.salePriceCents ?? product.priceCents;
}

/** A catalog over the store's database, with `cache` in front of it; a cache that fails is a miss. */
export function openCatalog(sql: Sql, cache: KeyValue): Catalog {
  const cached = async <Value>(
    key: string,
    schema: z.ZodType<Value>,
    load: () => Promise<Value>,
  ): Promise<Value> => {
    const held = await cache.get(key).catch(() => undefined);
    // What another version of the shop stored may not be what this one reads.
    const parsed = held === undefined ? undefined : schema.safeParse(JSON.parse(held));
    if (parsed?.success === true) return parsed.data;
    const value = await load();
    await cache.set(key, JSON.stringify(value), CACHE_SECONDS).catch(() => undefined);
    return value;
  };

  const list = async ({ category, search, page }: ProductQuery): Promise<ProductPage> => {
    const words = (search ?? "").toLowerCase().split(/\s+/).filter(Boolean).slice(0, 8);
    const rows = await sql.query<Product & { total: number }>(
      `SELECT ${COLUMNS}, count(*) OVER ()::int AS total FROM products
       WHERE ($1::text IS NULL OR category = $1)
         AND NOT EXISTS (SELECT FROM unnest($2::text[]) AS word
           WHERE position(word IN lower(name || ' ' || summary || ' ' || category)) = 0)
       ORDER BY id LIMIT $3 OFFSET $4`,
      [category ?? null, words, PAGE_SIZE, (page - 1) * PAGE_SIZE],
    );
    const total = rows[0]?.total ?? 0;
    return {
      products: rows.map(({ total: _total, ...product }) => product),
      total,
      page,
      pages: Math.max(1, Math.ceil(total / PAGE_SIZE)),
    };
  };

  return {
    find: (slug) =>
      cached(`product:${slug}`, productSchema.nullable(), async () => {
        const rows = await sql.query<Product>(`SELECT ${COLUMNS} FROM products WHERE slug = $1`, [slug]);
        return rows[0] ?? null;
      }).then((product) => product ?? undefined),
    list: (query) =>
      // Only the shop's own links are cached: anybody can make up any number of searches.
      query.search === undefined && (query.category === undefined || CATEGORIES.includes(query.category))
        ? cached(`list:${query.category ?? ""}:${query.page}`, pageSchema, () => list(query))
        : list(query),
    withIds: (ids) => sql.query<Product>(`SELECT ${COLUMNS} FROM products WHERE id = ANY($1::int[])`, [ids]),
    sale: () =>
      cached("sale", z.array(productSchema), () =>
        sql.query<Product>(`SELECT ${COLUMNS} FROM products WHERE sale_price_cents IS NOT NULL ORDER BY id`),
      ),
  };
}
