/** What shoppers' requests make invalid, from the isolate that saw it to all others; and what a flood of it may cost. */
import { env } from "cloudflare:workers";
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import {
  type ControlObject,
  type Invalidation,
  type InvalidationEvent,
  createControl,
} from "../../src/control/index.ts";
import { INVALIDATIONS_A_MINUTE, MAX_INVALIDATIONS } from "../../src/control/invalidations.ts";
import type { Published } from "../../src/control/object.ts";
import {
  EVERY_MS,
  GATHER_MS,
  MAX_VALUE,
  MAX_WAITING,
  Outbox,
  createInvalidator,
} from "../../src/control/outbox.ts";

const url = (value: string): Invalidation => ({ kind: "url", value });
const urls = (count: number, from = 0): Invalidation[] =>
  Array.from({ length: count }, (_, index) => url(`/p/${from + index}`));
const DAY = 86_400_000;

describe("an isolate's outbox", () => {
  it("sends repeats once, after a moment in which others may join", () => {
    const outbox = new Outbox();
    expect(outbox.promise(0)).toBeNull();
    expect(outbox.add([url("/a"), url("/a"), { kind: "tag", value: "/a" }], 0)).toBe(0);
    expect(outbox.promise(0)).toBe(GATHER_MS);
    expect(outbox.add([url("/a"), url("/b")], 100)).toBe(0);
    expect(outbox.promise(100)).toBeNull();
    expect(outbox.take(250)).toEqual([url("/a"), { kind: "tag", value: "/a" }, url("/b")]);
    expect(outbox.take(250)).toEqual([]);
  });

  it("sends every 5 s at most, and so many at a time", () => {
    const outbox = new Outbox();
    outbox.add([url("/first")], 0);
    outbox.promise(0);
    outbox.take(250);
    expect(outbox.add(urls(MAX_WAITING + 8), 300)).toBe(8);
    expect(outbox.promise(300)).toBe(EVERY_MS - 50);
    expect(outbox.take(5250)).toHaveLength(MAX_WAITING);
  });

  it("drops what is too long for a list that every isolate reads", () => {
    expect(new Outbox().add([url(`/${"x".repeat(MAX_VALUE)}`)], 0)).toBe(1);
  });

  it("takes in nothing while it rests", () => {
    const outbox = new Outbox();
    outbox.rest(1000);
    expect([outbox.add([url("/a")], 999), outbox.add([url("/a")], 1000)]).toEqual([1, 0]);
  });

  it("promises anew what a request promised that was cut off", () => {
    const outbox = new Outbox();
    outbox.add([url("/a")], 0);
    expect([outbox.promise(0), outbox.promise(19_999), outbox.promise(20_000)]).toEqual([
      GATHER_MS,
      null,
      GATHER_MS,
    ]);
  });
});

describe("sending", () => {
  /** A sender whose clock jumps to the end of every sleep. */
  function sender(answers: readonly (Error | { readonly refused: number; readonly restMs: number })[]) {
    let now = 0;
    const left = [...answers];
    const sent: (readonly Invalidation[])[] = [];
    const events: InvalidationEvent[] = [];
    const behind: Promise<unknown>[] = [];
    const invalidate = createInvalidator({
      send: async (invalidations) => {
        sent.push(invalidations);
        const next = left.shift() ?? { refused: 0, restMs: 0 };
        if (next instanceof Error) throw next;
        return next;
      },
      clock: () => now,
      sleep: async (ms) => void (now += ms),
      observe: (event) => events.push(event),
    });
    return {
      sent,
      events,
      invalidate: async (invalidations: readonly Invalidation[]) => {
        invalidate(invalidations, (work) => behind.push(work));
        await Promise.all(behind.splice(0));
      },
    };
  }

  it("a flood of a thousand different ones is one call, the rest counted", async () => {
    const { sent, events, invalidate } = sender([]);
    await invalidate(urls(1000));
    expect(sent.map((batch) => batch.length)).toEqual([MAX_WAITING]);
    expect(events).toEqual([
      { kind: "invalidations", end: "dropped", count: 1000 - MAX_WAITING },
      { kind: "invalidations", end: "published", count: MAX_WAITING },
    ]);
  });

  it("tries an object out of reach three times, then counts what is lost", async () => {
    const away = new Error("out of reach");
    const twice = sender([away, away]);
    await twice.invalidate([url("/a")]);
    expect([twice.sent.length, twice.events]).toEqual([
      3,
      [{ kind: "invalidations", end: "published", count: 1 }],
    ]);
    const always = sender([away, away, away]);
    await always.invalidate([url("/a")]);
    expect(always.events).toEqual([{ kind: "invalidations", end: "lost", count: 1 }]);
  });

  it("rests when the object has enough", async () => {
    const { sent, events, invalidate } = sender([{ refused: 1, restMs: 60_000 }]);
    await invalidate(urls(3));
    await invalidate(urls(2, 10));
    expect(sent).toHaveLength(1);
    expect(events).toEqual([
      { kind: "invalidations", end: "published", count: 2 },
      { kind: "invalidations", end: "refused", count: 1 },
      { kind: "invalidations", end: "dropped", count: 2 },
    ]);
  });
});

let made = 0;

function object() {
  const stub = env.CONTROL.getByName(`invalidations-${made++}`);
  const typed: DurableObjectStub<ControlObject> = Object.assign(stub);
  const run = <R>(act: (control: ControlObject, state: DurableObjectState) => R | Promise<R>): Promise<R> =>
    runInDurableObject<ControlObject, R>(typed, act);
  const read = async (): Promise<Published> => {
    const published: Published = JSON.parse((await run((control) => control.read(-1))) ?? "");
    return published;
  };
  return { stub, run, read };
}

const why = { actor: "alice", reason: "test", expected: null };

describe("the object's list of invalidations", () => {
  it("is published as hard purges, is no decision, and outlives an eviction", async () => {
    const { stub, run, read } = object();
    await run((control) => control.change({ kind: "mode", mode: "monitor", forMs: null }, why));
    const known = (await read()).revision;
    await run((control) => control.invalidate([url("/a"), { kind: "tag", value: "prices" }], DAY));
    expect(await run((control) => control.read(known))).not.toBeNull();
    await evictDurableObject(stub);
    const published = await read();
    expect(published).toMatchObject({
      version: 1,
      revision: 3,
      purges: [
        { id: 0, kind: "url", value: "/a", soft: false },
        { id: 0, kind: "tag", value: "prices", soft: false },
      ],
    });
    expect(await run((control) => control.read(published.revision))).toBeNull();
    expect(await run((control) => control.audit(10, null, true))).toHaveLength(1);
  });

  it("takes 600 a minute over all isolates, and tells those it refuses to rest", async () => {
    const { run } = object();
    const answers = await run(async (control) => {
      const all = [];
      for (let batch = 0; batch < 25; batch++)
        all.push(await control.invalidate(urls(MAX_WAITING, batch * MAX_WAITING), DAY));
      return all;
    });
    const refused = answers.reduce((sum, answer) => sum + answer.refused, 0);
    const most = 25 * MAX_WAITING - INVALIDATIONS_A_MINUTE;
    // What a slow machine's second allows besides.
    expect(refused).toBeGreaterThan(most - 60);
    expect(refused).toBeLessThanOrEqual(most);
    expect(answers.at(-1)?.restMs).toBeGreaterThan(0);
  });

  it("holds the newest alone, beside the purges, and never becomes a purge of everything", async () => {
    const { run, read } = object();
    await run((control) =>
      control.purge([{ kind: "tag", values: ["stock"], soft: false, keepMs: DAY }], why),
    );
    await run(async (control, state) => {
      // As after hours of a flood, without waiting for its minutes.
      for (let id = 1; id <= 3000; id++)
        state.storage.sql.exec(
          "INSERT INTO invalidations VALUES (?, 'url', ?, ?)",
          id,
          `/p/${id}`,
          Date.now(),
        );
      await control.invalidate([url("/newest")], DAY);
    });
    const { purges, revision } = await read();
    expect(purges).toHaveLength(1 + MAX_INVALIDATIONS);
    expect(purges[0]).toMatchObject({ kind: "tag", value: "stock" });
    expect(purges.at(-1)).toMatchObject({ value: "/newest" });
    expect(purges.filter(({ kind }) => kind === "all")).toEqual([]);
    expect(revision).toBe(1 + 3001);
  });

  it("lets go of what nothing can be older than, and its revision never falls", async () => {
    const { run, read } = object();
    await run(async (control, state) => {
      await control.invalidate(urls(3), DAY);
      state.storage.sql.exec("UPDATE invalidations SET at = 0");
      await control.invalidate([url("/new")], DAY);
    });
    const { purges, revision } = await read();
    expect([purges.map(({ value }) => value), revision]).toEqual([["/new"], 4]);
    await run((control) => control.invalidate([url("/new")], DAY));
    expect(await read()).toMatchObject({ revision: 5, purges: [{ value: "/new" }] });
  });
});

describe("an unsafe request in one isolate", () => {
  it("purges in every other within 5 s", async () => {
    const isolates = await Promise.all(
      ["gru", "gru", "fra"].map(async (site) =>
        createControl({
          namespace: env.CONTROL,
          cacheApi: await caches.open(`invalidating-${site}`),
          builtin: { mode: "block" },
          clock: Date.now,
          sleep: (ms) => scheduler.wait(ms),
          longestLifetimeMs: DAY,
          observe: () => undefined,
        }),
      ),
    );
    const behind: Promise<unknown>[] = [];
    const waitUntil = (work: Promise<unknown>): void => void behind.push(work);
    await Promise.all(isolates.map(async (control) => control.snapshot(Date.now(), waitUntil)));
    const [first] = isolates;
    first?.invalidate([url("/product/x")], waitUntil);
    const at = Date.now();
    const lags = await Promise.all(
      isolates.map(async (control) => {
        for (;;) {
          const { purges } = await control.snapshot(Date.now(), waitUntil);
          if (purges.some(({ value }) => value === "/product/x")) return Date.now() - at;
          await scheduler.wait(50);
        }
      }),
    );
    await Promise.all(behind);
    expect(Math.max(...lags)).toBeLessThan(5000);
  });
});

describe("what isolates read", () => {
  it("stays below 600 KB after 20,000 purges, and below 1 MB whatever is purged", async () => {
    const { run } = object();
    const bytes = async (): Promise<number> => ((await run((control) => control.read(-1))) ?? "").length;
    const purged = (kind: "tag" | "url", values: readonly string[]) =>
      run((control) => control.purge([{ kind, values, soft: false, keepMs: DAY }], why));
    for (let from = 0; from < 20_000; from += 4000)
      await purged(
        "tag",
        Array.from({ length: 4000 }, (_, index) => `product-${from + index}`),
      );
    expect(await bytes()).toBeLessThan(600_000);
    for (let batch = 0; batch < 20; batch++)
      await purged(
        "url",
        Array.from({ length: 15 }, (_, index) => `/${batch}/${index}/${"x".repeat(8000)}`),
      );
    expect(await bytes()).toBeLessThan(1_000_000);
    await run((_, state) => {
      const [row] = state.storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM purges").toArray();
      expect(row?.n).toBeLessThanOrEqual(4096);
    });
  });
});
