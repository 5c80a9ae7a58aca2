import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sign, ticketKeys, verify } from "../../src/queue/signing.ts";
import {
  judgeTicket,
  newTicketId,
  passEnd,
  readPass,
  readTicket,
  type Pass,
  type Ticket,
  writePass,
  writeTicket,
} from "../../src/queue/ticket.ts";
import { keys, START } from "./rig.ts";

const ticket: Ticket = {
  room: "sale",
  epoch: "0",
  id: newTicketId(),
  issuedAt: START,
  dueAt: START + 3_600_000,
  promisedAt: 0,
  bin: -7,
};
const expected = { room: "sale", epoch: "0", returnWithinMs: 600_000 };
const pass: Pass = {
  room: "sale",
  epoch: "0",
  id: ticket.id,
  admittedAt: START,
  expiresAt: START + 1000,
  gate: null,
  browser: "b",
};

describe("a ticket", () => {
  it("is read as it was written, whatever its times and place", async () => {
    const time = fc.integer({ min: 0, max: 4e12 });
    const bin = fc.integer({ min: -4e12, max: 4e12 });
    await fc.assert(
      fc.asyncProperty(time, time, time, bin, async (issuedAt, dueAt, promisedAt, place) => {
        const written = { ...ticket, issuedAt, dueAt, promisedAt, bin: place };
        expect(await readTicket(keys, await writeTicket(keys, written), expected, dueAt)).toEqual(written);
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    ["a place", {}, 0, ticket],
    ["a place as long as it is kept after the poll that was due", {}, 600_000, ticket],
    ["given up after that", {}, 600_001, "left-too-long"],
    ["of another sale", { epoch: "drop" }, 0, "other-epoch"],
    ["of another room", { room: "other" }, 0, "not-ours"],
  ] as const)("is %s", (_, over, late, verdict) => {
    const judged = judgeTicket(ticket, { ...expected, ...over }, ticket.dueAt + late);
    expect(judged).toEqual(verdict);
  });

  it("is no pass, nor a pass a ticket", async () => {
    expect(await readPass(keys, await writeTicket(keys, ticket), expected)).toBeNull();
    expect(await readTicket(keys, await writePass(keys, pass), expected, START)).toBe("not-ours");
  });
});

describe("a pass", () => {
  it.each([null, 0, 63])("of gate %s is read as it was written, in its room and sale only", async (gate) => {
    const value = await writePass(keys, { ...pass, gate });
    expect(await readPass(keys, value, expected)).toEqual({ ...pass, gate });
    expect(await readPass(keys, value, { ...expected, room: "other" })).toBeNull();
    expect(await readPass(keys, value, { ...expected, epoch: "drop" })).toBeNull();
  });

  it("never outlasts its longest life", () => {
    const limits = { passIdleMs: 1000, passMaxMs: 10_000 };
    expect(passEnd(limits, START, START + 100)).toBe(START + 1350);
    expect(passEnd(limits, START, START + 9500)).toBe(START + 10_000);
  });
});

describe("a signature", () => {
  it("holds for the very text under the very key, and for nothing else", async () => {
    const value = await sign(keys, "t.a.b");
    expect(await verify(keys, value)).toEqual(["t", "a", "b"]);
    const other = ticketKeys(`test:${"E".repeat(43)}`);
    expect(await verify(other, value)).toBeNull();
    const changed = Array.from(
      value,
      (character, at) => value.slice(0, at) + (character === "0" ? "1" : "0") + value.slice(at + 1),
    );
    for (const text of [...changed, "", ".", value.slice(0, -2), `${value}00`, value.toUpperCase()])
      expect(await verify(keys, text)).toBeNull();
  });
});
