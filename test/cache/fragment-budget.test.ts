/** What becomes of fragments that nobody waits for any more, and what counts to a page's bytes. */
import { describe, expect, it } from "vitest";
import { MAX_FRAGMENTS } from "../../src/cache/fragments.ts";
import { type Rig, answer, classWith, policyOf, rigOf } from "./rig.ts";

const KIND = { "content-type": "text/html" };
const PRIVATE = { ...KIND, "cache-control": "private" };
const KEPT = { ...KIND, "cache-control": "max-age=60" };
const ESI = { ...KEPT, "surrogate-control": 'content="ESI/1.0"' };

const never = async (): Promise<Response> => new Promise(() => undefined);
const include = (path: string, alt?: string): string =>
  `<esi:include src="/fragments/${path}"${alt === undefined ? "" : ` alt="/fragments/${alt}"`}/>`;

type Fragments = Readonly<Record<string, () => Response | Promise<Response>>>;

/** `/fragments/never/**` is never cached; what is fetched for no cache is told when it is given up. */
function rigWith(page: string, fragments: Fragments, deadline = 20): Rig {
  const policy = policyOf(
    [
      classWith({
        name: "never",
        match: ["/fragments/never/**"],
        patterns: ["^/fragments/never/.*$"],
        mode: "never",
      }),
      classWith({ fragments: true, types: "all" }),
    ],
    { fragments: { prefixes: ["/fragments/"], depth: 3, count: 64, deadline } },
  );
  const rig = rigOf(policy);
  rig.origin = (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/page") return answer(page, ESI);
    return fragments[pathname.slice("/fragments/".length)]?.() ?? answer("none", {}, 404);
  };
  return rig;
}

/** A body of these bytes which then stands still; `cancelled` resolves when its reader gives it up. */
function standing(bytes: number): {
  readonly body: ReadableStream<Uint8Array>;
  readonly cancelled: Promise<void>;
} {
  const { promise: cancelled, resolve } = Promise.withResolvers<void>();
  let sent = false;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (sent) return new Promise(() => undefined);
      sent = true;
      controller.enqueue(new Uint8Array(bytes).fill(0x78));
    },
    cancel: () => resolve(),
  });
  return { body, cancelled };
}

describe("a fragment that is late", () => {
  it("is given up at its origin where it passes the cache by", async () => {
    const rig = rigWith(`a${include("never/1")}b`, { "never/1": never });
    expect(await (await rig.page("/page")).response.text()).toBe("ab");
    expect(rig.signals.map((signal) => signal?.aborted)).toEqual([undefined, true]);
    expect(rig.events).toEqual([{ kind: "fragment-failed", reason: "late" }]);
  });

  it("is given up in the middle of its body", async () => {
    const { body, cancelled } = standing(3);
    const rig = rigWith(`a${include("never/1")}b`, {
      "never/1": () => new Response(body, { headers: PRIVATE }),
    });
    expect(await (await rig.page("/page")).response.text()).toBe("ab");
    await cancelled;
  });

  it("is given up where its answer comes after all", async () => {
    const late = Promise.withResolvers<Response>();
    const { body, cancelled } = standing(3);
    const rig = rigWith(`a${include("1")}b`, { "1": async () => late.promise });
    expect(await (await rig.page("/page")).response.text()).toBe("ab");
    late.resolve(new Response(body, { headers: PRIVATE }));
    await cancelled;
  });

  it("goes on where it fills the cache, and is there for the next page", async () => {
    const late = Promise.withResolvers<Response>();
    const rig = rigWith(`a${include("1")}b`, { "1": async () => late.promise });
    expect(await (await rig.page("/page")).response.text()).toBe("ab");
    expect(rig.signals).toEqual([undefined, undefined]);
    late.resolve(answer("1", KEPT));
    await rig.settle();
    expect(await (await rig.page("/page")).response.text()).toBe("a1b");
    expect(rig.asked).toHaveLength(2);
  });

  it("leaves one that another page waits for to that page", async () => {
    const asked = Promise.withResolvers<void>();
    const late = Promise.withResolvers<Response>();
    const rig = rigWith(`a${include("1")}b`, {
      "1": async () => {
        asked.resolve();
        return late.promise;
      },
    });
    const first = (await rig.page("/page")).response.body?.getReader();
    await first?.read();
    const hung = first?.read();
    await asked.promise;
    const other = rig.get("/fragments/1");
    await first?.cancel();
    await hung;
    late.resolve(answer("1", KEPT));
    expect(await (await other).response.text()).toBe("1");
    expect(rig.asked).toHaveLength(2);
  });

  it("does not count to the page's bytes", async () => {
    const hanging = Array.from({ length: 12 }, (_, index) => `never/${index}`);
    const page = hanging.map((path) => include(path, "small")).join("");
    const rig = rigWith(page, {
      ...Object.fromEntries(
        hanging.map((path) => [path, () => new Response(standing(1_000_000).body, { headers: PRIVATE })]),
      ),
      small: () => answer("+", KEPT),
    });
    const text = await (await rig.page("/page")).response.text();
    // Eight fit at a time; the others are too large, and all leave their alternative.
    expect(text).toBe("+".repeat(12));
  });
});

describe("a client that is gone", () => {
  it("ends what was under way for its page alone, without a word in the metrics", async () => {
    const asked = Promise.withResolvers<void>();
    const rig = rigWith(
      `a${include("never/1", "never/2")}b`,
      {
        "never/1": async () => {
          asked.resolve();
          return never();
        },
        "never/2": never,
      },
      60_000,
    );
    const reader = (await rig.page("/page")).response.body?.getReader();
    await reader?.read();
    const hung = reader?.read();
    await asked.promise;
    await reader?.cancel();
    await hung;
    expect(rig.signals.map((signal) => signal?.aborted)).toEqual([undefined, true]);
    await rig.settle();
    expect(rig.asked).toHaveLength(2);
    expect(rig.events).toEqual([]);
  });

  it("ends the fragments of fragments too", async () => {
    const asked = Promise.withResolvers<void>();
    const rig = rigWith(
      include("outer"),
      {
        outer: () => answer(`(${include("never/inner")})`, ESI),
        "never/inner": async () => {
          asked.resolve();
          return never();
        },
      },
      60_000,
    );
    const reader = (await rig.page("/page")).response.body?.getReader();
    const hung = reader?.read();
    await asked.promise;
    await reader?.cancel();
    await hung;
    expect(rig.signals.at(-1)?.aborted).toBe(true);
  });
});

describe("the bytes of a page's fragments", () => {
  const part = "x".repeat(900_000);

  it("are bounded over the page", async () => {
    const names = Array.from({ length: 12 }, (_, index) => String(index));
    const rig = rigWith(
      names.map((name) => include(name)).join(""),
      Object.fromEntries(names.map((name) => [name, () => answer(part, KEPT)])),
      10_000,
    );
    const { length } = await (await rig.page("/page")).response.text();
    expect(length).toBe(Math.floor(MAX_FRAGMENTS / part.length) * part.length);
    expect(rig.events).toEqual(
      Array.from({ length: 3 }, () => ({ kind: "fragment-failed", reason: "too-large" })),
    );
  });

  it("count once, however deep they lie", async () => {
    const names = Array.from({ length: 9 }, (_, index) => String(index));
    const rig = rigWith(
      names.map((name) => include(`outer-${name}`)).join(""),
      Object.fromEntries(
        names.flatMap((name) => [
          [`outer-${name}`, () => answer(include(`inner-${name}`), ESI)] as const,
          [`inner-${name}`, () => answer(part, KEPT)] as const,
        ]),
      ),
      10_000,
    );
    expect((await (await rig.page("/page")).response.text()).length).toBe(9 * part.length);
    expect(rig.events).toEqual([]);
  });
});
