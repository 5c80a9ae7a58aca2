import { abortAllDurableObjects } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { dueUnit } from "../../src/queue/histogram.ts";
import { commitment } from "../../src/queue/lottery.ts";
import { gatePort, roomPort } from "../../src/queue/rpc.ts";
import { roomConfig } from "../../src/queue/room-config.ts";
import { passEnd } from "../../src/queue/ticket.ts";
import { roomPolicy } from "./rig.ts";

let made = 0;

/** A room of its own for each test, in real Durable Objects. */
function fresh(over: Parameters<typeof roomPolicy>[0] = {}) {
  const policy = roomPolicy({ name: `room-${made++}`, state: "queue-all", ...over });
  const config = roomConfig(policy, null, Date.now());
  return {
    config,
    gate: gatePort(env.GATE, policy.name, 0),
    room: roomPort(env.ROOM, policy.name),
  };
}

const ask = (id: string, key: number, patient = false) => ({ id, key, counted: null, patient });

const shown = (id: string, expiresAt: number) => ({
  id,
  admittedAt: Date.now(),
  expiresAt,
  unknown: false,
  browser: "b",
  network: "n",
  strict: false,
});

describe("a gate", () => {
  it("admits a ticket once; repeated at once it is the same admission, and only a few times", async () => {
    const { config, gate } = fresh();
    const first = await gate.ask(config, 0, ask("a", 1));
    if (first.kind !== "admit") throw new Error(first.kind);
    for (let repeat = 0; repeat < 3; repeat++) {
      expect(await gate.ask(config, 0, ask("a", 1))).toEqual({ ...first, repeated: true });
    }
    expect(await gate.ask(config, 0, ask("a", 1))).toEqual({ kind: "spent" });
    expect((await gate.ask(config, 0, ask("b", 2))).kind).toBe("wait");
  });

  it("lets another gate claim no ticket whose admission here is not stored yet, and loses no other of its batch", async () => {
    const { config, gate } = fresh({ rate: 1200 });
    await gate.ask(config, 0, ask("before", 0));
    const asked = Promise.all([gate.ask(config, 0, ask("a", 1)), gate.ask(config, 0, ask("b", 2))]);
    const claims = await Promise.all([gate.claim("a", 1, 0), gate.claim("c", 1, 0)]);
    expect((await asked).map(({ kind }) => kind)).toEqual(["admit", "admit"]);
    expect(claims).toEqual([false, true]);
    expect(await gate.claim("b", 1, 0)).toBe(false);
  });

  it("answers for a ticket that another gate claimed here with the pass of that gate, which renews it", async () => {
    const { config, gate } = fresh();
    const home = gatePort(env.GATE, config.room, 5);
    const first = await gate.ask(config, 0, { ...ask("a", 1), home: 5 });
    if (first.kind !== "admit") throw new Error(first.kind);
    // The answer was lost, and by now the room has more gates.
    const more = { ...config, gates: 6, mostGates: 6 };
    const again = await home.ask(more, 5, ask("a", 1));
    expect(again).toEqual({ ...first, repeated: true, gate: 0 });
    const pass = shown("a", passEnd(config, first.admittedAt, first.admittedAt));
    expect((await gate.renew(more, 0, pass)).kind).toBe("renewed");
    expect((await home.renew(more, 5, pass)).kind).toBe("dead");
  });

  it("remembers over a restart who was in, and starts without tokens", async () => {
    const { config, gate } = fresh({ rate: 600 });
    expect((await gate.ask(config, 0, ask("a", 1))).kind).toBe("admit");
    await abortAllDurableObjects();
    const again = gatePort(env.GATE, config.room, 0);
    expect((await again.ask(config, 0, ask("b", 2))).kind).toBe("wait");
    expect(await again.ask(config, 0, ask("a", 1))).toMatchObject({ kind: "admit", repeated: true });
  });

  it("gives at once in a room that is new, and listens for 6 s where others share N among another number of gates", async () => {
    const { config, gate } = fresh({ rate: 6000, gates: 2 });
    const second = gatePort(env.GATE, config.room, 1);
    const more = { ...config, gates: 4, mostGates: 4 };
    expect((await gate.ask(config, 0, ask("a", 1))).kind).toBe("admit");
    expect((await second.ask(config, 1, ask("b", 2))).kind).toBe("admit");
    // A deployment with more gates: those of both go on, a new one listens.
    expect((await second.ask(more, 1, ask("c", 3))).kind).toBe("admit");
    const third = await gatePort(env.GATE, config.room, 2).ask(more, 2, ask("d", 4));
    if (third.kind !== "wait") throw new Error(third.kind);
    expect(third.afterMs).toBeGreaterThan(5000);
  });

  it("holds those who are next and lets them in, in order, one a second", async () => {
    const { config, gate } = fresh();
    await gate.ask(config, 0, ask("first", 0));
    const order: string[] = [];
    const begun = Date.now();
    const arrive = async (id: string, key: number): Promise<void> => {
      const answer = await gate.ask(config, 0, ask(id, key, true));
      expect(answer.kind).toBe("admit");
      order.push(id);
    };
    await Promise.all([arrive("third", 3), arrive("second", 2)]);
    expect(order).toEqual(["second", "third"]);
    expect(Date.now() - begun).toBeGreaterThan(1900);
  });

  it("renews one line of a pass, and none that ended", async () => {
    const { config, gate } = fresh();
    const first = await gate.ask(config, 0, ask("a", 1));
    if (first.kind !== "admit") throw new Error(first.kind);
    const expiry = passEnd(config, first.admittedAt, first.admittedAt);
    const renewed = await gate.renew(config, 0, shown("a", expiry));
    if (renewed.kind !== "renewed") throw new Error(renewed.kind);
    expect(renewed.expiresAt).toBeGreaterThanOrEqual(expiry);
    // Requests under way together show the same old pass.
    expect(await gate.renew(config, 0, shown("a", expiry))).toEqual(renewed);
    expect(await gate.renew(config, 0, shown("a", expiry - 1))).toEqual({ kind: "dead" });
    await gate.end(config, 0, "a");
    expect(await gate.renew(config, 0, shown("a", renewed.expiresAt))).toEqual({ kind: "dead" });
    expect(await gate.renew(config, 0, shown("nobody", 1))).toEqual({ kind: "dead" });
  });
});

describe("the room object", () => {
  it("hears of the line through the gate, and moves its watermark", async () => {
    const { config, gate, room } = fresh();
    const now = Date.now();
    const deltas = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100].map(
      (ago) => [now - ago, dueUnit(now + 5000), 1] as const,
    );
    await gate.collect(config, 0, deltas);
    let snapshot = await room.read(config);
    for (let look = 0; look < 50 && snapshot.waiting < 10; look++) {
      await scheduler.wait(50);
      snapshot = await room.read(config);
    }
    expect(snapshot.waiting).toBe(10);
    expect(snapshot.watermark.key).toBeGreaterThan(now - 100);
    expect(snapshot.watermark.key).toBeLessThan(now - 10);
  });

  it("draws one seed for an event, keeps it over a restart, and tells it only from the start on", async () => {
    const now = Date.now();
    const event = {
      name: "drop",
      prequeueAt: now - 1000,
      startsAt: now + 700,
      endsAt: now + 60_000,
      shuffle: true,
    };
    const { config, room } = fresh({ events: [event], state: "open" });
    const before = await room.read(config);
    expect(before.seed).toBeNull();
    await abortAllDurableObjects();
    await scheduler.wait(800);
    const after = await roomPort(env.ROOM, config.room).read(config);
    expect(after.commitment).toBe(before.commitment);
    expect(await commitment(after.seed ?? "")).toBe(before.commitment);
  });
});
