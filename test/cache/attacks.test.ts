/** The attacks on caches that are known from the field, each against the shipped rules. */
import { describe, expect, it } from "vitest";
import { type Rig, START, answer, rigOf, shipped } from "./rig.ts";

const PAGE = { "cache-control": "public, max-age=600", "content-type": "text/html" };

/** A victim's request, then an attacker's for the same; true where the attacker got what was the victim's. */
async function leaks(path: string, headers: Record<string, string> = PAGE): Promise<boolean> {
  const rig = rigOf(shipped);
  rig.origin = (request) =>
    answer(`for ${request.headers.get("cookie") ?? "nobody"} #${rig.asked.length}`, headers);
  await (await rig.get(path, { cookie: "sid=victim" })).response.text();
  await rig.settle();
  return (await (await rig.get(path)).response.text()).includes("victim");
}

/** Whether the answer to `poison` is what `path` then gets. */
async function poisons(rig: Rig, path: string, poison: () => Promise<unknown>): Promise<boolean> {
  await poison();
  await rig.settle();
  const victim = await rig.get(path);
  return (await victim.response.text()).includes("evil");
}

describe("web cache deception", () => {
  const suffixes = [
    "/account/x.css",
    "/account;x.css",
    "/account%2fx.css",
    "/account%0a.css",
    "/account%00.css",
    "/account%23x.css",
    "/account%3fx.css",
    "/account/orders.jpg",
    "/cart/a.png",
    "/checkout/../assets/x.css",
  ];
  const normalised = [
    "/assets/..%2faccount",
    "/assets/%2e%2e/account",
    "//account",
    "/ACCOUNT",
    "/Account/x.css",
    "/%61ccount",
    "/assets\\..\\account",
    "/assets/..;/account",
    "/catalog;/../account",
    "/product/..%2f..%2faccount",
    "/media/%2e%2e%2faccount",
    "/product/%41ccount%2f",
  ];
  it.each([...suffixes, ...normalised])("%s", async (path) => {
    expect(await leaks(path)).toBe(false);
    expect(await leaks(path, { "cache-control": "public, max-age=600", "content-type": "text/css" })).toBe(
      false,
    );
  });

  it("by an HTML page under a folder of assets: the type is not of the class", async () => {
    const rig = rigOf(shipped);
    rig.origin = () => answer("<html>", PAGE);
    await (await rig.get("/assets/x.css")).response.text();
    await rig.settle();
    expect((await rig.get("/assets/x.css")).reason).toBe("class-type");
  });

  it("stores nothing personal, even where the origin calls it public", async () => {
    for (const path of ["/cart", "/checkout", "/account", "/api/orders", "/fragments/header", "/order/1"]) {
      const rig = rigOf(shipped);
      rig.origin = (request) => answer(request.headers.get("cookie"), PAGE);
      const served = await rig.get(path, { cookie: "sid=1" });
      expect([served.outcome, await served.response.text()]).toEqual(["bypass", "sid=1"]);
      expect((await rig.get(path)).outcome).toBe("bypass");
    }
  });
});

describe("poisoning by what is not in the key", () => {
  const headers = [
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-scheme",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-for",
    "x-host",
    "x-original-url",
    "x-rewrite-url",
    "forwarded",
    "x-http-method-override",
    "x-method-override",
    "x-http-method",
    "user-agent",
    "referer",
    "accept-language",
    "accept",
    "origin",
    "x-custom",
    "cookie",
    "surrogate-capability",
    "transfer-encoding",
    "via",
  ];
  it.each(headers)("header %s does not reach the origin", async (name) => {
    const rig = rigOf(shipped);
    rig.origin = (request) => answer(`seen ${request.headers.get(name)}`, PAGE);
    expect(
      await poisons(rig, "/catalog", async () =>
        (await rig.get("/catalog", { [name]: "evil" })).response.text(),
      ),
    ).toBe(false);
  });

  it("parameter cloaking: what the key drops is not sent, and no `;` is left to split at", async () => {
    const rig = rigOf(shipped);
    rig.origin = (request) => answer(request.url, PAGE);
    const paths = [
      "/catalog?page=1&utm_content=x;page=evil",
      "/catalog?utm_content=1;page=evil&page=1",
      "/catalog?page=1&callback=evil",
      "/catalog?page=1&%70age%00=evil",
      "/catalog?page=1&PAGE=evil",
      "/catalog?page=1&page[]=evil",
    ];
    for (const path of paths) {
      expect(await poisons(rig, "/catalog?page=1", async () => (await rig.get(path)).response.text())).toBe(
        false,
      );
    }
    await (await rig.get("/catalog?q=a;page=evil")).response.text();
    expect(rig.asked.at(-1)?.url).toBe("https://store.acme.com/catalog?q=a%3Bpage%3Devil");
  });

  it("a repeated parameter is in the key as often as it is sent", async () => {
    const rig = rigOf(shipped);
    rig.origin = (request) => answer(request.url, PAGE);
    expect(
      await poisons(rig, "/catalog?page=1", async () =>
        (await rig.get("/catalog?page=1&page=evil")).response.text(),
      ),
    ).toBe(false);
    expect(
      await poisons(rig, "/catalog?page=1", async () =>
        (await rig.get("/catalog?page=evil&page=1")).response.text(),
      ),
    ).toBe(false);
  });

  it("key injection: parts that hold separators do not become other parts", async () => {
    const rig = rigOf(shipped);
    rig.origin = (request) => answer(request.url, PAGE);
    const victim = "/catalog?category=a&q=evil";
    await (await rig.get(victim)).response.text();
    await rig.settle();
    for (const path of [
      "/catalog?category=a%26q%3Devil",
      "/catalog?category=a&q%3Devil",
      "/catalog%3Fcategory=a&q=evil",
      "/catalog?category=a?q=evil",
    ]) {
      expect((await rig.get(path)).outcome).not.toBe("hit");
    }
  });

  it("fat GET: a body makes a request its own", async () => {
    const rig = rigOf(shipped);
    rig.origin = async (request) => answer(await request.text(), PAGE);
    // `new Request` refuses such a body; workerd hands one on. Its length gives it away as well.
    const served = await rig.get("/catalog", { "content-length": "4" });
    expect([served.outcome, served.reason]).toEqual(["bypass", "request-body"]);
    await rig.settle();
    expect((await rig.get("/catalog")).outcome).toBe("miss");
  });

  it("a port in Host is not in the key because the URL is canonical", async () => {
    const rig = rigOf(shipped);
    rig.origin = (request) => answer(`${request.headers.get("host")} ${request.url}`, PAGE);
    await (await rig.get("/catalog", { host: "store.acme.com:1337" })).response.text();
    expect(rig.asked[0]?.url).toBe("https://store.acme.com/catalog");
    expect(rig.asked[0]?.headers.get("host")).toBeNull();
  });
});

describe("answers that are not the page", () => {
  const strays: readonly (readonly [number, Record<string, string>])[] = [
    [206, { "content-range": "bytes 0-3/100" }],
    [416, { "content-range": "bytes */100" }],
    [400, {}],
    [403, {}],
    [405, {}],
    [413, {}],
    [414, {}],
    [431, {}],
    [500, {}],
    [502, {}],
    [503, {}],
  ];
  it.each(strays)(
    "%d is not kept for the page, whatever its headers say (oversized headers, control characters, bad ranges)",
    async (status, extra) => {
      const rig = rigOf(shipped);
      rig.origin = () => answer("evil", { ...PAGE, ...extra }, status);
      await (
        await rig.get("/catalog", { "x-oversized": "x".repeat(20_000) }).catch(() => undefined)
      )?.response.text();
      await rig.settle();
      rig.origin = () => answer("good", PAGE);
      expect(await (await rig.get("/catalog")).response.text()).toBe("good");
    },
  );

  it("304 to nobody's question is refused, and not kept", async () => {
    const rig = rigOf(shipped);
    rig.origin = () => answer(null, PAGE, 304);
    await expect(rig.get("/catalog", { "if-none-match": '"x"' })).rejects.toMatchObject({ status: 502 });
    rig.origin = () => answer("good", PAGE);
    expect(await (await rig.get("/catalog")).response.text()).toBe("good");
  });

  it("a 404 is kept for seconds where the origin says nothing", async () => {
    const rig = rigOf(shipped);
    rig.origin = () => answer("evil", { "content-type": "text/html" }, 404);
    await (await rig.get("/product/x")).response.text();
    await rig.settle();
    expect((await rig.get("/product/x")).outcome).toBe("hit");
    rig.clock.now = START + 11_000;
    rig.origin = () => answer("good", PAGE);
    expect(await (await rig.get("/product/x")).response.text()).toBe("good");
  });
});

describe("strangers", () => {
  it("cannot force origin requests by Cache-Control, Pragma or random parameters", async () => {
    const rig = rigOf(shipped);
    rig.origin = () => answer("x", PAGE);
    await (await rig.get("/catalog")).response.text();
    await rig.settle();
    for (let index = 0; index < 20; index++) {
      await (
        await rig.get(`/catalog?cb=${index}`, {
          "cache-control": "no-cache, max-age=0, no-store",
          pragma: "no-cache",
        })
      ).response.text();
    }
    expect(rig.asked).toHaveLength(1);
  });

  it("cannot force origin requests by offering other protocols", async () => {
    const rig = rigOf(shipped);
    rig.origin = () => answer("page", PAGE);
    for (const upgrade of ["h2c", "TLS/1.0", "x"]) {
      await (await rig.get("/catalog", { upgrade })).response.text();
      await rig.settle();
    }
    expect(rig.asked).toHaveLength(1);
  });

  it("cannot fill memory with variants of a header the class does not send", async () => {
    const rig = rigOf(shipped);
    rig.origin = () => answer("x", { ...PAGE, vary: "User-Agent, Accept-Language" });
    for (let index = 0; index < 20; index++) {
      await (
        await rig.get("/catalog", { "user-agent": `ua-${index}`, "accept-language": `l${index}` })
      ).response.text();
      await rig.settle();
    }
    expect(rig.asked).toHaveLength(1);
  });
});
