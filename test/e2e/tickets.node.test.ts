import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sign, ticketKeys } from "../../src/queue/signing.ts";
import { eventually, operate } from "../support/node/edge.ts";
import { type ServedRooms, serveRooms } from "../support/node/rooms.ts";
import { Shopper } from "../support/node/shopper.ts";

const CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/150.0 Safari/537.36";
const ROOMS = `
  held: { title: Held, paths: ["/held*"], state: hold, rate: 600/min }
  brief: { title: Brief, paths: ["/brief*"], state: hold, rate: 600/min, return_within: 1s }
  busy: { title: Busy, paths: ["/busy*"], state: queue-all, rate: 1200/min, gates: 1 }
  small: { title: Small, paths: ["/small*"], state: queue-all, rate: 1200/min, gates: 1, active_sessions: 1 }
`;

let rooms: ServedRooms;

beforeAll(async () => {
  rooms = await serveRooms(ROOMS, (request, response) => {
    const ordered = request.url?.includes("ordered") === true;
    response.writeHead(200, {
      "content-type": "text/html",
      "cache-control": "private, no-store",
      ...(ordered ? { "x-waiting-room-end": "1" } : {}),
    });
    response.end("the store");
  });
});
afterAll(() => rooms.close());

/** A visitor in line, and the name of his ticket. */
async function waiting(room: string): Promise<{ shopper: Shopper; ticket: string; name: string }> {
  const shopper = new Shopper(rooms.edge.url);
  expect((await shopper.visit(`/${room}`)).room).toBe("queued");
  const name = `ticket.${room}`;
  return { shopper, name, ticket: shopper.cookies.get(name) ?? "" };
}

/** What the room says of a ticket that is shown to it. */
async function shown(room: string, ticket: string): Promise<{ lostPlace: unknown; id: unknown }> {
  const shopper = new Shopper(rooms.edge.url);
  shopper.cookies.set(`ticket.${room}`, ticket);
  const { json } = await shopper.visit(`/${room}`, "application/json");
  return { lostPlace: json["lostPlace"], id: json["ticket"] };
}

const idOf = (ticket: string): string => ticket.split(".")[3] ?? "";

describe("a ticket", () => {
  it("keeps its place when it comes back as it is, from anywhere", async () => {
    const { ticket } = await waiting("held");
    expect(await shown("held", ticket)).toEqual({ lostPlace: null, id: idOf(ticket) });
  });

  it.each([
    ["edited to an earlier place", (fields: string[]) => fields.with(4, "abc")],
    ["given another's id", (fields: string[]) => fields.with(3, "AAAAAAAAAAAAAAAA")],
    ["with a key id of our own making", (fields: string[]) => fields.with(8, "mine")],
    ["cut short", (fields: string[]) => fields.slice(0, -1)],
    ["with another signature", (fields: string[]) => fields.with(9, "A".repeat(43))],
  ])("%s is a new visitor at the end, told so", async (_name, edit) => {
    const { ticket } = await waiting("held");
    const edited = edit(ticket.split(".")).join(".");
    expect(edited).not.toBe(ticket);
    const { lostPlace, id } = await shown("held", edited);
    expect(lostPlace).toBe("not-ours");
    expect(id).not.toBe(idOf(ticket));
  });

  it("forged with another key is worth nothing", async () => {
    const { ticket } = await waiting("held");
    const fields = ticket.split(".").slice(0, -2);
    const kid = ticket.split(".").at(-2) ?? "";
    const forged = await sign(ticketKeys(`${kid}:${"E".repeat(43)}`), fields.join("."));
    expect((await shown("held", forged)).lostPlace).toBe("not-ours");
  });

  it("of another room is none here", async () => {
    const { ticket } = await waiting("held");
    expect((await shown("busy", ticket)).lostPlace).toBe("not-ours");
  });

  it("is given up when its visitor stays away for too long", { timeout: 40_000 }, async () => {
    const { ticket } = await waiting("brief");
    const lost = await eventually(async () => {
      const { lostPlace } = await shown("brief", ticket);
      return lostPlace === null ? undefined : lostPlace;
    }, 35_000);
    expect(lost).toBe("left-too-long");
  });

  it("replayed after its use is the same pass a few times, then a new place at the end", async () => {
    const { shopper, ticket } = await waiting("busy");
    expect((await shopper.enter("/busy")).text).toBe("the store");
    const own = shopper.cookies.get("pass.busy") ?? "";
    const outcomes: string[] = [];
    for (let replay = 0; replay < 5; replay++) {
      const thief = new Shopper(rooms.edge.url);
      // The ticket of his last poll is not known to a thief; the first is, and counts as little.
      thief.cookies.set("ticket.busy", ticket);
      const seen = await thief.visit("/busy", "application/json");
      const pass = thief.cookies.get("pass.busy") ?? "";
      outcomes.push(
        seen.room === "admitted" ? `same ${idOf(pass) === idOf(own)}` : String(seen.json["lostPlace"]),
      );
    }
    expect(outcomes).toEqual(["same true", "same true", "same true", "spent", "spent"]);
  });

  it("of an earlier sale is a new place in this one", { timeout: 40_000 }, async () => {
    const { ticket } = await waiting("held");
    const start = new Date(Date.now() - 1000).toISOString();
    const end = new Date(Date.now() + 3_600_000).toISOString();
    const event = { name: "drop", start, end, prequeue: "1m" };
    expect((await operate(rooms.edge, "rooms/held", { event, reason: "test" })).status).toBe(200);
    const lost = await eventually(async () => {
      const { lostPlace } = await shown("held", ticket);
      return lostPlace === null ? undefined : lostPlace;
    }, 5000);
    expect(lost).toBe("other-epoch");
    await operate(rooms.edge, "rooms/held", { removeEvent: "drop", reason: "test" });
  });
});

describe("a pass", () => {
  it("edited, forged, or of another room is none", async () => {
    const { shopper } = await waiting("busy");
    await shopper.enter("/busy");
    const pass = shopper.cookies.get("pass.busy") ?? "";
    const fields = pass.split(".");
    const kid = fields.at(-2) ?? "";
    const forged = await sign(ticketKeys(`${kid}:${"E".repeat(43)}`), fields.slice(0, -2).join("."));
    for (const value of [fields.with(5, "zzzzzzzz").join("."), fields.with(6, "1").join("."), forged]) {
      const thief = new Shopper(rooms.edge.url);
      thief.cookies.set("pass.busy", value);
      expect((await thief.visit("/busy")).room).toBe("queued");
    }
    const elsewhere = new Shopper(rooms.edge.url);
    elsewhere.cookies.set("pass.held", pass);
    expect((await elsewhere.visit("/held")).room).toBe("queued");
    expect((await shopper.visit("/busy")).room).toBe("admitted");
  });

  it("copied into another browser lives in one of the two, within seconds", { timeout: 40_000 }, async () => {
    const { shopper } = await waiting("busy");
    await shopper.enter("/busy");
    const copy = shopper.copy(CHROME);
    // The isolate must know that there is a line: where nobody waits a pass is worth nothing.
    await waiting("busy");
    await eventually(async () => {
      const { cookies } = copy;
      const before = cookies.get("pass.busy");
      await copy.visit("/busy");
      return cookies.get("pass.busy") === before ? undefined : true;
    }, 10_000);
    const lost = await eventually(async () => {
      const { room, json } = await shopper.visit("/busy", "application/json");
      return room === "queued" ? json["lostPlace"] : undefined;
    }, 5000);
    expect(lost).toBe("copied");
    expect((await copy.visit("/busy")).room).toBe("admitted");
  });

  it(
    "ends when the origin says that an order is placed, and the next visitor has the place",
    { timeout: 40_000 },
    async () => {
      const first = new Shopper(rooms.edge.url);
      expect((await first.enter("/small")).text).toBe("the store");
      const second = new Shopper(rooms.edge.url);
      for (let look = 0; look < 3; look++) {
        const seen = await second.visit("/small");
        expect(seen.room).toBe("queued");
        await new Promise((resolve) => setTimeout(resolve, Number(seen.headers.get("retry-after")) * 1000));
      }
      const ordered = await first.visit("/small/ordered");
      expect(ordered.text).toBe("the store");
      expect(ordered.headers.get("x-waiting-room-end")).toBeNull();
      expect(first.cookies.has("pass.small")).toBe(false);
      const begun = performance.now();
      expect((await second.enter("/small")).text).toBe("the store");
      expect(performance.now() - begun).toBeLessThan(10_000);
      expect((await first.visit("/small")).room).toBe("queued");
    },
  );
});
