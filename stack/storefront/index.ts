/**
 * The door of the storefront: the shop's pages and its JSON, rendered on the
 * server. Pages for everybody are cookie-free and tagged; a visitor's own are
 * never cached. It fails open for the cart count and closed for everything
 * that is bought.
 */
import { Hono } from "hono";
import { etag, RETAINED_304_HEADERS } from "hono/etag";
import { html } from "hono/html";
import { HTTPException } from "hono/http-exception";
import type { Catalog } from "../catalog/index.ts";
import type { KeyValue } from "../datastore/index.ts";
import { mountAdmin } from "./admin.ts";
import { mountApi, problem } from "./api.ts";
import { mountLanding, mountProduct } from "./browse.ts";
import { personal } from "./caching.ts";
import { mountCart } from "./cart.ts";
import { checkoutClient, CheckoutUnavailable } from "./checkout-client.ts";
import { createFragments } from "./fragments.ts";
import { page, STYLESHEET } from "./layout.ts";
import { mountListing } from "./listing.ts";
import { showOwn } from "./pages.ts";
import { mountAccount, mountPurchase } from "./purchase.ts";
import { openSessions } from "./session.ts";

export interface StorefrontOptions {
  readonly catalog: Catalog;
  readonly sessions: KeyValue;
  readonly checkoutUrl: string;
  /** Signs session ids; the same for all replicas. */
  readonly sessionSecret: string;
  /** `https://store.acme.com`, for absolute URLs. */
  readonly publicOrigin: string;
}

/** What is the same for everybody, and so has a validator. */
const PUBLIC_PATHS = ["/", "/catalog", "/sale", "/product/*", "/fragments/product/*", "/api/search"];
const MOUNTS = [
  mountLanding,
  mountListing,
  mountProduct,
  mountCart,
  mountPurchase,
  mountAccount,
  mountApi,
  mountAdmin,
];

/** One replica's application. */
export function createStorefront(options: StorefrontOptions): Hono {
  const app = new Hono();
  const checkout = checkoutClient(options.checkoutUrl);
  const sessions = openSessions(options.sessions, options.sessionSecret);
  const { catalog, publicOrigin } = options;
  const fragments = createFragments({ catalog, checkout, sessions });
  const parts = { app, catalog, checkout, sessions, fragments, publicOrigin };

  app.use(async (context, next) => {
    // SameSite=Lax already keeps cookies from other sites' forms; this refuses the forms themselves.
    const site = context.req.header("Sec-Fetch-Site");
    const foreign = site === "cross-site" || site === "same-site";
    if (foreign && !["GET", "HEAD"].includes(context.req.method))
      return context.text("cross-site request\n", 403);
    return next();
  });
  app.get("/healthz", (context) => {
    personal(context);
    return context.text("ok");
  });
  app.get(STYLESHEET.path, (context) => {
    context.header("Cache-Control", "public, max-age=31536000, immutable");
    context.header("Content-Type", "text/css; charset=utf-8");
    return context.body(STYLESHEET.text);
  });
  const validated = etag({ retainedHeaders: [...RETAINED_304_HEADERS, "CDN-Cache-Control", "Cache-Tag"] });
  for (const path of PUBLIC_PATHS) app.use(path, validated);
  for (const mount of MOUNTS) mount(parts);
  app.route("/", fragments);

  app.notFound((context) => {
    const body = html`<h1>There is nothing here</h1>
      <p><a href="/catalog">See the catalog</a>.</p>`;
    return showOwn(context, fragments, { title: "Not found", body }, 404);
  });
  app.onError((error, context) => {
    personal(context);
    if (error instanceof HTTPException) return context.text(`${error.message}\n`, error.status);
    const status = error instanceof CheckoutUnavailable ? 503 : 500;
    if (status === 500) process.emitWarning(error);
    if (context.req.path.startsWith("/api/")) return problem(context, status, "unavailable");
    const body = html`<h1>Something broke</h1>
      <p>It is our fault, not yours. Please try again.</p>`;
    return context.html(page({ title: "Error", header: "", body }), status);
  });
  return app;
}
