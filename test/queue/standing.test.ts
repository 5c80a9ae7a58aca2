import { describe, expect, it } from "vitest";
import { roomConfig } from "../../src/queue/room-config.ts";
import { Room } from "../../src/queue/room.ts";
import { standingOf } from "../../src/queue/standing.ts";
import { UNDRAWN } from "../../src/queue/histogram.ts";
import { roomPolicy, START } from "./rig.ts";

const ticket = {
  room: "flash-sale",
  epoch: "0",
  id: "a",
  issuedAt: START,
  dueAt: START,
  promisedAt: 0,
  bin: UNDRAWN,
};

describe("what a visitor is told", () => {
  const config = roomConfig(roomPolicy({ rate: 610, state: "queue-all" }), null, START);
  const empty = new Room(config, null, START).snapshot({ commitment: null, seed: null }, START);
  // 600 people before him, ten a second.
  const snapshot = { ...empty, table: [[START - 60_000, 0] as const, [START, 600] as const] };
  const told = (age: number, state: "queue-all" | "hold" = "queue-all") =>
    standingOf(
      roomConfig(roomPolicy({ rate: 610, state }), null, START),
      ticket,
      { place: START, snapshot, gateWait: null, issued: [] },
      START + age,
    );

  it("goes on without news of the line, so that nobody's polls are as rare as they were when his turn was far", () => {
    expect(told(2000)).toMatchObject({ ahead: 600, expectedMs: 60_100 });
    expect(told(40_000)).toMatchObject({ ahead: 200, expectedMs: 20_100 });
    expect(told(90_000)).toMatchObject({ ahead: 0, expectedMs: 100 });
  });

  it("does not move in a line that an operator stopped", () => {
    expect(told(40_000, "hold")).toMatchObject({ ahead: 600, expectedMs: 60_100 });
  });
});
