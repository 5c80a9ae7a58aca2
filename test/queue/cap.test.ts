import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { refill, shareOf, startBucket } from "../../src/queue/bucket.ts";
import { GateKeeper } from "../../src/queue/keeper.ts";
import { roomConfig } from "../../src/queue/room-config.ts";
import { roomPolicy, START } from "./rig.ts";

/** The most of `times` (sorted, ms) within any 60 s. */
function mostInAMinute(times: readonly number[]): number {
  let most = 0;
  let first = 0;
  for (const [last, time] of times.entries()) {
    while (time - (times[first] ?? time) > 60_000) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

const RUNS = 40;

describe("the cap", () => {
  it(`holds in any sliding 60 s for ${RUNS} random rooms: greedy crowds, restarts, clocks that jump back, wrong order`, () => {
    let rooms = 0;
    fc.assert(
      fc.property(
        fc.record({
          perMinute: fc.oneof(fc.integer({ min: 1, max: 130 }), fc.integer({ min: 131, max: 20_000 })),
          gates: fc.integer({ min: 1, max: 8 }),
          seed: fc.integer(),
          restartEvery: fc.integer({ min: 3, max: 200 }),
        }),
        ({ perMinute, gates, seed, restartEvery }) => {
          rooms += 1;
          const config = roomConfig(roomPolicy({ rate: perMinute, gates, state: "queue-all" }), null, START);
          let random = seed >>> 0;
          const next = (): number => (random = (Math.imul(random, 1664525) + 1013904223) >>> 0) / 2 ** 32;
          const last: (number | null)[] = Array.from({ length: config.gates }, () => null);
          const keepers = last.map((_, index) => new GateKeeper(index, config, {}, START));
          const admitted: number[] = [];
          let now = START;
          let id = 0;
          for (let step = 0; step < 250; step++) {
            now += next() * 400;
            const index = Math.floor(next() * config.gates);
            // Objects live on clocks that are up to 2 s apart, and a restart moves one to another clock.
            if (step % restartEvery === 0) {
              const past = { lastUsedAt: last[index] ?? null };
              keepers[index] = new GateKeeper(index, config, past, now + next() * 4000 - 2000);
            }
            const skewed = now + (index % 3) * 700 - 700;
            const crowd = Math.min(60, Math.ceil(config.perMinute / 60));
            for (let visitor = 0; visitor < crowd; visitor++) {
              const ask = { id: String(id++), key: next() * 1e6, counted: null, patient: false };
              if (keepers[index]?.decide(ask, skewed).kind !== "admit") continue;
              admitted.push(now);
              last[index] = skewed;
            }
          }
          expect(admitted.length).toBeGreaterThan(0);
          expect(mostInAMinute(admitted)).toBeLessThanOrEqual(perMinute);
        },
      ),
      { numRuns: RUNS },
    );
    expect(rooms).toBe(RUNS);
  });

  it("is reached: a greedy crowd gets 98% of N", () => {
    const config = roomConfig(roomPolicy({ rate: 6000, gates: 4, state: "queue-all" }), null, START);
    expect(config.gates).toBe(4);
    const keepers = [0, 1, 2, 3].map((index) => new GateKeeper(index, config, {}, START));
    let admitted = 0;
    for (let now = START; now < START + 120_000; now += 100) {
      for (const keeper of keepers) {
        for (let visitor = 0; visitor < 8; visitor++) {
          const ask = { id: `${now}/${visitor}`, key: now, counted: null, patient: false };
          if (keeper.decide(ask, now).kind === "admit") admitted += 1;
        }
      }
    }
    expect(admitted / 12_000).toBeGreaterThan(0.98);
  });

  it("starts empty after a restart and full only after more than a minute's rest", () => {
    const share = shareOf(600, 1);
    expect(startBucket(share, START - 30_000, START).tokens).toBe(0);
    expect(startBucket(share, START - 67_000, START).tokens).toBe(share.burst);
    expect(startBucket(share, null, START).tokens).toBe(share.burst);
  });

  it("refills nothing for a clock that goes back, until it has caught up", () => {
    const share = shareOf(6000, 1);
    const bucket = { tokens: 0, at: START };
    const back = refill(bucket, share, START - 5000);
    expect(back).toEqual(bucket);
    expect(refill(back, share, START + 500).tokens).toBeCloseTo(share.perSecond / 2);
  });

  it("is missed by one second's worth at most for each step that a gate's clock makes forward", () => {
    const config = roomConfig(roomPolicy({ rate: 6100, gates: 1, state: "queue-all" }), null, START);
    const admitIn = (steps: readonly number[]): number => {
      const keeper = new GateKeeper(0, config, {}, START);
      const times: number[] = [];
      let off = 0;
      for (let ms = 0; ms < 150_000; ms += 50) {
        if (steps.includes(ms)) off += 3_600_000;
        for (let visitor = 0; visitor < 12; visitor++) {
          const ask = { id: `${ms}/${visitor}`, key: ms, counted: null, patient: false };
          if (keeper.decide(ask, START + ms + off).kind === "admit") times.push(ms);
        }
      }
      return mostInAMinute(times);
    };
    expect(admitIn([])).toBeLessThanOrEqual(6100);
    expect(admitIn([30_000])).toBeLessThanOrEqual(6200);
    const three = admitIn([30_000, 50_000, 70_000]);
    expect(three).toBeGreaterThan(6200);
    expect(three).toBeLessThanOrEqual(6400);
  });

  it("takes a lower rate at once and gives no burst for a higher one", () => {
    const policy = roomPolicy({ rate: 6000, gates: 1, state: "queue-all" });
    const slow = roomConfig(policy, { rate: 60, changedAt: START + 1 }, START + 1);
    const keeper = new GateKeeper(0, roomConfig(policy, null, START), {}, START);
    keeper.adopt(slow, START + 1);
    const admitted = Array.from({ length: 50 }, (_, id) =>
      keeper.decide({ id: String(id), key: id, counted: null, patient: false }, START + 2),
    ).filter(({ kind }) => kind === "admit");
    expect(admitted).toHaveLength(1);
    // An isolate with the older configuration does not bring the old rate back.
    keeper.adopt(roomConfig(policy, null, START), START + 3);
    const later = Array.from({ length: 50 }, (_, id) =>
      keeper.decide({ id: String(id + 1), key: id + 1, counted: null, patient: false }, START + 2003),
    ).filter(({ kind }) => kind === "admit");
    expect(later).toHaveLength(1);
  });

  it("keeps a token for an earlier visitor who is due, and not for one who left", () => {
    const config = roomConfig(roomPolicy({ state: "queue-all" }), null, START);
    const keeper = new GateKeeper(0, config, {}, START);
    const ask = (id: string, key: number) => ({ id, key, counted: null, patient: id === "b" });
    expect(keeper.decide(ask("a", 1), START).kind).toBe("admit");
    expect(keeper.decide(ask("b", 2), START + 10).kind).toBe("hold");
    expect(keeper.decide(ask("c", 3), START + 20)).toMatchObject({ kind: "wait", ahead: 1, backMs: 1514 });
    // c asks when the token comes, b is held at the gate: the token is b's.
    expect(keeper.decide(ask("c", 3), START + 1100).kind).toBe("wait");
    expect(keeper.decide(ask("b", 2), START + 1101).kind).toBe("admit");
    expect(keeper.decide(ask("c", 3), START + 2200).kind).toBe("admit");
    expect(keeper.decide(ask("d", 4), START + 2300)).toMatchObject({ kind: "wait", backMs: 1000 });
    expect(keeper.decide(ask("e", 5), START + 5800).kind).toBe("wait");
    expect(keeper.decide(ask("e", 5), START + 5801).kind).toBe("admit");
  });

  it("goes to nobody later while its visitor, who was held for as long as may be, is on his way back", () => {
    const config = roomConfig(roomPolicy({ state: "queue-all" }), null, START);
    const keeper = new GateKeeper(0, config, {}, START);
    const decide = (id: string, key: number, ms: number, since: number) =>
      keeper.decide({ id, key, counted: null, patient: key > 2 }, START + ms, START + since);
    expect(decide("in", 1, 0, 0).kind).toBe("admit");
    // Somebody who is waited for until 3.5 s, and never comes.
    expect(decide("gone", 2, 0, 0)).toMatchObject({ kind: "wait", backMs: 1000 });
    expect(decide("earlier", 3, 10, -600).kind).toBe("hold");
    expect(decide("later", 4, 3200, 3200).kind).toBe("hold");
    const sent = decide("earlier", 3, 3300, -600);
    if (sent.kind !== "wait") throw new Error(sent.kind);
    expect(sent).toMatchObject({ backMs: 1000, heldMs: 3900 });
    for (let ms = 3320; ms < 4500; ms += 150) expect(decide("later", 4, ms, 3200).kind).toBe("hold");
    expect(decide("earlier", 3, 4500, 4500).kind).toBe("admit");
  });

  it("admits nobody before the event's start by the gate's own clock, nor over the cap of active sessions", () => {
    const event = {
      name: "x",
      prequeueAt: START,
      startsAt: START + 60_000,
      endsAt: START + 120_000,
      shuffle: true,
    };
    const before = roomConfig(roomPolicy({ events: [event] }), null, START + 1);
    const keeper = new GateKeeper(0, before, {}, START);
    const ask = (id: string) => ({ id, key: 1, counted: null, patient: false });
    expect(keeper.decide(ask("early"), START + 59_000)).toMatchObject({ kind: "wait", afterMs: 1000 });
    expect(keeper.decide(ask("a-on-time"), START + 60_000).kind).toBe("admit");

    const capped = roomConfig(roomPolicy({ rate: 6000, activeCap: 2 }), null, START);
    const full = new GateKeeper(0, capped, {}, START);
    expect(full.decide(ask("1"), START).kind).toBe("admit");
    expect(full.decide(ask("2"), START).kind).toBe("admit");
    expect(full.decide(ask("3"), START + 1000).kind).toBe("wait");
    full.prolong("1", 0);
    expect(full.decide(ask("3"), START + 3000).kind).toBe("admit");
  });
});
