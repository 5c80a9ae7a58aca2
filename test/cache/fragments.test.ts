import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EsiScanner, type Piece } from "../../src/cache/esi.ts";
import { START, answer, classWith, policyOf, rigOf, shipped } from "./rig.ts";

const encoder = new TextEncoder();

/** What a page scans to, given in chunks cut at these places: text as it is, includes as `[src|alt|continue]`. */
function scanned(page: string, cuts: readonly number[] = []): string {
  const bytes = encoder.encode(page);
  const scanner = new EsiScanner();
  const pieces: Piece[] = [];
  let from = 0;
  for (const cut of [...cuts]
    .map((place) => Math.min(place, bytes.byteLength))
    .toSorted((left, right) => left - right)) {
    pieces.push(...scanner.push(bytes.subarray(from, cut)));
    from = cut;
  }
  pieces.push(...scanner.push(bytes.subarray(from)), ...scanner.end());
  const text: number[] = [];
  for (const piece of pieces) {
    if (piece.kind === "text") text.push(...piece.bytes);
    else text.push(...encoder.encode(`[${piece.src}|${piece.alt ?? ""}]`));
  }
  return new TextDecoder().decode(new Uint8Array(text));
}

const CASES: readonly (readonly [string, string])[] = [
  ["plain <b>text</b> & more", "plain <b>text</b> & more"],
  ['a<esi:include src="/x"/>b', "a[/x|]b"],
  ["a<esi:include src='/x' alt='/y' onerror='continue' />b", "a[/x|/y]b"],
  ['<esi:include\n  src="/x?a=1&amp;b=2"\n></esi:include>!', "[/x?a=1&b=2|]!"],
  ['<esi:include src="/a>b"/>', "[/a>b|]"],
  ["<esi:include alt='/y'/>", ""],
  ["a<esi:remove>gone <b>and</b> gone</esi:remove>b", "ab"],
  ['<esi:remove><esi:include src="/x"/></esi:remove>b', "b"],
  ["a<esi:remove/>b", "ab"],
  ["a<esi:remove>for ever", "a"],
  ['a<esi:comment text="no"/>b', "ab"],
  ['a<!--esi <p><esi:include src="/x"/></p> -->b', "a <p>[/x|]</p> b"],
  ["a<!-- html comment -->b --> c", "a<!-- html comment -->b --> c"],
  ["<esi:vars>$(HTTP_COOKIE)</esi:vars>", "<esi:vars>$(HTTP_COOKIE)</esi:vars>"],
  ["<ESI:include src='/x'/>", "<ESI:include src='/x'/>"],
  ["a<esi:include src='/x'", "a<esi:include src='/x'"],
  ["a<esi:include src='/x never closed > b", "a<esi:include src='/x never closed > b"],
  ["a<esi:inclu", "a<esi:inclu"],
  ["<", "<"],
  ["<<<<esi:include src='/x'/>>", "<<<[/x|]>"],
  [`é<esi:include src="/é"/>ü€`, "é[/é|]ü€"],
];

describe("the scanner", () => {
  it.each(CASES)("%s", (page, expected) => {
    expect(scanned(page)).toBe(expected);
  });

  it.each(CASES)("byte by byte: %s", (page, expected) => {
    expect(
      scanned(
        page,
        Array.from({ length: encoder.encode(page).byteLength }, (_, index) => index),
      ),
    ).toBe(expected);
  });

  it("runs every case", () => expect(CASES).toHaveLength(21));

  it("gives the same however the bytes are cut", () => {
    const parts = fc.constantFrom(
      '<esi:include src="/x"/>',
      "<esi:remove>",
      "</esi:remove>",
      "<!--esi",
      "-->",
      "<",
      "e",
      "-",
      "é",
      "text ",
      "<esi:",
      "</",
      "'",
      '"',
      ">",
      "<esi:comment/>",
    );
    fc.assert(
      fc.property(
        fc.array(parts, { maxLength: 30 }),
        fc.array(fc.nat(400), { maxLength: 20 }),
        (pieces, cuts) => {
          const page = pieces.join("");
          expect(scanned(page, cuts)).toBe(scanned(page));
        },
      ),
      { numRuns: 500 },
    );
  });

  it("lets what cannot be an element out at once and holds little back", () => {
    const scanner = new EsiScanner();
    const [first] = scanner.push(encoder.encode(`${"x".repeat(10_000)}<es`));
    expect(first?.kind === "text" && first.bytes.byteLength).toBe(10_000);
  });

  it("gives the text of a chunk as one piece, whatever elements of HTML are in it", () => {
    const pieces = new EsiScanner().push(
      encoder.encode("<ul><li>a</li><!-- b --></ul><esi:comment/><p>c</p>"),
    );
    expect(pieces.map((piece) => piece.kind === "text" && new TextDecoder().decode(piece.bytes))).toEqual([
      "<ul><li>a</li><!-- b --></ul>",
      "<p>c</p>",
    ]);
  });

  it("looks no further through openings that never close than an element may be long", () => {
    const opening = "<esi:include src='";
    const page = encoder.encode(opening.repeat(2_000));
    const out = new EsiScanner()
      .push(page)
      .reduce((sum, piece) => sum + (piece.kind === "text" ? piece.bytes.byteLength : 0), 0);
    expect(page.byteLength - out).toBeLessThanOrEqual(4096 + opening.length);
  });
});

const html = (body: string, extra: Record<string, string> = {}): Response =>
  answer(body, { "cache-control": "max-age=60", "content-type": "text/html", ...extra });
const template = (body: string): Response =>
  html(body, {
    "surrogate-control": 'content="ESI/1.0"',
    etag: '"t"',
    "content-length": String(body.length),
  });

/** A page that is composed from these fragments; a fragment may take its time or fail. */
async function pageOf(
  body: string,
  fragments: Readonly<Record<string, () => Response | Promise<Response>>>,
): Promise<string> {
  const rig = rigOf(policyOf([classWith({ fragments: true })]));
  rig.origin = (request) => {
    const { pathname } = new URL(request.url);
    return pathname === "/page" ? template(body) : (fragments[pathname]?.() ?? answer("not found", {}, 404));
  };
  return (await rig.page("/page")).response.text();
}

const never = async (): Promise<Response> => new Promise(() => undefined);

/** Resolves for all once so many have come. */
function barrier(count: number): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let come = 0;
  return async () => {
    if (++come === count) resolve();
    return promise;
  };
}

describe("composition", () => {
  const cases: readonly (readonly [string, string, Parameters<typeof pageOf>[1], string])[] = [
    [
      "an error leaves the alternative",
      '<esi:include src="/fragments/1" alt="/fragments/2"/>',
      { "/fragments/1": () => answer("oops", {}, 500), "/fragments/2": () => html("alt") },
      "alt",
    ],
    [
      "an error without one leaves nothing",
      'a<esi:include src="/fragments/1" onerror="continue"/>b',
      { "/fragments/1": () => answer("oops", {}, 500) },
      "ab",
    ],
    [
      "a slow one leaves nothing, within its deadline",
      'a<esi:include src="/fragments/1"/>b',
      { "/fragments/1": never },
      "ab",
    ],
    [
      "a slow one leaves the alternative",
      'a<esi:include src="/fragments/1" alt="/fragments/2"/>b',
      { "/fragments/1": never, "/fragments/2": () => html("alt") },
      "aaltb",
    ],
    [
      "one that breaks off leaves nothing",
      'a<esi:include src="/fragments/1"/>b',
      { "/fragments/1": brokenOff },
      "ab",
    ],
    ["one that is missing leaves nothing", 'a<esi:include src="/fragments/0"/>b', {}, "ab"],
    [
      "from another host: refused",
      'a<esi:include src="https://evil.example/fragments/1"/><esi:include src="//evil.example/fragments/1"/><esi:include src="http://store.acme.com/fragments/1"/>b',
      { "/fragments/1": () => html("evil") },
      "ab",
    ],
    [
      "from outside the folders: refused",
      'a<esi:include src="/account"/><esi:include src="/fragments/../account"/><esi:include src="/fragments/%2e%2e/account"/>b',
      { "/account": () => html("secret") },
      "ab",
    ],
    [
      "not addresses: refused",
      'a<esi:include src="http://["/><esi:include src="javascript:1"/><esi:include src="file:///etc/passwd"/>b',
      {},
      "ab",
    ],
    [
      "in fragments too",
      '<esi:include src="/fragments/1"/>',
      {
        "/fragments/1": () => template('(<esi:include src="/fragments/2"/>)'),
        "/fragments/2": () => html("deep"),
      },
      "(deep)",
    ],
    [
      "a recursive one ends",
      'a<esi:include src="/fragments/1"/>b',
      { "/fragments/1": () => template('x<esi:include src="/fragments/1"/>') },
      "axxxb",
    ],
    [
      "more than a page may have: the rest is left out",
      '<esi:include src="/fragments/1"/>'.repeat(20),
      { "/fragments/1": () => html("1") },
      "11111111",
    ],
    [
      "a fragment of a megabyte and more is left out",
      'a<esi:include src="/fragments/1"/>b',
      { "/fragments/1": () => html("x".repeat(1_100_000)) },
      "ab",
    ],
  ];
  it.each(cases)("%s", async (_, body, fragments, expected) => {
    expect(await pageOf(body, fragments)).toBe(expected);
  });

  it("runs every case", () => expect(cases).toHaveLength(13));

  it("sends the page's beginning before the first fragment has come", async () => {
    const rig = rigOf(policyOf([classWith({ fragments: true })]));
    const asked = Promise.withResolvers<void>();
    const { promise: fragment, resolve: deliver } = Promise.withResolvers<Response>();
    rig.origin = (request) => {
      if (request.url.endsWith("/page")) return template('begin <esi:include src="/fragments/1"/> end');
      asked.resolve();
      return fragment;
    };
    const reader = (await rig.page("/page")).response.body?.getReader();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe("begin ");
    const next = reader?.read();
    await asked.promise;
    deliver(html("middle"));
    expect(new TextDecoder().decode((await next)?.value)).toBe("middle");
  });

  it("fetches side by side", async () => {
    const all = barrier(8);
    const fragments = Object.fromEntries(
      Array.from({ length: 8 }, (_, index) => [
        `/fragments/${index}`,
        async () => all().then(() => html(String(index))),
      ]),
    );
    const body = Object.keys(fragments)
      .map((path) => `<esi:include src="${path}"/>`)
      .join("");
    expect(await pageOf(body, fragments)).toBe("01234567");
  });

  it("puts them in in order, whatever comes first", async () => {
    const second = Promise.withResolvers<void>();
    const page = 'a<esi:include src="/fragments/1"/>b<esi:include src="/fragments/2"/>c';
    const fragments = {
      "/fragments/1": async () => second.promise.then(() => html("1")),
      "/fragments/2": () => {
        second.resolve();
        return html("2");
      },
    };
    expect(await pageOf(page, fragments)).toBe("a1b2c");
  });

  it("touches only pages that ask for it, of classes that may", async () => {
    const rig = rigOf(
      policyOf([
        classWith({ fragments: false, match: ["/plain"], patterns: ["^/plain$"] }),
        classWith({ fragments: true }),
      ]),
    );
    const body = '<esi:include src="/fragments/1"/>';
    rig.origin = () => template(body);
    expect(await (await rig.page("/plain")).response.text()).toBe(body);
    rig.origin = () => html(body);
    expect(await (await rig.page("/other")).response.text()).toBe(body);
    expect(rig.asked.map((request) => request.headers.get("surrogate-capability"))).toEqual([
      null,
      'edge="ESI/1.0"',
    ]);
  });
});

function brokenOff(): Response {
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(encoder.encode("half")),
    pull: (controller) => controller.error(new Error("lost")),
  });
  return new Response(stream, { headers: { "cache-control": "max-age=60" } });
}

describe("the product page", () => {
  it("is one stored template with fragments of their own lifetimes, and the visitor's header is the visitor's", async () => {
    const rig = rigOf(shipped);
    let stock = 3;
    const page =
      '<esi:include src="/fragments/header" onerror="continue"/>|<esi:include src="/fragments/product/x/description"/>|<esi:include src="/fragments/product/x/price"/>';
    rig.origin = (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/product/x")
        return html(page, {
          "surrogate-control": 'content="ESI/1.0"',
          "cdn-cache-control": "max-age=300",
          "cache-control": "public, max-age=0",
          etag: '"t"',
        });
      if (pathname === "/fragments/header")
        return html(`cart of ${request.headers.get("cookie")}`, { "cache-control": "private, no-store" });
      if (pathname.endsWith("/description"))
        return html("about", { "cdn-cache-control": "max-age=14400", "cache-tag": "product-1" });
      return html(`${stock} left`, {
        "cdn-cache-control": "max-age=5, stale-while-revalidate=10",
        "cache-tag": "stock-1,product-1",
      });
    };
    const visit = async (cookie: string): Promise<string> => {
      const served = await rig.page("/product/x", { cookie, "if-none-match": '"t"' });
      expect([
        served.response.status,
        served.response.headers.get("etag"),
        served.response.headers.get("cache-control"),
      ]).toEqual([200, null, "private, no-cache"]);
      expect(served.response.headers.get("cdn-cache-control")).toBeNull();
      const text = await served.response.text();
      await rig.settle();
      return text;
    };
    expect(await visit("sid=ana")).toBe("cart of sid=ana|about|3 left");
    expect(await visit("sid=rui")).toBe("cart of sid=rui|about|3 left");
    expect(rig.asked.map((request) => new URL(request.url).pathname)).toEqual([
      "/product/x",
      "/fragments/header",
      "/fragments/product/x/description",
      "/fragments/product/x/price",
      "/fragments/header",
    ]);
    stock = 2;
    rig.clock.now = START + 2000;
    expect(await visit("sid=ana")).toBe("cart of sid=ana|about|3 left");
    rig.purges.push({ kind: "tag", value: "stock-1", soft: false, at: rig.clock.now });
    expect(await visit("sid=ana")).toBe("cart of sid=ana|about|2 left");
    expect(rig.asked.filter((request) => request.url.endsWith("/description"))).toHaveLength(1);
  });
});
