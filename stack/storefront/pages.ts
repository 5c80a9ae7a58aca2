/**
 * Puts pages together. A surrogate that says it can
 * (`Surrogate-Capability: ...="ESI/1.0"`) gets the fragments' places and
 * composes at the edge; without one the storefront does it here, from the same
 * fragments.
 */
import type { Context, Hono } from "hono";
import { raw } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import { PAGE, personal, shared } from "./caching.ts";
import type { FragmentParts } from "./fragments.ts";
import { page, type Markup, type PageParts } from "./layout.ts";

/** What the storefront's pages are made with. */
export interface ShopParts extends FragmentParts {
  readonly app: Hono;
  readonly fragments: Hono;
  /** `https://store.acme.com`: the only origin that absolute URLs are made of, whatever Host says. */
  readonly publicOrigin: string;
}

/** Answers with a page for everybody, under these tags; the visitor's header comes by an include. */
export function showShared(
  context: Context,
  fragments: Hono,
  tags: readonly string[],
  parts: (include: Include) => Omit<PageParts, "header">,
  status: 200 | 404 = 200,
): Response | Promise<Response> {
  shared(context, PAGE, tags);
  const include = compose(context, fragments);
  return context.html(page({ ...parts(include), header: include("/fragments/header") }), status);
}

/** Answers with one visitor's page, composed here whatever the edge can do: nobody else will see it. */
export function showOwn(
  context: Context,
  fragments: Hono,
  parts: { readonly title: string; readonly body: Markup },
  status: 200 | 404 | 409 | 422 | 503 = 200,
): Response | Promise<Response> {
  personal(context);
  return context.html(page({ ...parts, header: inline(context, fragments)("/fragments/header") }), status);
}

/** Puts a fragment's place, or the fragment itself, into a page. */
export type Include = (source: string) => HtmlEscapedString | Promise<HtmlEscapedString>;

/** Decides who composes the page that answers this request, and says so in its headers. Called after `shared`. */
function compose(context: Context, fragments: Hono): Include {
  const capability = context.req.header("Surrogate-Capability") ?? "";
  if (/=\s*"[^"]*\bESI\/1\.0/.test(capability)) {
    context.header("Surrogate-Control", 'content="ESI/1.0"');
    return (source) => raw(`<esi:include src="${source}" onerror="continue"/>`);
  }
  context.header("Vary", "Surrogate-Capability, Cookie");
  // A page with one visitor's header in it is that visitor's.
  if (/(?:^|[;\s])sid=/.test(context.req.header("Cookie") ?? "")) personal(context);
  return inline(context, fragments);
}

function inline(context: Context, fragments: Hono): Include {
  const cookie = context.req.header("Cookie");
  return async (source) => {
    const answer = await fragments.request(source, {
      headers: cookie === undefined ? {} : { Cookie: cookie },
    });
    return raw(answer.ok ? await answer.text() : "");
  };
}
