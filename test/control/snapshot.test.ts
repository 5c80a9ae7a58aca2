import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { createControl, type Control } from "../../src/control/index.ts";
import type { ControlPort, Published } from "../../src/control/object.ts";

const why = { actor: "alice", reason: "test", expected: null };
const empty: Published = {
  version: 0,
  revision: 0,
  mode: null,
  overrides: [],
  rules: { active: null },
  rooms: {},
  versions: {},
  purges: [],
};

/** An isolate with a clock that tests move, before an object that they script. */
function isolate(cacheApi: Cache | null = null) {
  const object = { published: empty, reads: 0, answer: "at once" as "at once" | "never" | "fails" };
  let now = 1_000_000;
  const sleepers: { readonly until: number; readonly wake: () => void }[] = [];
  const background: Promise<unknown>[] = [];
  const port: Pick<ControlPort, "read"> = {
    read: (known) => {
      object.reads++;
      if (object.answer === "never") return new Promise(() => undefined);
      if (object.answer === "fails") return Promise.reject(new Error("out of reach"));
      return Promise.resolve(object.published.revision === known ? null : JSON.stringify(object.published));
    },
  };
  const control = createControl({
    namespace: { getByName: () => port } as unknown as DurableObjectNamespace,
    cacheApi,
    builtin: { mode: "block" },
    clock: () => now,
    sleep: (ms) =>
      new Promise<void>((wake) => {
        sleepers.push({ until: now + ms, wake });
      }),
    longestLifetimeMs: 86_400_000,
    observe: () => undefined,
  });
  return {
    control,
    object,
    background,
    decide(mode: "block" | "monitor", until: number | null = null): void {
      const version = object.published.version + 1;
      object.published = {
        ...object.published,
        version,
        revision: version,
        mode: { mode, until, after: null },
      };
    },
    /** Lets time pass, waking who sleeps on the way. */
    async pass(ms: number): Promise<void> {
      const end = now + ms;
      for (; now < end; now++) {
        for (const sleeper of sleepers.splice(0)) {
          if (sleeper.until <= now + 1) sleeper.wake();
          else sleepers.push(sleeper);
        }
        await Promise.resolve();
      }
    },
    snapshot: () => control.snapshot(now, (work) => background.push(work)),
    /** The requests under way end here, and their timers with them. */
    cutOff: () => void sleepers.splice(0),
    settle: () => Promise.all(background.splice(0)),
    get now() {
      return now;
    },
  };
}

describe("snapshot", () => {
  it("asks the object once and then serves from memory for a second", async () => {
    const edge = isolate();
    for (let count = 0; count < 100; count++) await edge.snapshot();
    await edge.pass(999);
    await edge.snapshot();
    expect(edge.object.reads).toBe(1);
    expect(edge.background).toHaveLength(0);
  });

  it("serves what it holds and asks again in the background after a second", async () => {
    const edge = isolate();
    await edge.snapshot();
    edge.decide("monitor");
    await edge.pass(1000);
    expect((await edge.snapshot()).mode).toBe("block");
    await edge.settle();
    expect((await edge.snapshot()).mode).toBe("monitor");
    expect(edge.object.reads).toBe(2);
  });

  it("has one refresh under way at a time", async () => {
    const edge = isolate();
    await edge.snapshot();
    await edge.pass(1500);
    for (let count = 0; count < 50; count++) await edge.snapshot();
    expect(edge.object.reads).toBe(2);
  });

  it("waits where what it holds could be older than the promise", async () => {
    const edge = isolate();
    await edge.snapshot();
    edge.decide("monitor");
    await edge.pass(3501);
    expect((await edge.snapshot()).mode).toBe("monitor");
  });

  it("makes a cold crowd share one read, without sharing a promise", async () => {
    const edge = isolate();
    const crowd = Promise.all(Array.from({ length: 100 }, async () => edge.snapshot()));
    await edge.pass(20);
    expect((await crowd).every(({ source }) => source === "control")).toBe(true);
    expect(edge.object.reads).toBe(1);
  });

  it("takes over from a request that was cut off in the middle of a read", async () => {
    const edge = isolate();
    edge.object.answer = "never";
    void edge.snapshot();
    await edge.pass(10);
    edge.cutOff();
    edge.object.answer = "at once";
    const next = edge.snapshot();
    await edge.pass(1300);
    expect((await next).source).toBe("control");
  });

  it("falls back to the built-in policy where the object was never reached, and comes back", async () => {
    const edge = isolate();
    edge.object.answer = "fails";
    expect(await edge.snapshot()).toMatchObject({ source: "builtin", mode: "block", version: 0 });
    edge.object.answer = "at once";
    edge.decide("monitor");
    await edge.pass(1000);
    expect(await edge.snapshot()).toMatchObject({ source: "control", mode: "monitor" });
  });

  it("serves the last known good while the object fails, asking once a second", async () => {
    const edge = isolate();
    edge.decide("monitor");
    await edge.snapshot();
    edge.object.answer = "fails";
    for (let second = 0; second < 60; second++) {
      await edge.pass(1000);
      expect((await edge.snapshot()).mode).toBe("monitor");
      expect((await edge.snapshot()).mode).toBe("monitor");
      await edge.settle();
    }
    expect(edge.object.reads).toBeLessThanOrEqual(61);
  });

  it("holds a request up by 1.2 s at most where the object hangs, and the next ones not at all", async () => {
    const edge = isolate();
    edge.object.answer = "never";
    const first = edge.snapshot();
    await edge.pass(1201);
    expect(await first).toMatchObject({ source: "builtin" });
    const before = edge.now;
    for (let count = 0; count < 20; count++) await edge.snapshot();
    expect(edge.now).toBe(before);
  });

  it("computes the mode when it is asked: an expiry needs nobody", async () => {
    const edge = isolate();
    edge.decide("monitor", edge.now + 500);
    expect((await edge.snapshot()).mode).toBe("monitor");
    await edge.pass(500);
    expect((await edge.snapshot()).mode).toBe("block");
    expect(edge.object.reads).toBe(1);
  });

  it("keeps its identity while nothing changes", async () => {
    const edge = isolate();
    const first = await edge.snapshot();
    await edge.pass(1000);
    await edge.snapshot();
    await edge.settle();
    expect(await edge.snapshot()).toBe(first);
  });

  it("shows a change made through this isolate at once, whatever the site still holds", async () => {
    const edge = isolate(await caches.open("forget"));
    await edge.snapshot();
    edge.decide("monitor");
    edge.control.forget();
    expect((await edge.snapshot()).mode).toBe("monitor");
  });

  it("is not undone by a refresh that began before the change", async () => {
    const edge = isolate();
    await edge.snapshot();
    await edge.pass(1000);
    await edge.snapshot();
    edge.decide("monitor");
    edge.control.forget();
    await edge.settle();
    expect((await edge.snapshot()).mode).toBe("monitor");
  });
});

describe("the site's cache", () => {
  it("spares the object the isolates of a site", async () => {
    const site = await caches.open("site");
    const first = isolate(site);
    first.decide("monitor");
    await first.snapshot();
    const second = isolate(site);
    expect((await second.snapshot()).mode).toBe("monitor");
    expect([first.object.reads, second.object.reads]).toEqual([1, 0]);
  });

  it("is not believed after two seconds", async () => {
    const site = await caches.open("old-site");
    await isolate(site).snapshot();
    const later = isolate(site);
    await later.pass(2000);
    await later.snapshot();
    expect(later.object.reads).toBe(1);
  });

  it("that fails is no cache", async () => {
    const broken = {
      match: () => Promise.reject(new Error("broken")),
      put: () => Promise.reject(new Error("broken")),
    } as unknown as Cache;
    expect(await isolate(broken).snapshot()).toMatchObject({ source: "control" });
  });
});

describe("a change over the real object", () => {
  it("is in force in every isolate of every site within 5 s", async () => {
    const sites = await Promise.all(["gru", "fra", "sin"].map((name) => caches.open(`real-${name}`)));
    const readers = sites.flatMap((cacheApi) =>
      Array.from({ length: 4 }, () =>
        createControl({
          namespace: env.CONTROL,
          cacheApi,
          builtin: { mode: "block" },
          clock: Date.now,
          sleep: (ms) => scheduler.wait(ms),
          longestLifetimeMs: 86_400_000,
          observe: () => undefined,
        }),
      ),
    );
    const background: Promise<unknown>[] = [];
    const modeOf = async (control: Control): Promise<string> =>
      (await control.snapshot(Date.now(), (work) => background.push(work))).mode;
    await Promise.all(readers.map(modeOf));

    const [first] = readers;
    expect(await first?.port.change({ kind: "mode", mode: "monitor", forMs: null }, why)).toMatchObject({
      ok: true,
    });
    const changedAt = Date.now();
    const lags = await Promise.all(
      readers.map(async (control, index) => {
        // Some read all the time, some now and then.
        while ((await modeOf(control)) === "block") await scheduler.wait(20 + 150 * (index % 4));
        return Date.now() - changedAt;
      }),
    );
    await Promise.all(background);
    expect(lags).toHaveLength(12);
    expect(Math.max(...lags)).toBeLessThan(5000);
    console.log(`in force everywhere after ${Math.max(...lags)} ms (12 isolates of 3 sites)`);
  }, 15_000);
});
