import { describe, expect, it } from "vitest";
import { newcomerBin } from "../../src/queue/histogram.ts";
import { Probes } from "../../src/queue/probes.ts";
import { roomConfig } from "../../src/queue/room-config.ts";
import { Room } from "../../src/queue/room.ts";
import { newTicketId, writePass, writeTicket } from "../../src/queue/ticket.ts";
import { keys, roomPolicy, START } from "./rig.ts";

/** A line of an hour, a person a place of 1 s for each admission that a second allows. */
function lineOf(perMinute: number) {
  const config = roomConfig(roomPolicy({ rate: perMinute, gates: 1, state: "queue-all" }), null, START);
  const snapshot = new Room(config, null, START).snapshot({ commitment: null, seed: null }, START);
  const people = (3600 * perMinute) / 61;
  const table = [
    [START, 0],
    [START + 3_600_000, people],
  ] as const;
  return { config, snapshot: { ...snapshot, table, reportEveryMs: 1000 } };
}

describe("visitors whose turn is far off though the watermark lets them come", () => {
  it("ask from an isolate one in four intervals of its reports, the first after a part of that", () => {
    const { config, snapshot } = lineOf(6100);
    const probes = new Probes();
    const asked: number[] = [];
    for (let ms = 0; ms < 20_000; ms += 100) {
      const place = START + ms + 1_800_000;
      if (probes.may(config, snapshot, place, 0.5, START + ms)) asked.push(ms);
    }
    expect(asked).toEqual([2000, 6000, 10_000, 14_000, 18_000]);
  });

  it("are told from those who are next, also while news are out and the line moves on", () => {
    const { config, snapshot } = lineOf(6100);
    for (const ms of [0, 60_000, 250_000]) {
      const probes = new Probes();
      const next = Array.from({ length: 50 }, () =>
        probes.may(config, snapshot, START + ms + 8000, 0.5, START + ms),
      );
      expect(next).not.toContain(false);
      expect(probes.may(config, snapshot, START + ms + 60_000, 0.5, START + ms)).toBe(false);
    }
  });

  it("are not held back where gates hold visitors until their turn", () => {
    const { config, snapshot } = lineOf(610);
    expect(new Probes().may(config, snapshot, START + 3_000_000, 0.5, START)).toBe(true);
  });
});

describe("cookies of the room", () => {
  it("are made of what no decoder reads as text: they pass the firewall with every request", async () => {
    for (let count = 0; count < 200; count++) {
      const common = { room: "sale", epoch: "0", id: newTicketId() };
      const times = { issuedAt: START + count, dueAt: START, promisedAt: 0, bin: newcomerBin(START + count) };
      expect(await writeTicket(keys, { ...common, ...times })).toMatch(
        /^t\.sale\.0\.[0-9a-f]{24}(?:\.-?[0-9a-z]{1,8}){4}\.test\.[0-9a-f]{64}$/,
      );
      const pass = { admittedAt: START, expiresAt: START, gate: count, browser: "1x2y3z" };
      expect(await writePass(keys, { ...common, ...pass })).toMatch(
        /^p\.sale\.0\.[0-9a-f]{24}(?:\.[0-9a-z]{1,8}){4}\.test\.[0-9a-f]{64}$/,
      );
    }
  });
});
