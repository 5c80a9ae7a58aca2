import { describe, expect, it } from "vitest";
import { Refusals } from "../../src/queue/refusals.ts";
import { roomConfig } from "../../src/queue/room-config.ts";
import { roomPolicy, START } from "./rig.ts";

const PLACE = 5000;
const large = roomConfig(roomPolicy({ rate: 61_000, gates: 1 }), null, START);
const small = roomConfig(roomPolicy({ rate: 60 }), null, START);

/** Whether the place is refused `ms` after a gate said that `PLACE` has to wait `afterMs`. */
function refused(place: number, ms: number, afterMs: number, config = large): boolean {
  const refusals = new Refusals();
  refusals.note(config, PLACE, afterMs, START);
  return refusals.covers(config, place, START + ms);
}

describe("a gate's refusal", () => {
  it.each([
    ["that place", PLACE, true],
    ["a later one", PLACE + 1, true],
    ["an earlier one", PLACE - 1, false],
  ])("keeps back %s", (_, place, kept) => {
    expect(refused(place, 0, 4000)).toBe(kept);
  });

  it.each([
    ["half of the wait it told", 4000, 2000],
    ["1.5 s at least", 1100, 1500],
    ["3 s at most", 60_000, 3000],
  ])("is believed for %s", (_, afterMs, ms) => {
    expect(refused(PLACE, ms - 1, afterMs)).toBe(true);
    expect(refused(PLACE, ms, afterMs)).toBe(false);
  });

  it("of a wait that may be spent at the gate says nothing about others", () => {
    expect(refused(PLACE, 0, 1000)).toBe(false);
    expect(refused(PLACE, 0, 4000, small)).toBe(false);
    expect(refused(PLACE, 0, 4001, small)).toBe(true);
  });

  it("is of one room", () => {
    const refusals = new Refusals();
    refusals.note(large, PLACE, 4000, START);
    expect(refusals.covers({ ...large, room: "other" }, PLACE, START)).toBe(false);
  });
});
