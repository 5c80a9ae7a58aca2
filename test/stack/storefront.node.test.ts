/** The storefront as the edge and the shopper see it: what may be cached, what never is, and buying without JavaScript. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startStack, type Stack } from "../../stack/index.ts";

const SURROGATE = { "Surrogate-Capability": 'edge="ESI/1.0"' };
const PRODUCT = "/product/alba-desk-lamp";
let stack: Stack;
let origin: string;
const purged: string[] = [];

beforeAll(async () => {
  stack = await startStack({
    zones: 1,
    edgePurge: async (tags) => {
      purged.push(...tags);
    },
  });
  origin = stack.storefrontOrigins[0] ?? "";
});
afterAll(() => stack.close());

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(origin + path, { headers, redirect: "manual" });
const post = (
  path: string,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Response> =>
  fetch(origin + path, { method: "POST", headers, body: new URLSearchParams(fields), redirect: "manual" });

/** Sends a form of unknown length, as a proxy does that does not wait for the end. */
function stream(path: string, pieces: string[]): Promise<Response> {
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const piece = pieces.shift();
      if (piece === undefined) controller.close();
      else controller.enqueue(new TextEncoder().encode(piece));
    },
  });
  const headers = { "Content-Type": "application/x-www-form-urlencoded" };
  const init: RequestInit & { duplex: "half" } = {
    method: "POST",
    headers,
    body,
    duplex: "half",
    redirect: "manual",
  };
  return fetch(origin + path, init);
}

/** Puts things into a new cart and returns the session's cookie. */
async function cartWith(product: number, quantity: number, cookie = ""): Promise<string> {
  const fields = { action: "add", product: String(product), quantity: String(quantity) };
  const answer = await post("/cart", fields, cookie === "" ? {} : { cookie });
  expect([answer.status, answer.headers.get("Location")]).toEqual([303, "/cart"]);
  return cookie === "" ? (answer.headers.get("Set-Cookie")?.split(";")[0] ?? "") : cookie;
}
const formKey = async (cookie: string): Promise<string> =>
  /name="key" value="([^"]+)"/.exec(await (await get("/checkout", { cookie })).text())?.[1] ?? "";

describe("pages for everybody", () => {
  const pages = ["/", "/catalog", "/catalog?category=audio&page=2", "/catalog?q=lamp", "/sale", PRODUCT];

  test.each(pages)("%s is the same for all, tagged, validated, and sets no cookie", async (path) => {
    const cookie = await cartWith(3, 1);
    const [anonymous, known] = await Promise.all([get(path, SURROGATE), get(path, { ...SURROGATE, cookie })]);
    expect(anonymous.status).toBe(200);
    expect(await anonymous.text()).toBe(await known.text());
    for (const answer of [anonymous, known]) {
      expect(answer.headers.get("Set-Cookie")).toBeNull();
      expect(answer.headers.get("Surrogate-Control")).toBe('content="ESI/1.0"');
      expect(answer.headers.get("CDN-Cache-Control")).toMatch(/^max-age=300, stale-while-revalidate=600/);
      expect(answer.headers.get("Cache-Control")).toMatch(/^public, max-age=0/);
      expect(answer.headers.get("Cache-Tag")?.split(",")).toContain("catalog");
    }
    const etag = anonymous.headers.get("ETag") ?? "";
    const again = await get(path, { ...SURROGATE, "If-None-Match": etag });
    expect([again.status, again.headers.get("ETag"), again.headers.get("Cache-Tag")]).toEqual([
      304,
      etag,
      anonymous.headers.get("Cache-Tag"),
    ]);
  });

  test("without a surrogate the page is composed here, and is the visitor's own when there is one", async () => {
    const plain = await get(PRODUCT);
    const html = await plain.text();
    expect(html).not.toContain("esi:include");
    expect(html).toContain("Add to cart");
    expect(html).toContain("About it");
    expect(plain.headers.get("Vary")).toBe("Surrogate-Capability, Cookie");
    const cookie = await cartWith(1, 2);
    const own = await get(PRODUCT, { cookie });
    expect(own.headers.get("Cache-Control")).toBe("private, no-store");
    expect(own.headers.get("CDN-Cache-Control")).toBeNull();
    expect(own.headers.get("Cache-Tag")).toBeNull();
    expect(await own.text()).toContain("Cart, 2 things");
  });

  test("the product page is assembled from three fragments with lifetimes of their own", async () => {
    const html = await (await get(PRODUCT, SURROGATE)).text();
    const sources = [...html.matchAll(/<esi:include src="([^"]+)" onerror="continue"\/>/g)].map(
      ([, source]) => source ?? "",
    );
    expect(sources).toEqual([
      "/fragments/header",
      `/fragments${PRODUCT}/price`,
      `/fragments${PRODUCT}/description`,
    ]);
    const answers = await Promise.all(sources.map((source) => get(source)));
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200]);
    const lifetime = (answer: Response | undefined): string =>
      (answer?.headers.get("CDN-Cache-Control") ?? answer?.headers.get("Cache-Control") ?? "").split(
        ", stale",
      )[0] ?? "";
    expect(answers.map(lifetime)).toEqual(["private, no-store", "max-age=5", "max-age=14400"]);
    expect(answers[1]?.headers.get("Cache-Tag")).toBe("prices,product-1,stock-1");
  });

  test("the sale's landing page shows what is left by a fragment a product", async () => {
    const html = await (await get("/sale", SURROGATE)).text();
    const sources = [...html.matchAll(/<esi:include src="(\/fragments\/product\/[^"]+)"/g)].map(
      ([, source]) => source ?? "",
    );
    expect(sources.length).toBe(8);
    const words = await Promise.all(sources.map(async (source) => (await get(source)).text()));
    expect(new Set(words)).toEqual(new Set(['<p class="stock many">In stock</p>']));
    expect((await (await get("/sale")).text()).match(/class="stock many"/g)?.length).toBe(8);
  });

  test("every product is reached by the catalog's pages, and every one has a page", async () => {
    const slugs = new Set<string>();
    for (let page = 1; page <= 9; page++) {
      const html = await (await get(`/catalog?page=${page}`, SURROGATE)).text();
      for (const [, slug] of html.matchAll(/href="\/product\/([a-z-]+)"/g)) slugs.add(slug ?? "");
    }
    expect(slugs.size).toBe(200);
    const statuses = await Promise.all(
      [...slugs].map(async (slug) => (await get(`/product/${slug}`, SURROGATE)).status),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
  });

  test.each(["/product/nothing", "/product/%00", "/product/'%20OR%201=1", "/product/..%2fadmin"])(
    "%s is a page that says so",
    async (path) => {
      const answer = await get(path, SURROGATE);
      expect(answer.status).toBe(404);
      expect(answer.headers.get("Set-Cookie")).toBeNull();
    },
  );

  test.each([
    "page=0",
    "page=-1",
    "page=1e9",
    "page=x",
    "page=999",
    "category=%27%3B--",
    "q=%25_%5C",
    "q=%00",
    `q=${"x".repeat(500)}`,
    "q=a&q=b&page=1&page=2",
  ])("/catalog?%s is answered", async (query) => {
    expect((await get(`/catalog?${query}`, SURROGATE)).status).toBe(200);
  });

  test("what was searched for comes back as text, not as markup", async () => {
    const html = await (
      await get(`/catalog?q=${encodeURIComponent('"><script>alert(1)</script>')}`, SURROGATE)
    ).text();
    expect(html).not.toContain("<script>alert");
    expect(html).toContain("&lt;script&gt;alert(1)");
    const include = await (
      await get(`/catalog?q=${encodeURIComponent('<esi:include src="/admin/"/>')}`, SURROGATE)
    ).text();
    expect(include).not.toContain('<esi:include src="/admin/"');
  });

  test("absolute URLs come from configuration, whatever the request says", async () => {
    const poison = {
      "X-Forwarded-Host": "evil.example",
      "X-Forwarded-Proto": "gopher",
      Forwarded: "host=evil.example",
    };
    const html = await (await get(PRODUCT, { ...SURROGATE, ...poison })).text();
    expect(html).toContain('<link rel="canonical" href="https://store.acme.com/product/alba-desk-lamp"');
    expect(html).not.toContain("evil.example");
  });

  test("the stylesheet's name changes with it, so it is kept for ever", async () => {
    const path = /href="(\/assets\/[^"]+)"/.exec(await (await get("/", SURROGATE)).text())?.[1] ?? "";
    const answer = await get(path);
    expect(answer.headers.get("Cache-Control")).toBe("public, max-age=31536000, immutable");
    expect(answer.headers.get("Content-Type")).toBe("text/css; charset=utf-8");
  });
});

describe("one visitor's pages", () => {
  test.each([
    "/cart",
    "/checkout",
    "/account",
    "/fragments/header",
    "/api/cart",
    "/admin/",
    "/nothing",
    "/healthz",
  ])("%s is never stored", async (path) => {
    const answer = await get(path, SURROGATE);
    expect(answer.headers.get("Cache-Control")).toBe("private, no-store");
    expect(answer.headers.get("CDN-Cache-Control")).toBeNull();
    expect(answer.headers.get("Set-Cookie")).toBeNull();
  });

  test("the session's cookie is begun by the cart, and only Secure where the client came by https", async () => {
    const fields = { action: "add", product: "1", quantity: "1" };
    const [plain, secure] = await Promise.all([
      post("/cart", fields),
      post("/cart", fields, { "X-Forwarded-Proto": "https" }),
    ]);
    expect(plain.headers.get("Set-Cookie")).toMatch(
      /^sid=[\w-]{24}\.[^;]+; Max-Age=604800; Path=\/; HttpOnly; SameSite=Lax$/,
    );
    expect(secure.headers.get("Set-Cookie")).toContain("; Secure");
  });

  test("a cookie that was tampered with is nobody's", async () => {
    const cookie = await cartWith(1, 3);
    const count = async (value: string): Promise<string> =>
      /Cart, (\d+)/.exec(await (await get("/fragments/header", { cookie: value })).text())?.[1] ?? "";
    expect(await count(cookie)).toBe("3");
    expect(await count(cookie.replace(/^sid=./, "sid=~"))).toBe("0");
    expect(await count(`${cookie}x`)).toBe("0");
    expect(await count("sid=")).toBe("0");
    expect(await count("sid=%ff%fe.%00")).toBe("0");
  });

  test("add, change, remove", async () => {
    const cookie = await cartWith(1, 2);
    await cartWith(2, 1, cookie);
    await cartWith(1, 3, cookie);
    const items = async (): Promise<unknown> =>
      (
        (await (await get("/api/cart", { cookie })).json()) as {
          items: { productId: number; quantity: number }[];
        }
      ).items.map(({ productId, quantity }) => [productId, quantity]);
    expect(await items()).toEqual([
      [1, 5],
      [2, 1],
    ]);
    await post("/cart", { action: "update", product: "1", quantity: "4" }, { cookie });
    await post("/cart", { action: "remove", product: "2" }, { cookie });
    expect(await items()).toEqual([[1, 4]]);
    await cartWith(1, 10, cookie);
    expect(await items()).toEqual([[1, 10]]);
    await post("/cart", { action: "update", product: "1", quantity: "0" }, { cookie });
    expect(await items()).toEqual([]);
  });

  test.each([
    { action: "add", product: "9999", quantity: "1" },
    { action: "add", product: "-1", quantity: "1" },
    { action: "add", product: "1", quantity: "11" },
    { action: "add", product: "1", quantity: "1e1" },
    { action: "add", product: "", quantity: "1" },
    { action: "add" },
  ])("%o is refused", async (fields) => {
    const answer = await post("/cart", fields as Record<string, string>);
    expect(answer.status).toBe(422);
    expect(answer.headers.get("Set-Cookie")).toBeNull();
  });

  test("another site's form is refused, our own is not", async () => {
    const fields = { action: "add", product: "1", quantity: "1" };
    const statuses = await Promise.all(
      ["cross-site", "same-site", "same-origin", "none"].map(
        async (site) => (await post("/cart", fields, { "Sec-Fetch-Site": site })).status,
      ),
    );
    expect(statuses).toEqual([403, 403, 303, 303]);
  });

  test("a form sent twice, at once and again later, is one order, and its stock is announced", async () => {
    const cookie = await cartWith(7, 2);
    const fields = { key: await formKey(cookie), name: "Ana <b>", email: "ana@example.com" };
    purged.length = 0;
    const twice = await Promise.all([
      post("/checkout", fields, { cookie }),
      post("/checkout", fields, { cookie }),
    ]);
    const later = await post("/checkout", fields, { cookie });
    const places = [...twice, later].map((answer) => answer.headers.get("Location"));
    expect(places[0]).toMatch(/^\/account\?order=[0-9a-f-]{36}$/);
    expect(new Set(places).size).toBe(1);
    const account = await (await get(places[0] ?? "", { cookie })).text();
    expect(account.match(/<li id="order-/g)?.length).toBe(1);
    expect(account).toContain("Thank you");
    expect(account).toContain("Cart, 0 things");
    await expect
      .poll(() => purged.filter((tag) => tag === "stock-7"), { timeout: 10_000 })
      .toEqual(["stock-7"]);
  });

  test("nobody sees another's orders", async () => {
    const cookie = await cartWith(8, 1);
    const placed = await post(
      "/checkout",
      { key: await formKey(cookie), name: "A", email: "a@example.com" },
      { cookie },
    );
    const other = await (await get(placed.headers.get("Location") ?? "")).text();
    expect(other).toContain("No orders yet");
  });

  test("sold out at the checkout says which product, and orders nothing", async () => {
    const cookie = await cartWith(9, 1);
    const stock = (await (await fetch(`${stack.checkoutUrl}/stock?id=9`)).json()) as Record<string, number>;
    await fetch(`${stack.checkoutUrl}/stock/9`, {
      method: "POST",
      body: JSON.stringify({ amount: -(stock["9"] ?? 0) }),
    });
    const answer = await post(
      "/checkout",
      { key: await formKey(cookie), name: "A", email: "a@example.com" },
      { cookie },
    );
    expect(answer.status).toBe(409);
    expect(await answer.text()).toContain("has just sold out");
    expect(await (await get("/fragments/product/alba-kettle/price")).text()).not.toContain("Sold out");
  });

  test("a name or address that will not do comes back with what was typed", async () => {
    const cookie = await cartWith(1, 1);
    const answer = await post(
      "/checkout",
      { key: await formKey(cookie), name: 'A"', email: "nowhere" },
      { cookie },
    );
    expect(answer.status).toBe(422);
    expect(await answer.text()).toContain('value="A&quot;"');
  });

  test("a form of unknown length is read to its end", async () => {
    expect((await stream("/cart", ["action=add&prod", "uct=1&quantity=1"])).status).toBe(303);
  });

  test.each([
    ["PROPFIND", "/", 404],
    ["DELETE", "/cart", 404],
    ["OPTIONS", "/", 404],
    ["POST", "/", 404],
  ])("%s %s is answered", async (method, path, status) => {
    expect((await fetch(origin + path, { method })).status).toBe(status);
  });

  test.each([
    ["multipart/form-data; boundary=x", "--x\r\nbroken"],
    ["multipart/form-data", "x"],
    ["application/x-www-form-urlencoded", "%%%&&==&product=2147483648&quantity=1"],
    ["application/json", '{"product":1}'],
  ])("a body of %s that makes no sense is refused", async (type, body) => {
    const answer = await fetch(`${origin}/cart`, { method: "POST", headers: { "Content-Type": type }, body });
    expect(answer.status).toBe(422);
  });

  test("a body that is too large is refused", async () => {
    expect((await post("/cart", { action: "x".repeat(70_000) })).status).toBe(413);
    expect((await stream("/cart", ["action=", "x".repeat(70_000)])).status).toBe(413);
  });
});

describe("for programs", () => {
  const json = { "Content-Type": "application/json" };
  const send = (path: string, body: unknown, headers: Record<string, string> = json): Promise<Response> =>
    fetch(origin + path, { method: "POST", headers, body: JSON.stringify(body) });

  test("search is shared and finds by every word", async () => {
    const answer = await get("/api/search?q=desk+alba");
    expect(answer.headers.get("CDN-Cache-Control")).toMatch(/^max-age=300/);
    const found = (await answer.json()) as { products: { slug: string }[]; total: number };
    expect(found.products.map(({ slug }) => slug)).toEqual([
      "alba-desk-lamp",
      "alba-desk-clock",
      "alba-desk-tray",
    ]);
  });

  test("orders are checkout-api's to judge, with its answer and status", async () => {
    const items = [{ productId: 11, quantity: 1 }];
    const order = { name: "B", email: "b@example.com", items };
    const key = { ...json, "Idempotency-Key": "program-order-1" };
    expect((await send("/api/orders", order, json)).status).toBe(400);
    expect((await send("/api/orders", order, key)).status).toBe(201);
    const again = await send("/api/orders", order, key);
    expect([again.status, again.headers.get("Cache-Control")]).toEqual([200, "private, no-store"]);
    const refused = await send(
      "/api/orders",
      { ...order, items: [] },
      { ...json, "Idempotency-Key": "program-order-2" },
    );
    expect([refused.status, refused.headers.get("Content-Type")]).toEqual([422, "application/problem+json"]);
  });

  test("without items the cart is ordered, and is empty afterwards", async () => {
    const cookie = await cartWith(12, 2);
    const headers = { ...json, cookie, "Idempotency-Key": "program-order-3" };
    const answer = await send("/api/orders", { name: "B", email: "b@example.com" }, headers);
    expect(answer.status).toBe(201);
    const again = await send("/api/orders", { name: "B", email: "b@example.com" }, headers);
    expect(again.status).toBe(200);
    expect(await again.json()).toEqual(await answer.json());
    expect(await (await get("/api/cart", { cookie })).json()).toEqual({ items: [], totalCents: 0 });
  });

  test("only JSON changes anything", async () => {
    expect(
      (await send("/api/cart", { productId: 1, quantity: 1 }, { "Content-Type": "text/plain" })).status,
    ).toBe(415);
    expect((await send("/api/cart", { productId: 1, quantity: 99 })).status).toBe(422);
    expect((await send("/api/cart", "{")).status).toBe(422);
    expect((await send("/api/cart", { productId: 2 ** 31, quantity: 1 })).status).toBe(422);
    const unknown = await send("/api/nothing", {});
    expect([unknown.status, unknown.headers.get("Cache-Control")]).toEqual([404, "private, no-store"]);
  });
});

test("the admin page adds stock, and the edge is told", async () => {
  purged.length = 0;
  const answer = await post("/admin/stock", { product: "20", amount: "5" });
  expect(answer.status).toBe(303);
  await expect.poll(() => purged, { timeout: 10_000 }).toContain("stock-20");
  expect((await post("/admin/stock", { product: "20", amount: "-9999999" })).status).toBe(422);
});
