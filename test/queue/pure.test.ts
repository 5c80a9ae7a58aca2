import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalize } from "../../src/http/canonical.ts";
import {
  aheadAfter,
  peopleAhead,
  peopleBefore,
  pollAfterMs,
  promise,
  waitMs,
} from "../../src/queue/estimate.ts";
import {
  AliveHistogram,
  type Delta,
  dueUnit,
  GRACE_MS,
  newcomerBin,
  UNDRAWN,
} from "../../src/queue/histogram.ts";
import { commitment, draw, isDrawn, newSeed, placeOfLot } from "../../src/queue/lottery.ts";
import { roomConfig, roomOf, withCapacity } from "../../src/queue/room-config.ts";
import { Room } from "../../src/queue/room.ts";
import { Lateness } from "../../src/queue/lateness.ts";
import { languageOf } from "../../src/queue/texts.ts";
import { gatesFor } from "../../src/queue/gates.ts";
import {
  EXTRAPOLATE_MS,
  extrapolated,
  nextBoost,
  nextWatermark,
  placeAt,
} from "../../src/queue/watermark.ts";
import { pathPattern, roomPolicy, START } from "./rig.ts";

describe("the alive histogram", () => {
  it("counts who polls, moves who polls again, forgets who stops, and heals what was lost", () => {
    const alive = new AliveHistogram(1000);
    const due = dueUnit(START + 10_000);
    alive.add(
      [
        [5, due, 1],
        [5, due, 1],
        [6, due, 1],
      ],
      START,
    );
    expect(alive.spans(START, null).map(({ count }) => count)).toEqual([2, 1]);
    alive.add(
      [
        [5, due, -1],
        [5, dueUnit(START + 20_000), 1],
      ],
      START + 10_000,
    );
    const later = START + 10_000 + GRACE_MS + 2000;
    expect(alive.spans(later, null)).toEqual([{ from: 5000, to: 6000, count: 1 }]);
    expect(alive.left).toBe(2);
    // The move of somebody who was never reported leaves no ghost behind.
    alive.add(
      [
        [7, dueUnit(later), -1],
        [7, dueUnit(later + 5000), 1],
      ],
      later,
    );
    const end = later + 60_000;
    alive.add([], end);
    expect(alive.spans(end, null)).toEqual([]);
  });

  it("ends at zero for any polls, in any order, some lost (100 runs)", () => {
    const polls = fc.array(fc.record({ bin: fc.nat(20), gap: fc.nat(20_000), lost: fc.boolean() }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(polls, (steps) => {
        const alive = new AliveHistogram(1000);
        let now = START;
        const dueOf = new Map<number, number>();
        for (const { bin, gap, lost } of steps) {
          now += gap;
          const next = dueUnit(now + 5000);
          const before = dueOf.get(bin);
          const deltas: Delta[] = [[bin, next, 1]];
          if (before !== undefined) deltas.push([bin, before, -1]);
          dueOf.set(bin, next);
          if (!lost) alive.add(deltas, now);
        }
        alive.add([], now + 60_000);
        expect(alive.spans(now + 60_000, null)).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  it("learns how many newcomers never come back, and counts only those who will", () => {
    const alive = new AliveHistogram(1000);
    let now = START;
    for (let second = 0; second < 30; second++, now += 1000) {
      // Ten come, six of them are back five seconds later.
      alive.add([[newcomerBin(second), dueUnit(now + 5000), 10]], now);
      if (second >= 5) {
        const back: Delta = [newcomerBin(second - 5), dueUnit(now), -6];
        alive.add([back, [second - 5, dueUnit(now + 5000), 6]], now);
      }
    }
    expect(alive.returning).toBeCloseTo(0.6);
    const newest = alive.spans(now, null).filter(({ from }) => from === 29_000);
    expect(newest).toEqual([{ from: 29_000, to: 30_000, count: 6 }]);
    expect(alive.neverBack).toBeGreaterThan(60);
  });

  it("takes back that somebody left where the news of his poll was late", () => {
    const alive = new AliveHistogram(1000);
    const due = dueUnit(START + 5000);
    alive.add(
      [
        [3, due, 60],
        [newcomerBin(4), due, 60],
      ],
      START,
    );
    const later = START + 5000 + GRACE_MS + 2000;
    expect(alive.spans(later, null)).toEqual([]);
    expect([alive.left, alive.neverBack, alive.returning]).toEqual([60, 60, 0]);
    const next = dueUnit(later + 5000);
    alive.add(
      [
        [3, due, -50],
        [3, next, 50],
        [newcomerBin(4), due, -45],
        [4, next, 45],
      ],
      later,
    );
    expect([alive.left, alive.neverBack, alive.returning]).toEqual([10, 15, 0.75]);
    expect(alive.spans(later, null).map(({ count }) => count)).toEqual([50, 45]);
  });

  it("spreads those without a lot over the pre-queue", () => {
    const alive = new AliveHistogram(1000);
    alive.add([[UNDRAWN, dueUnit(START), 100]], START);
    expect(placeAt(alive.spans(START, { from: 0, to: 1000 }), 25)).toBeCloseTo(250);
    expect(alive.spans(START, null)).toEqual([]);
  });
});

describe("the watermark", () => {
  it("has as many people before it as are called, wherever they stand (100 runs)", () => {
    const spans = fc.array(fc.record({ bin: fc.nat(500), count: fc.integer({ min: 1, max: 50 }) }), {
      minLength: 1,
      maxLength: 80,
    });
    fc.assert(
      fc.property(spans, fc.integer({ min: 1, max: 2000 }), (bins, people) => {
        const list = bins.map(({ bin, count }) => ({ from: bin * 1000, to: bin * 1000 + 1000, count }));
        const total = list.reduce((sum, { count }) => sum + count, 0);
        const place = placeAt(list, people);
        if (place === null) {
          expect(total).toBeLessThanOrEqual(people);
          return;
        }
        const before = list.reduce(
          (sum, { from, to, count }) =>
            sum + (count * Math.min(Math.max(place - from, 0), to - from)) / (to - from),
          0,
        );
        expect(before).toBeCloseTo(people, 4);
      }),
      { numRuns: 100 },
    );
  });

  it("calls a whole millisecond: a crowd that came at once cannot stall it", () => {
    expect(
      placeAt(
        [
          { from: 5, to: 6, count: 10 },
          { from: 9, to: 10, count: 10 },
        ],
        3,
      ),
    ).toBe(6);
  });

  it("never goes back; without news it goes on a little faster, for a while", () => {
    const first = nextWatermark({ key: 1000, slope: 0, at: START }, 3000, START + 1000);
    expect(first.key).toBe(3000);
    expect(nextWatermark(first, 2000, START + 2000).key).toBe(3000);
    expect(nextWatermark(first, null, START + 2000).key).toBeNull();
    const moving = { key: 1000, slope: 2, at: START };
    expect(extrapolated(moving, START + 5000)).toBe(11_000);
    expect(extrapolated(moving, START + 15_000)).toBe(31_000);
    const end = extrapolated(moving, START + EXTRAPOLATE_MS);
    expect(extrapolated(moving, START + 10 * EXTRAPOLATE_MS)).toBe(end);
    expect(extrapolated({ key: null, slope: 1, at: START }, START + 1000)).toBe(Infinity);
    expect(extrapolated({ key: null, slope: 1, at: START }, START + EXTRAPOLATE_MS + 1)).toBe(START);
  });

  it("calls more while tokens stay over, and fewer once they are taken", () => {
    expect(nextBoost(1, 0)).toBe(2);
    expect(nextBoost(4, 1)).toBeCloseTo(3.6);
    expect(nextBoost(1, 1)).toBe(1);
  });
});

describe("estimates", () => {
  it("interpolate the line", () => {
    const table = [
      [0, 0],
      [100, 50],
      [200, 60],
    ] as const;
    expect(peopleAhead(table, 50)).toBe(25);
    expect(peopleAhead(table, 150)).toBe(55);
    expect(peopleAhead(table, 500)).toBe(60);
    expect(peopleAhead([], 5)).toBe(0);
  });

  it("count those of whom the room has not heard yet: who came here since, or probably elsewhere; not who came long ago and is in line no longer", () => {
    const line = { table: [], at: START, arriving: 0, reportEveryMs: 250 };
    const issued = [START - 60_000, START - 30_000, START - 1000, START + 10, START + 20];
    expect(peopleBefore(line, START + 100, issued)).toBe(3);
    expect(peopleBefore(line, START + 15, issued)).toBe(2);
    expect(peopleBefore({ ...line, arriving: 50 }, START + 100, issued)).toBe(5);
    const known = [
      [START - 2000, 0],
      [START + 10, 40],
    ] as const;
    expect(peopleBefore({ ...line, table: known }, START + 100, issued)).toBe(42);
    expect(peopleBefore({ ...line, table: known }, START - 2000, issued)).toBe(0);
  });

  it("count on those who leave", () => {
    expect(waitMs(600, 10, 0)).toBe(60_000);
    // dx/dt = -(10 + x/480): the line of 6000 empties in 480 ln(1 + 6000/4800) s.
    expect(waitMs(6000, 10, 1 / 480)).toBeCloseTo(480_000 * Math.log(2.25), 0);
    expect(waitMs(10, 0, 0)).toBe(Infinity);
  });

  it("go on without news: whom people came in before `ms` ago waits `ms` less", () => {
    expect(aheadAfter(600, 10, 0, 20_000)).toBe(400);
    expect(aheadAfter(600, 10, 0, 70_000)).toBe(0);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.double({ min: 0.1, max: 5000, noNaN: true }),
        fc.double({ min: 0.0001, max: 0.01, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (ahead, perSecond, leaving, part) => {
          const wait = waitMs(ahead, perSecond, leaving);
          const later = aheadAfter(ahead, perSecond, leaving, part * wait);
          expect(Math.abs(waitMs(later, perSecond, leaving) - (1 - part) * wait)).toBeLessThan(
            1 + wait / 1e6,
          );
        },
      ),
    );
  });

  it("do not creep: a promise is kept unless it is clearly wrong, and better news is passed on", () => {
    expect(promise(0, 100_000, 0)).toBe(100_000);
    expect(promise(100_000, 90_000, 0)).toBe(90_000);
    expect(promise(100_000, 110_000, 0)).toBe(100_000);
    expect(promise(100_000, 150_000, 0)).toBe(150_000);
  });

  it("lead to polls of 3 to 22 s, half of the wait, just before a near turn", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 10_000_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (wait, random) => {
          const poll = pollAfterMs(wait, random);
          expect(poll).toBeGreaterThanOrEqual(wait < 4000 ? 1000 : 2700);
          expect(poll).toBeLessThanOrEqual(22_000);
        },
      ),
    );
    expect(pollAfterMs(40_000, 1)).toBe(20_000);
    expect(pollAfterMs(5000, 1)).toBe(3000);
    expect(pollAfterMs(3000, 0)).toBe(2500);
  });
});

describe("polls of an edge that is too slow", () => {
  it("are up to twice as far apart, and never beyond the turn or 22 s", () => {
    expect(pollAfterMs(20_000, 1, 2)).toBe(19_500);
    expect(pollAfterMs(20_000, 1, 1.5)).toBe(15_000);
    expect(pollAfterMs(60_000, 1, 2)).toBe(22_000);
    expect(pollAfterMs(5000, 1, 2)).toBe(4500);
    expect(pollAfterMs(3000, 1, 2)).toBe(2500);
  });

  it("are told by half of all polls that come late, not by pages in the background", () => {
    const late = (of: (poll: number) => number): number => {
      const lateness = new Lateness();
      for (let poll = 0; poll < 1000; poll++) lateness.note(of(poll));
      return lateness.stretch;
    };
    expect(late(() => 300)).toBe(1);
    expect(late((poll) => (poll % 5 < 2 ? 60_000 : 300))).toBe(1);
    expect(late(() => 1600)).toBeCloseTo(1.5, 1);
    expect(late(() => 60_000)).toBe(2);
    const over = new Lateness();
    for (let poll = 0; poll < 1000; poll++) over.note(poll < 500 ? 5000 : 100);
    expect(over.stretch).toBe(1);
  });
});

describe("the lottery", () => {
  const event = {
    name: "x",
    prequeueAt: START,
    startsAt: START + 60_000,
    endsAt: START + 120_000,
    shuffle: true,
  };

  it("gives every ticket one lot, uniform, that anybody can check against the commitment", async () => {
    const seed = newSeed();
    expect(await commitment(seed)).toBe(await commitment(seed));
    expect(await commitment(newSeed())).not.toBe(await commitment(seed));
    const lots = draw(seed);
    const count = 4000;
    const drawn = await Promise.all(Array.from({ length: count }, (_, id) => lots(`ticket-${id}`)));
    expect(await draw(seed)("ticket-7")).toBe(drawn[7]);
    // Chi-square over 20 cells: 19 degrees of freedom, 99.99% below 52.4.
    const cells = Array.from({ length: 20 }, () => 0);
    for (const lot of drawn) cells[Math.floor(lot * 20)] = (cells[Math.floor(lot * 20)] ?? 0) + 1;
    const chi = cells.reduce((sum, seen) => sum + (seen - count / 20) ** 2 / (count / 20), 0);
    expect(chi).toBeLessThan(52.4);
  });

  it("places those of the pre-queue before everybody else, and only those", () => {
    expect(isDrawn(event, START + 59_999)).toBe(true);
    expect(isDrawn(event, START + 60_000)).toBe(false);
    expect(isDrawn({ ...event, shuffle: false }, START)).toBe(false);
    expect(isDrawn(null, START)).toBe(false);
    expect(placeOfLot(event, 0)).toBe(START);
    expect(placeOfLot(event, 0.9999)).toBeLessThan(event.startsAt);
  });

  it("refuses a seed that is none", async () => {
    await expect(commitment("***")).rejects.toThrow("base64url");
    expect(() => draw("a")).toThrow("base64url");
  });
});

describe("the room", () => {
  it("keeps its watermark over a restart while it learns the line again", () => {
    const config = roomConfig(roomPolicy({ state: "queue-all" }), null, START);
    const memory = { epoch: "0", watermark: { key: 5000, slope: 1, at: START - 1000 } };
    const none = { commitment: null, seed: null };
    const room = new Room(config, memory, START);
    expect(room.snapshot(none, START).watermark.key).toBe(5000);
    expect(room.snapshot(none, START + 1000).watermark.key).toBe(6000);
    // Gates that went on meanwhile have come further than it knew.
    const report = {
      gate: 0,
      deltas: [],
      batches: 0,
      asks: 9,
      admitted: 9,
      reached: 20_000,
      possible: 9,
      active: 0,
      revoked: [],
    };
    room.hear(report, START + 1100);
    expect(room.snapshot(none, START + 1300).watermark.key).toBeGreaterThan(20_000);
    // Another epoch's watermark means nothing.
    const other = new Room(config, { ...memory, epoch: "other" }, START);
    expect(other.snapshot(none, START).watermark.key).toBeNull();
  });

  it("reckons with the least N of the deployments it heard lately", () => {
    const auto = (threshold: number) =>
      roomConfig(withCapacity(roomPolicy({ rate: "auto" }), { threshold, replicasMin: 2 }), null, START);
    const room = new Room(auto(65), null, START);
    const perMinute = (now: number): number => room.snapshot({ commitment: null, seed: null }, now).perMinute;
    expect(room.toldRate(START)).toBeNull();
    expect(perMinute(START)).toBe(104);
    room.follow(4, START);
    expect(room.toldRate(START)).toEqual({ perMinute: 208, at: START });
    // Another deployment's threshold is lower: its N holds, whoever asks.
    for (const threshold of [50, 65]) {
      room.adopt(auto(threshold), START + 1000);
      expect(room.toldRate(START + 1000)).toEqual({ perMinute: 160, at: START });
      expect(perMinute(START + 1000)).toBe(160);
    }
    room.adopt(auto(65), START + 68_000);
    expect(room.toldRate(START + 68_000)).toMatchObject({ perMinute: 208 });
    expect(
      new Room(roomConfig(roomPolicy({ rate: 60 }), null, START), room.memory, START).toldRate(START),
    ).toBeNull();
  });

  it("knows who shares N among another number of gates, until a minute after it heard of them", () => {
    const shared = (gates: number, changedAt?: number) => {
      const settings = changedAt === undefined ? null : { changedAt };
      return roomConfig(roomPolicy({ rate: 6000, gates }), settings, START);
    };
    const room = new Room(shared(2), null, START);
    expect(room.alone(shared(2), START)).toBe(true);
    expect(room.alone(shared(4), START)).toBe(false);
    room.adopt(shared(4), START + 1000);
    expect(room.alone(shared(4), START + 66_000)).toBe(false);
    expect(room.alone(shared(4), START + 67_001)).toBe(true);
    // An isolate that has not heard of an operator's change yet shares N as those that have.
    room.adopt(shared(4, START + 70_000), START + 70_000);
    expect(room.alone(shared(4), START + 71_000)).toBe(true);
    expect(room.alone(shared(2), START + 71_000)).toBe(false);
  });

  it("goes faster than its last slope while it learns the line again, where gates have tokens that nobody takes", () => {
    const config = roomConfig(roomPolicy({ rate: 610, state: "queue-all" }), null, START);
    const keyAfter10s = (used: number): number => {
      const memory = { epoch: "0", watermark: { key: START, slope: 1, at: START } };
      const room = new Room(config, memory, START);
      const none = { commitment: null, seed: null };
      const quiet = { gate: 0, deltas: [], batches: 0, asks: 9, reached: null, active: 0, revoked: [] };
      for (let ms = 500; ms <= 10_000; ms += 500) {
        room.hear({ ...quiet, admitted: 5 * used, possible: 5 }, START + ms);
        room.snapshot(none, START + ms);
      }
      return (room.snapshot(none, START + 10_000).watermark.key ?? Infinity) - START;
    };
    expect(keyAfter10s(1)).toBe(10_000);
    expect(keyAfter10s(0.7)).toBeGreaterThan(20_000);
    expect(keyAfter10s(0.7)).toBeLessThan(40_000);
  });

  it("begins a line of its own with an event, and takes no older configuration back", () => {
    const policy = roomPolicy({ state: "queue-all" });
    const before = roomConfig(policy, null, START);
    const event = { name: "drop", prequeueAt: START + 5000, startsAt: START + 5000, endsAt: START + 60_000 };
    const events = [{ ...event, shuffle: false }];
    const after = roomConfig({ ...policy, state: "open" }, { events, changedAt: START + 4000 }, START + 6000);
    const none = { commitment: null, seed: null };
    const room = new Room(before, null, START);
    const deltas: Delta[] = [[START, dueUnit(START + 20_000), 20]];
    const report = { gate: 0, batches: 1, asks: 0, admitted: 0, reached: null, possible: 0 };
    room.hear({ ...report, deltas, active: 0, revoked: [] }, START + 100);
    const line = room.snapshot(none, START + 1000);
    expect(line).toMatchObject({ epoch: "0", waiting: 20 });
    expect(line.watermark.key).not.toBeNull();
    for (const config of [after, before]) {
      room.adopt(config, START + 6000);
      const fresh = room.snapshot(none, START + 6000);
      expect(fresh).toMatchObject({ epoch: "drop", version: after.version, waiting: 0 });
      expect(fresh.watermark.key).toBeNull();
    }
  });

  it("tells the seed from the start on, not before", () => {
    const event = {
      name: "x",
      prequeueAt: START,
      startsAt: START + 60_000,
      endsAt: START + 120_000,
      shuffle: true,
    };
    const room = new Room(roomConfig(roomPolicy({ events: [event] }), null, START), null, START);
    const secret = { commitment: "hash", seed: "secret" };
    expect(room.snapshot(secret, START + 59_999)).toMatchObject({ commitment: "hash", seed: null });
    expect(room.snapshot(secret, START + 59_999).watermark.key).toBe(START);
    expect(room.snapshot(secret, START + 60_000)).toMatchObject({ commitment: "hash", seed: "secret" });
  });
});

describe("what is in force", () => {
  const event = {
    name: "x",
    prequeueAt: START,
    startsAt: START + 60_000,
    endsAt: START + 120_000,
    shuffle: true,
  };

  it("follows the event, and the operator over it", () => {
    const policy = roomPolicy({ events: [event] });
    const at = (offset: number, state?: "hold") =>
      roomConfig(policy, state === undefined ? null : { state, changedAt: 1 }, START + offset);
    expect(at(-1)).toMatchObject({ phase: "open", epoch: "0", event: null });
    expect(at(0)).toMatchObject({ phase: "pre-queue", epoch: "x" });
    expect(at(60_000).phase).toBe("event");
    expect(at(120_000)).toMatchObject({ phase: "open", epoch: "x" });
    expect(at(60_000, "hold").phase).toBe("hold");
  });

  it("lets isolates admit by themselves where N is large and active sessions are not counted", () => {
    const free = (over: Parameters<typeof roomPolicy>[0]): boolean =>
      roomConfig(roomPolicy(over), null, START).lends;
    expect(free({ rate: 600 })).toBe(true);
    expect(free({ rate: 599 })).toBe(false);
    expect(free({ rate: 600, activeCap: 100 })).toBe(false);
    expect(free({ rate: 600, freePerIsolate: 0 })).toBe(false);
  });

  it("uses no more gates than the rate can feed", () => {
    expect(roomConfig(roomPolicy({ rate: 60, gates: 8 }), null, START).gates).toBe(1);
    expect(roomConfig(roomPolicy({ rate: 488, gates: 8 }), null, START).gates).toBe(4);
  });

  it("finds the room with the longest pattern, and its bypass", () => {
    const sale = roomPolicy();
    const vip = roomPolicy({ name: "vip", paths: [pathPattern("/sale/vip*")], bypass: [] });
    const of = (path: string) => roomOf([sale, vip], canonicalize(`https://shop.test${path}`))?.name ?? null;
    expect(of("/sale/vip/1")).toBe("vip");
    expect(of("/sale")).toBe("sale");
    expect(of("/sale/terms")).toBeNull();
    expect(of("/cart")).toBeNull();
  });

  it.each([
    "/SALE",
    "/Sale/Terms",
    "/%73ale",
    "/%2573ale",
    "/cart/../sale",
    "/cart/%2e%2e/sale",
    "/cart%2f..%2fsale",
    "//sale",
    "/./sale",
    "/;x/sale",
    "/\\sale",
    "/sale;x",
    "/sale/terms%2f..%2fbuy",
    "/sale/terms;/../buy",
    "/sale/%252e%252e/cart",
  ])("lets nobody walk round a room by the spelling %s", (path) => {
    expect(roomOf([roomPolicy()], canonicalize(`https://shop.test${path}`))?.name).toBe("sale");
  });
});

describe("gates of a ticket", () => {
  it("are an even, stable order; a gate that falls out moves nobody else", () => {
    const counts = Array.from({ length: 8 }, () => 0);
    for (let id = 0; id < 8000; id++) {
      const [first = 0] = gatesFor(`id-${id}`, 8);
      counts[first] = (counts[first] ?? 0) + 1;
      const fewer = gatesFor(`id-${id}`, 7);
      if (first !== 7) expect(fewer[0]).toBe(first);
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
    expect(new Set(gatesFor("x", 8)).size).toBe(8);
  });
});

describe("languages", () => {
  it.each([
    [null, "en"],
    ["pt-BR,pt;q=0.9,en;q=0.8", "pt"],
    ["en-US,en;q=0.9,pt;q=0.1", "en"],
    ["de, pt;q=0.4, en;q=0.3", "pt"],
    ["de", "en"],
    ["pt;q=0", "en"],
    [";;;,=q", "en"],
  ] as const)("%s is %s", (accept, language) => {
    expect(languageOf(accept)).toBe(language);
  });
});
