/** Races and strangers: what must not get stuck, be emptied, or fill up. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { BodyLog, byteBudget, compact } from "../../src/cache/body-log.ts";

import { type Purge, PurgeView } from "../../src/cache/index.ts";
import { storedHead } from "../support/stored-head.ts";
import { type Rig, answer, classWith, policyOf, rigOf, statusOf } from "./rig.ts";

const follow = (): ReturnType<typeof policyOf> => policyOf([classWith()]);
const PAGE = { "cache-control": "max-age=600" };
const SECOND = 1000;

/** What the origin is asked and has not answered yet; `let` answers in the order of the questions. */
function slowOrigin(rig: Rig): ((response: Response) => void)[] {
  const waiting: ((response: Response) => void)[] = [];
  rig.origin = async () => new Promise((resolve) => waiting.push(resolve));
  return waiting;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** A body that never ends, and never errs: its request was cut off by the platform. */
function stuckBody(): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode("half")) });
}

afterEach(() => void vi.useRealTimers());

/** A clock that fake timers move. */
const clockOfTimers = {
  get now() {
    return Date.now();
  },
};

describe("fifty at once, of an origin that is slow", () => {
  const crowd = (rig: Rig): Promise<string[]> =>
    Promise.all(Array.from({ length: 50 }, async () => (await rig.get("/a")).response.text()));
  const later = async (ms: number, body: string): Promise<Response> =>
    new Promise((resolve) => setTimeout(() => resolve(new Response(body, { headers: PAGE })), ms));
  /** A rig whose clock and timers are one. */
  const timedRig = (): Rig => {
    vi.useFakeTimers();
    return rigOf(follow(), null, clockOfTimers);
  };

  it("wait for the one request as long as its route gives it", async () => {
    const rig = timedRig();
    rig.origin = async () => later(12_000, "slow");
    const all = crowd(rig);
    await vi.advanceTimersByTimeAsync(12_000);
    expect(new Set(await all)).toEqual(new Set(["slow"]));
    expect(rig.asked).toHaveLength(1);
  });

  it("ask anew together where that request is lost", async () => {
    const rig = timedRig();
    slowOrigin(rig);
    void rig.get("/a");
    await vi.advanceTimersByTimeAsync(0);
    const all = crowd(rig);
    rig.origin = async () => later(14_000, "again");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(new Set(await all)).toEqual(new Set(["again"]));
    expect(rig.asked).toHaveLength(2);
  });
});

describe("an origin that is slower than its answers are fresh", () => {
  it.each([
    ["max-age=5", 1],
    ["s-maxage=5, must-revalidate", 1],
    ["max-age=0, stale-while-revalidate=30", 1],
    // Each is to be confirmed by the origin.
    ["max-age=0", 50],
    ["no-cache, max-age=5", 50],
  ])("%s: is asked %i times by fifty who waited for it, and for the next crowd", async (control, times) => {
    const rig = rigOf(follow());
    const crowd = async (body: string): Promise<void> => {
      const waiting = slowOrigin(rig);
      const all = Array.from({ length: 50 }, async () => (await rig.get("/a")).response.text());
      await until(() => waiting.length > 0);
      rig.clock.now += 6 * SECOND;
      const answered = (): Response =>
        answer(body, { "cache-control": control, etag: `"${body}"` }, 200, rig.clock.now);
      rig.origin = answered;
      for (const each of waiting.splice(0)) each(answered());
      expect(new Set(await Promise.all(all))).toEqual(new Set([body]));
      await rig.settle();
    };
    await crowd("one");
    expect(rig.asked).toHaveLength(times);
    if (times > 1) return;
    rig.clock.now += 60 * SECOND;
    await crowd("two");
    expect(rig.asked).toHaveLength(2);
  });
});

describe("a fetch that was cut off with its request", () => {
  it("before its answer came is not waited for for ever", async () => {
    const rig = rigOf(follow());
    slowOrigin(rig);
    void rig.get("/a");
    await until(() => rig.asked.length === 1);
    rig.clock.now += 36 * SECOND;
    rig.origin = () => answer("fresh", PAGE, 200, rig.clock.now);
    expect(await (await rig.get("/a")).response.text()).toBe("fresh");
    expect(rig.asked).toHaveLength(2);
  });

  it("in the middle of its body is not joined any more, and does not keep the page from being fetched", async () => {
    const rig = rigOf(follow());
    rig.origin = () => new Response(stuckBody(), { headers: PAGE });
    const first = await rig.get("/a");
    expect(first.outcome).toBe("miss");
    rig.clock.now += 36 * SECOND;
    rig.origin = () => answer("whole", PAGE, 200, rig.clock.now);
    expect(await (await rig.get("/a")).response.text()).toBe("whole");
  });

  it("while it refreshed a stale page does not leave it stale for ever", async () => {
    const rig = rigOf(follow());
    const swr = { "cache-control": "max-age=10, stale-while-revalidate=600" };
    rig.origin = () => answer("v1", swr, 200, rig.clock.now);
    await (await rig.get("/a")).response.text();
    await rig.settle();
    rig.clock.now += 20 * SECOND;
    slowOrigin(rig);
    expect((await rig.get("/a")).outcome).toBe("stale");
    await until(() => rig.asked.length === 2);
    rig.clock.now += 36 * SECOND;
    rig.origin = () => answer("v2", swr, 200, rig.clock.now);
    expect((await rig.get("/a")).outcome).toBe("stale");
    await until(() => rig.asked.length === 3);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await (await rig.get("/a")).response.text()).toBe("v2");
  });

  it("is not taken for lost while its origin may stand still: its own client gets it whole", async () => {
    vi.useFakeTimers();
    const rig = rigOf(follow(), null, clockOfTimers);
    const rest = Promise.withResolvers<void>();
    rig.origin = () =>
      new Response(
        new ReadableStream<Uint8Array>({
          start: (controller) => controller.enqueue(new TextEncoder().encode("first ")),
          async pull(controller) {
            await rest.promise;
            controller.enqueue(new TextEncoder().encode("rest"));
            controller.close();
          },
        }),
        { headers: PAGE },
      );
    const text = (await rig.get("/a")).response.text();
    // The rig's origin may stand still for 15 s; that it does is noticed within twice that and told a moment later.
    await vi.advanceTimersByTimeAsync(31 * SECOND);
    // Another fetch looks after what is under way.
    await rig.get("/b");
    await vi.advanceTimersByTimeAsync(1 * SECOND);
    rest.resolve();
    expect(await text).toBe("first rest");
  });

  it("gives back the bytes it held, so that others are still stored", async () => {
    let now = 0;
    const budget = byteBudget(300);
    const log = new BodyLog(() => now, 30 * SECOND);
    void log.fill(stuckBody(), 100, budget, () => undefined);
    const reader = log.stream().getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("half");
    expect(budget.take(45)).toBe(false);
    now += 31 * SECOND;
    expect([log.isStuck(), log.isLost()]).toEqual([true, false]);
    now += 35 * SECOND;
    expect(log.isLost()).toBe(true);
    log.abandon();
    await expect(reader.read()).rejects.toThrow(/broke off/);
    expect(budget.take(300)).toBe(true);
  });
});

describe("a stranger with an Authorization header", () => {
  const cases: readonly (readonly [string, number, Record<string, string>])[] = [
    ["a private answer", 200, { "cache-control": "private" }],
    ["a refusal", 401, {}],
    ["no-store", 200, { "cache-control": "no-store" }],
    ["a confirmation", 304, {}],
  ];
  it.each(cases)("that gets %s does not take the page from the others", async (_, status, headers) => {
    const rig = rigOf(follow());
    rig.origin = () => answer("page", { ...PAGE, etag: '"1"' });
    await (await rig.get("/a")).response.text();
    await rig.settle();
    rig.origin = ({ headers: asked }) =>
      status === 304 && asked.get("if-none-match") === null
        ? answer("page", { ...PAGE, etag: '"1"' })
        : answer(status === 304 ? null : "mine", headers, status);
    await (await rig.get("/a", { authorization: "Bearer x" })).response.text();
    await rig.settle();
    expect((await rig.get("/a")).outcome).toBe("hit");
  });

  it("does not make others ask the origin side by side", async () => {
    const rig = rigOf(follow());
    rig.origin = () => answer("mine", { "cache-control": "private" });
    await (await rig.get("/a", { authorization: "Bearer x" })).response.text();
    rig.asked.length = 0;
    rig.origin = async () => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      return answer("page", PAGE);
    };
    await Promise.all(Array.from({ length: 20 }, async () => (await rig.get("/a")).response.text()));
    expect(rig.asked).toHaveLength(1);
  });
});

describe("a purge while a page is fetched", () => {
  it("has those who come after it ask once more, together", async () => {
    const rig = rigOf(follow());
    const waiting = slowOrigin(rig);
    const before = rig.get("/a");
    await until(() => waiting.length === 1);
    rig.clock.now += SECOND;
    rig.purges.push({ kind: "url", value: "/a", soft: false, at: rig.clock.now });
    rig.clock.now += SECOND;
    const after = Array.from({ length: 50 }, async () => (await rig.get("/a")).response.text());
    await new Promise((resolve) => setTimeout(resolve, 5));
    waiting[0]?.(answer("old", PAGE));
    expect(await (await before).response.text()).toBe("old");
    await until(() => waiting.length === 2);
    waiting[1]?.(answer("new", PAGE, 200, rig.clock.now));
    expect(new Set(await Promise.all(after))).toEqual(new Set(["new"]));
    await rig.settle();
    expect([rig.asked.length, (await rig.get("/a")).outcome]).toEqual([2, "hit"]);
  });
});

describe("a page that is gone", () => {
  it.each([404, 410])("(%d, without a lifetime) is not served stale any longer", async (status) => {
    const rig = rigOf(follow());
    const swr = { "cache-control": "max-age=10, stale-while-revalidate=600" };
    rig.origin = () => answer("page", swr, 200, rig.clock.now);
    await (await rig.get("/a")).response.text();
    await rig.settle();
    rig.clock.now += 20 * SECOND;
    rig.origin = () => answer("gone", { "cache-control": "max-age=0" }, status, rig.clock.now);
    expect((await rig.get("/a")).outcome).toBe("stale");
    await rig.settle();
    expect((await rig.get("/a")).response.status).toBe(status);
  });
});

describe("absurd numbers", () => {
  it("an age without end is one of 68 years, in both tiers", async () => {
    const cacheApi = await caches.open("absurd-age");
    const rig = rigOf(policyOf([classWith({ stale: { whileRevalidate: 0, ifError: 600 } })]), cacheApi);
    rig.origin = () => answer("x", { ...PAGE, etag: '"1"', age: "9".repeat(400) });
    const first = await rig.get("/a");
    expect(statusOf(first)).toMatch(/ttl=-\d+; stored$/);
    expect(first.response.headers.get("age")).toMatch(/^\d{10}$/);
    await first.response.text();
    await rig.settle();
    const other = rigOf(policyOf([classWith()]), cacheApi, rig.clock);
    other.origin = rig.origin;
    expect((await other.get("/a")).outcome).not.toBe("hit");
  });
});

describe("memory", () => {
  it("of purges and invalidations does not grow with the addresses that strangers choose", () => {
    const view = new PurgeView([]);
    const long = "x".repeat(16_000);
    const purge = (value: string): Purge => ({ kind: "url", value, soft: false, at: 1 });
    for (let index = 0; index < 500; index++) view.add(purge(`/${index}${long}`));
    // Ten thousand such addresses are 320 MB, more than an isolate has: only their hashes are kept.
    expect(view.stateOf(storedHead({ target: `/7${long}` }))).toBe("hard");
    expect(view.stateOf(storedHead({ target: "/other" }))).toBe("none");
  });

  it("of a body that drips in counts what its pieces take, not their bytes alone", async () => {
    const budget = byteBudget(25_600);
    const log = new BodyLog(() => 0, SECOND);
    let left = 1000;
    const { readable, writable } = new IdentityTransformStream();
    const drip = async (): Promise<void> => {
      const writer = writable.getWriter();
      while (left-- > 0) await writer.write(new Uint8Array(1));
      await writer.close();
    };
    const reader = log.stream();
    const [, bytes, whole] = await Promise.all([
      drip(),
      new Response(reader).arrayBuffer(),
      log.fill(readable, 1_000_000, budget, () => undefined),
    ]);
    expect([bytes.byteLength, whole, log.whole]).toEqual([1000, undefined, false]);
    expect(budget.take(25_600)).toBe(true);
  });

  it("of a few bytes read into a large buffer is that of the bytes", () => {
    const view = new Uint8Array(4096).subarray(0, 5);
    expect(compact(view).buffer.byteLength).toBe(5);
    const most = new Uint8Array(4096).subarray(0, 3000);
    expect(compact(most)).toBe(most);
  });

  it("of many large bodies at once is bounded: what is over it is streamed and not stored", async () => {
    const rig = rigOf(policyOf([classWith()], { memoryBytes: 67_108_864, objectBytes: 2_097_152 }));
    const ends: (() => void)[] = [];
    rig.origin = () => {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(new Uint8Array(2_000_000));
          ends.push(() => controller.close());
        },
      });
      return new Response(body, { headers: PAGE });
    };
    const pages = await Promise.all(Array.from({ length: 20 }, async (_, index) => rig.get(`/${index}`)));
    await new Promise((resolve) => setTimeout(resolve, 10));
    const bodies = pages.map(async ({ response }) => (await response.arrayBuffer()).byteLength);
    await new Promise((resolve) => setTimeout(resolve, 10));
    for (const end of ends) end();
    expect(await Promise.all(bodies)).toEqual(pages.map(() => 2_000_000));
    await rig.settle();
    rig.asked.length = 0;
    rig.origin = () => answer("x", PAGE);
    for (const [index] of pages.entries()) await (await rig.get(`/${index}`)).response.body?.cancel();
    // 32 MB of 40 were held.
    expect(rig.asked).toHaveLength(4);
  });
});
