import { describe, expect, it } from "vitest";
import { networkOf } from "../../src/queue/visitor.ts";
import { cookiesOf, Rig, START } from "./rig.ts";

const JSON_ACCEPT = "application/json";

/** A rig whose only token of this second is taken, so that the next visitor waits. */
async function busy(over: ConstructorParameters<typeof Rig>[0] = {}): Promise<Rig> {
  const rig = new Rig(over);
  const first = await rig.gate();
  expect(first.kind).toBe("admitted");
  return rig;
}

async function jsonOf(response: Response | null): Promise<Record<string, unknown>> {
  expect(response).not.toBeNull();
  const value: Record<string, unknown> = await (response ?? new Response("{}")).json();
  return value;
}

describe("a request", () => {
  it("outside every room, in a bypassed path, private, of a crawler, or of a suspended room costs nothing", async () => {
    const rig = new Rig();
    expect(await rig.gate({ path: "/cart" })).toEqual({ kind: "bypass", room: null, reason: "no-room" });
    expect(await rig.gate({ path: "/sale/terms" })).toMatchObject({ kind: "bypass", room: null });
    expect(await rig.gate({ private: true })).toMatchObject({ kind: "bypass", reason: "private" });
    expect(await rig.gate({ verifiedBot: true })).toMatchObject({ kind: "bypass", reason: "crawler" });
    rig.rooms = { sale: { state: "suspended", changedAt: START } };
    expect(await rig.gate()).toMatchObject({ kind: "bypass", reason: "suspended" });
    expect(rig.calls).toBe(0);
  });

  it("of everybody inside costs no object call, nor of newcomers whom a gate granted to the isolate", async () => {
    const rig = new Rig({ rate: 6000 });
    const first = await rig.gate();
    expect(first).toMatchObject({ kind: "admitted", fresh: true });
    const { calls } = rig;
    for (let request = 0; request < 20; request++) {
      rig.now += 2500;
      const again = await rig.gate({ cookies: cookiesOf(first) });
      expect(again).toMatchObject({ kind: "admitted", fresh: false, setCookies: [] });
      expect(await rig.gate()).toMatchObject({ kind: "admitted", fresh: true });
    }
    expect(rig.calls).toBe(calls);
  });

  it("of more newcomers than were granted asks a gate", async () => {
    const rig = new Rig({ rate: 6000 });
    await rig.gate();
    let free = 0;
    for (let newcomer = 0; newcomer < 240; newcomer++) {
      const before = rig.calls;
      expect((await rig.gate()).kind).toBe("admitted");
      if (rig.calls === before) free += 1;
      rig.now += 250;
    }
    expect(free).toBeGreaterThan(25);
    expect(free).toBeLessThanOrEqual(30);
  });
});

describe("a visitor in line", () => {
  it("gets a whole page, then his turn, by nothing but coming back when told", async () => {
    const rig = await busy();
    const page = await rig.gate({ accept: "text/html" });
    if (page.kind !== "queued") throw new Error("not queued");
    const { response } = page;
    expect(response.status).toBe(200);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("x-waiting-room")).toBe("queued");
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(response.headers.get("content-security-policy")).toBe("default-src 'none'");
    const [cookie = ""] = response.headers.getSetCookie();
    expect(cookie).toMatch(
      /^__Host-ticket\.sale=t\.sale\.0\..*; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax; Secure$/,
    );
    const html = await response.text();
    expect(html).toContain("You are in line");
    expect(html).toContain("The &lt;Sale&gt;");
    // The gate would hold the request for the last few ms.
    rig.now += Number(response.headers.get("retry-after")) * 1000 + 100;
    const turn = await rig.gate({ cookies: cookiesOf(page) });
    expect(turn).toMatchObject({ kind: "admitted", fresh: true, response: null });
    if (turn.kind !== "admitted") return;
    expect(turn.waitedMs).toBeGreaterThan(900);
    expect(turn.setCookies).toHaveLength(2);
    const headers = new Headers({ "cache-control": "public, max-age=600" });
    rig.queue.finish(turn, { said: new Headers(), headers }, rig.rooms, () => undefined, rig.now);
    expect(headers.get("x-waiting-room")).toBe("admitted");
    expect(headers.getSetCookie()).toEqual(turn.setCookies);
    expect(headers.get("cache-control")).toBe("private, no-store");
  });

  it("inside whose cookies stay as they are gets the page as cacheable as the origin says", async () => {
    const rig = new Rig();
    const inside = await rig.gate({ cookies: cookiesOf(await rig.gate()) });
    const headers = new Headers({ "cache-control": "public, max-age=600" });
    rig.queue.finish(inside, { said: new Headers(), headers }, rig.rooms, () => undefined, rig.now);
    expect(headers.getSetCookie()).toEqual([]);
    expect(headers.get("cache-control")).toBe("public, max-age=600");
  });

  it("gets JSON where he prefers it, with position, estimate and next poll; the page's own poll is answered in place", async () => {
    const rig = await busy();
    const queued = await rig.gate({ accept: JSON_ACCEPT });
    if (queued.kind !== "queued") throw new Error("not queued");
    expect(queued.response.status).toBe(429);
    expect(await jsonOf(queued.response.clone())).toMatchObject({
      room: "sale",
      state: "queued",
      inQueue: true,
      position: 1,
      peopleAhead: 0,
      event: null,
    });
    rig.now += 1100;
    const poll = new Headers({ accept: JSON_ACCEPT, "x-waiting-room-poll": "1", "accept-language": "pt-BR" });
    const turn = await rig.gate({ cookies: cookiesOf(queued), headers: poll });
    if (turn.kind !== "admitted") throw new Error("not admitted");
    expect(turn.response?.headers.getSetCookie()).toHaveLength(2);
    const told = await jsonOf(turn.response);
    expect(told).toMatchObject({ state: "admitted", texts: { heading: "É a sua vez" } });
  });

  it("is answered from his ticket when he asks too early, and nothing is counted", async () => {
    const rig = await busy({ rate: 1 });
    const queued = await rig.gate({ accept: JSON_ACCEPT });
    const calls = rig.calls;
    const ticket = cookiesOf(queued);
    for (let reload = 0; reload < 50; reload++) {
      const early = await rig.gate({ cookies: ticket, accept: JSON_ACCEPT });
      if (early.kind !== "queued") throw new Error("not queued");
      expect(early.response.headers.getSetCookie()).toEqual([]);
      expect(await jsonOf(early.response)).toMatchObject({ position: 1 });
    }
    expect(rig.calls - calls).toBeLessThanOrEqual(1);
  });

  it("keeps his place over reloads, tabs and networks: the ticket is all there is", async () => {
    const rig = await busy({ rate: 6 });
    const first = await rig.gate({ accept: JSON_ACCEPT, clientIp: "192.0.2.1" });
    rig.now += 100;
    await rig.gate({ accept: JSON_ACCEPT });
    rig.now += 30_000;
    const again = await rig.gate({ cookies: cookiesOf(first), clientIp: "2001:db8::1" });
    expect(again.kind).toBe("admitted");
  });

  it.each([
    ["edited", (cookie: string) => cookie.replace(/\.t?[0-9a-z]{8}\./, ".aaaaaaaa."), "not-ours"],
    [
      "signed by nobody",
      (cookie: string) => cookie.replace(/.$/, (last) => (last === "A" ? "B" : "A")),
      "not-ours",
    ],
    ["of an unknown key", (cookie: string) => cookie.replace(".test.", ".other."), "not-ours"],
    ["nonsense", () => "__Host-ticket.sale=nonsense", "not-ours"],
    ["a pass in the ticket's place", (cookie: string) => cookie.replace("=t.", "=p."), "not-ours"],
  ] as const)("is a new visitor at the end, and told so, where his ticket is %s", async (_, edit, reason) => {
    const rig = await busy({ rate: 2 });
    const queued = await rig.gate({ accept: JSON_ACCEPT });
    rig.now += 5000;
    const edited = edit(cookiesOf(queued));
    expect(edited).not.toBe(cookiesOf(queued));
    const again = await rig.gate({ cookies: edited, accept: JSON_ACCEPT });
    if (again.kind !== "queued") throw new Error("not queued");
    expect(again.response.headers.getSetCookie()).toHaveLength(1);
    expect(await jsonOf(again.response)).toMatchObject({ lostPlace: reason });
  });

  it("loses his place after the time it is kept, and is told so", async () => {
    const rig = await busy({ rate: 2, returnWithinMs: 60_000 });
    const queued = await rig.gate({ accept: JSON_ACCEPT });
    rig.now += 120_000;
    await rig.gate();
    const again = await rig.gate({ cookies: cookiesOf(queued), accept: JSON_ACCEPT });
    if (again.kind !== "queued") throw new Error("not queued");
    expect(await jsonOf(again.response)).toMatchObject({ lostPlace: "left-too-long" });
  });

  it("cannot use a ticket twice: at once it is the same pass again, later a new place at the end", async () => {
    const rig = await busy();
    const queued = await rig.gate({ accept: JSON_ACCEPT });
    const ticket = cookiesOf(queued);
    rig.now += 2000;
    const turn = await rig.gate({ cookies: ticket });
    rig.now += 500;
    const repeated = await rig.gate({ cookies: ticket });
    if (turn.kind !== "admitted" || repeated.kind !== "admitted") throw new Error("not admitted");
    expect(repeated.pass).toEqual(turn.pass);
    rig.now += 70_000;
    const late = await rig.gate({ cookies: ticket, accept: JSON_ACCEPT });
    if (late.kind !== "queued") throw new Error("not queued");
    expect(await jsonOf(late.response)).toMatchObject({ lostPlace: "spent" });
  });

  it(
    "does not hold up others: thousands of tickets of one address slow that address' newcomers only",
    { timeout: 20_000 },
    async () => {
      const rig = await busy({ ticketsPerAddress: 5 });
      const outcomes = [];
      for (let ticket = 0; ticket < 8; ticket++) {
        rig.now += 1;
        outcomes.push(await rig.gate({ clientIp: "192.0.2.9" }));
      }
      const crowd = outcomes.filter((outcome) => outcome.kind === "queued" && outcome.reason === "crowd");
      expect(crowd).toHaveLength(3);
      expect(await rig.gate({ clientIp: "192.0.2.10" })).toMatchObject({ kind: "queued", reason: "waiting" });
      const held = outcomes[0];
      if (held === undefined) throw new Error("no outcome");
      rig.now += 3000;
      expect((await rig.gate({ cookies: cookiesOf(held), clientIp: "192.0.2.9" })).kind).toBe("admitted");
      rig.now += 60_000;
      expect(await rig.gate({ clientIp: "192.0.2.9" })).not.toMatchObject({ reason: "crowd" });
    },
  );
});

describe("a network", () => {
  it.each([
    ["2001:db8::1", "2001:db8::2"],
    ["2001:db8::1", "2001:0DB8:0:0:ffff::9"],
    ["2001:db8:1::1", "2001:db8:1:0:2::"],
  ])("is a /64 of IPv6: %s and %s are one", (one, other) => {
    expect(networkOf(one)).toBe(networkOf(other));
  });

  it.each([
    ["2001:db8::1", "2001:db8:0:1::1"],
    ["192.0.2.1", "192.0.2.2"],
    ["::ffff:192.0.2.1", "::ffff:192.0.2.2"],
  ])("%s and %s are two", (one, other) => {
    expect(networkOf(one)).not.toBe(networkOf(other));
  });
});

describe("a pass", () => {
  async function inside(): Promise<{ rig: Rig; cookies: string }> {
    const rig = new Rig();
    const turn = await rig.gate();
    return { rig, cookies: cookiesOf(turn) };
  }

  it("is renewed while it is used, not beyond its longest life, and only in one line of copies", async () => {
    const { rig, cookies } = await inside();
    rig.now += 11 * 60_000;
    const renewed = await rig.gate({ cookies });
    if (renewed.kind !== "admitted") throw new Error("not admitted");
    expect(renewed.setCookies).toHaveLength(1);
    // The same browser's other requests of this moment get the same new pass.
    expect(await rig.gate({ cookies })).toMatchObject({ kind: "admitted", pass: renewed.pass });
    // A copy elsewhere goes on for a minute at most.
    const elsewhere = { cookies, clientIp: "198.51.100.7" };
    expect(await rig.gate(elsewhere)).toMatchObject({ kind: "admitted", setCookies: [] });
    rig.now += 61_000;
    expect(await rig.gate(elsewhere)).not.toMatchObject({ kind: "admitted", fresh: false });
    rig.now += 8 * 60_000;
    expect((await rig.gate({ cookies: cookiesOf(renewed) })).kind).toBe("admitted");
  });

  it.each([0, 1, 4, 4.9, 5, 6, 9, 10, 11, 15, 19])(
    "outlasts each request by all of its idle time, also one %i min after it was given",
    async (minutes) => {
      const { rig, cookies } = await inside();
      rig.now += minutes * 60_000;
      const request = await rig.gate({ cookies });
      const latest = cookiesOf(request) || cookies;
      rig.now += 20 * 60_000 - 1;
      expect(await rig.gate({ cookies: latest })).toMatchObject({ kind: "admitted", fresh: false });
      rig.now += 26 * 60_000;
      expect(await rig.gate({ cookies: latest })).not.toMatchObject({ fresh: false });
    },
  );

  it("ends a quarter of its idle time later at the latest, and with the sale it was given in", async () => {
    const { rig, cookies } = await inside();
    rig.now += 25 * 60_000 - 1;
    expect(await rig.gate({ cookies })).toMatchObject({ kind: "admitted", fresh: false });
    const late = await inside();
    late.rig.now += 25 * 60_000;
    expect(await late.rig.gate({ cookies: late.cookies })).not.toMatchObject({ fresh: false });
    const other = await inside();
    expect(await other.rig.gate({ cookies: other.cookies })).toMatchObject({ fresh: false });
    const [startsAt, endsAt] = [START + 1000, START + 3_600_000];
    const drop = { name: "drop", prequeueAt: startsAt, startsAt, endsAt, shuffle: false };
    other.rig.rooms = { sale: { events: [drop], changedAt: START } };
    other.rig.now += 2000;
    expect(await other.rig.gate({ cookies: other.cookies })).not.toMatchObject({ fresh: false });
  });

  it("behind another of its name that is none is still a pass", async () => {
    const { rig, cookies } = await inside();
    const [name = ""] = cookies.split("=");
    const planted = { cookies: `${name}=planted; ${cookies}` };
    expect(await rig.gate(planted)).toMatchObject({ kind: "admitted", fresh: false });
  });

  it("cannot be extended by hand, nor moved to another room", async () => {
    const { rig, cookies } = await inside();
    const edited = cookies.replace(/\.([0-9a-z]{8})\.0\./, ".zzzzzzzz.0.");
    expect(edited).not.toBe(cookies);
    await rig.gate();
    expect(await rig.gate({ cookies: edited })).toMatchObject({ kind: "queued" });
  });

  it("ends when the origin says so", async () => {
    const { rig, cookies } = await inside();
    const shopping = await rig.gate({ cookies });
    const headers = new Headers({ "x-waiting-room-end": "1" });
    rig.queue.finish(shopping, { said: new Headers(headers), headers }, rig.rooms, () => undefined, rig.now);
    expect(headers.get("x-waiting-room-end")).toBeNull();
    expect(headers.getSetCookie()[0]).toContain("Max-Age=0");
  });

  it("goes on where an answer of the cache says so to all", async () => {
    const { rig, cookies } = await inside();
    const shopping = await rig.gate({ cookies });
    const headers = new Headers();
    rig.queue.finish(shopping, { said: null, headers }, rig.rooms, () => undefined, rig.now);
    expect([headers.get("x-waiting-room"), headers.getSetCookie()]).toEqual(["admitted", []]);
  });
});

describe("two tickets of one name", () => {
  it("are the one that is a place in line, whichever comes first", async () => {
    const rig = new Rig({ state: "hold" });
    const first = await rig.gate({ accept: JSON_ACCEPT });
    if (first.kind !== "queued") throw new Error("not queued");
    const { ticket } = await jsonOf(first.response);
    const [name = "", value = ""] = cookiesOf(first).split("=");
    for (const cookies of [`${name}=forged; ${name}=${value}`, `${name}=${value}; ${name}=forged`]) {
      const again = await rig.gate({ cookies, accept: JSON_ACCEPT });
      if (again.kind !== "queued") throw new Error("not queued");
      expect(await jsonOf(again.response)).toMatchObject({ ticket, lostPlace: null });
    }
  });
});

describe("failures", () => {
  it("of everything hold newcomers and throw nobody out", async () => {
    const rig = new Rig();
    const inside = await rig.gate();
    rig.down = { room: true, gate: true };
    rig.now += 12 * 60_000;
    expect(await rig.gate({ cookies: cookiesOf(inside) })).toMatchObject({ kind: "admitted" });
    const newcomer = await rig.gate({ accept: JSON_ACCEPT });
    if (newcomer.kind !== "queued") throw new Error("not queued");
    expect(await jsonOf(newcomer.response)).toMatchObject({ state: "queued" });
    rig.down = { room: false, gate: false };
    rig.now += 6000;
    expect((await rig.gate({ cookies: cookiesOf(newcomer) })).kind).toBe("admitted");
  });
});

describe("states", () => {
  it("queue-all shows its page to the first visitor, hold to all, sold-out ends the line honestly", async () => {
    const rig = new Rig({ state: "queue-all" });
    expect(await rig.gate()).toMatchObject({ kind: "queued", reason: "waiting" });
    rig.rooms = { sale: { state: "hold", changedAt: START + 1, message: "Back <soon>" } };
    const held = await rig.gate();
    if (held.kind !== "queued") throw new Error("not queued");
    expect(await held.response.text()).toContain("Back &lt;soon&gt;");
    rig.rooms = { sale: { state: "sold-out", changedAt: START + 2 } };
    const sold = await rig.gate({ cookies: cookiesOf(held) });
    if (sold.kind !== "queued") throw new Error("not queued");
    expect(sold.reason).toBe("sold-out");
    expect(sold.response.headers.get("retry-after")).toBeNull();
    expect(await sold.response.text()).toContain("Everything is sold");
  });

  it(
    "an event draws its pre-queue: nobody before the start, then by lot, before later visitors",
    { timeout: 20_000 },
    async () => {
      const event = {
        name: "drop",
        prequeueAt: START,
        startsAt: START + 60_000,
        endsAt: START + 600_000,
        shuffle: true,
      };
      const rig = new Rig({ events: [event] });
      const early = [];
      for (let visitor = 0; visitor < 10; visitor++) {
        rig.now += 400;
        early.push(await rig.gate({ accept: JSON_ACCEPT }));
      }
      const [first] = early;
      if (first?.kind !== "queued") throw new Error("not queued");
      expect(await jsonOf(first.response.clone())).toMatchObject({
        event: { name: "drop", phase: "pre-queue", commitment: "hash", seed: null },
      });
      rig.now = event.startsAt + 6000;
      const kinds = [];
      for (const outcome of early) {
        rig.now += 50;
        kinds.push((await rig.gate({ cookies: cookiesOf(outcome) })).kind);
      }
      expect(kinds.filter((kind) => kind === "admitted")).toHaveLength(1);
      expect(await rig.gate({ accept: JSON_ACCEPT })).toMatchObject({ kind: "queued" });
    },
  );
});

describe("a line that was stopped", () => {
  it("promises nobody a time, and is not asked about every second by those in front", async () => {
    const rig = new Rig();
    rig.rooms = { sale: { state: "hold", changedAt: START + 1 } };
    const held = await rig.gate({ accept: JSON_ACCEPT });
    if (held.kind !== "queued") throw new Error("not queued");
    expect(held.expectedWaitMs).toBeNull();
    const told = await jsonOf(held.response);
    expect(told).toMatchObject({ peopleAhead: 0, estimatedWaitSeconds: null });
    expect(told["nextPollMs"]).toBeGreaterThan(4000);
    const early = await rig.gate({ cookies: cookiesOf(held), accept: JSON_ACCEPT });
    if (early.kind !== "queued") throw new Error("not queued");
    expect(await jsonOf(early.response)).toMatchObject({ estimatedWaitSeconds: null });
  });
});

describe("requests that are no visit", () => {
  const SPECULATIVE = { "sec-purpose": "prefetch;prerender" };
  const FOREIGN = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" };

  it.each([
    ["GET", SPECULATIVE],
    ["GET", { purpose: "prefetch" }],
    ["POST", FOREIGN],
  ])("(%s %o) take no place and let nobody in; who is inside goes on", async (method, fields) => {
    const rig = new Rig();
    const headers = new Headers({ ...fields, accept: "text/html" });
    const answer = await rig.gate({ method, headers });
    if (answer.kind !== "queued") throw new Error("not queued");
    expect(answer).toMatchObject({ reason: "errand", expectedWaitMs: null });
    expect(answer.response.status).toBe(503);
    expect(answer.response.headers.getSetCookie()).toEqual([]);
    expect(answer.response.headers.get("retry-after")).toBe("1");
    expect(answer.response.headers.get("cache-control")).toBe("no-store");
    expect(await answer.response.text()).toContain("One moment, please");
    expect(rig.calls).toBe(0);
    const inside = await rig.gate();
    expect(await rig.gate({ method, headers, cookies: cookiesOf(inside) })).toMatchObject({ fresh: false });
  });

  it("are not those of links on other sites, nor forms of the store", async () => {
    const rig = new Rig({ state: "hold" });
    const link = await rig.gate({ headers: new Headers(FOREIGN) });
    const form = await rig.gate({
      method: "POST",
      headers: new Headers({ "sec-fetch-site": "same-origin" }),
    });
    for (const answer of [link, form]) expect(cookiesOf(answer)).toMatch(/^__Host-ticket/);
  });

  it("are preflights, which carry no cookies whoever sends them: they pass", async () => {
    const rig = new Rig({ state: "hold" });
    const asked = { origin: "https://app.acme.com", "access-control-request-method": "POST" };
    expect(await rig.gate({ method: "OPTIONS", headers: new Headers(asked) })).toEqual({
      kind: "bypass",
      room: "sale",
      reason: "preflight",
    });
    expect((await rig.gate({ method: "OPTIONS" })).kind).toBe("queued");
    expect((await rig.gate({ method: "GET", headers: new Headers(asked) })).kind).toBe("queued");
  });
});

describe("a network's crowd of newcomers", () => {
  it("beyond what it may take is told to come again, as page and as JSON, and takes no place", async () => {
    const rig = new Rig({ ticketsPerAddress: 1, state: "hold" });
    const first = await rig.gate();
    const page = await rig.gate({ accept: "text/html" });
    const json = await rig.gate({ accept: JSON_ACCEPT });
    if (page.kind !== "queued" || json.kind !== "queued") throw new Error("not queued");
    for (const { response, reason } of [page, json]) {
      expect(reason).toBe("crowd");
      expect(response.status).toBe(429);
      expect(response.headers.getSetCookie()).toEqual([]);
      expect(Number(response.headers.get("retry-after"))).toBe(10);
    }
    expect(await page.response.text()).toContain("Very many people from your network");
    const told = await jsonOf(json.response);
    expect(told).toMatchObject({ inQueue: false, ticket: null, position: null, nextPollSeconds: 10 });
    const again = await rig.gate({ cookies: cookiesOf(first) });
    expect(again).toMatchObject({ kind: "queued", reason: "waiting" });
  });
});

describe("a ticket that is shown many times at once", () => {
  it("is one visitor: one request asks, the others are told to come again", async () => {
    const rig = await busy({ rate: 6 });
    const queued = await rig.gate({ accept: JSON_ACCEPT });
    rig.now += 12_000;
    const { calls } = rig;
    const shown = { cookies: cookiesOf(queued), accept: JSON_ACCEPT };
    const answers = await Promise.all(Array.from({ length: 30 }, () => rig.gate(shown)));
    expect(answers.filter(({ kind }) => kind === "admitted")).toHaveLength(1);
    for (const answer of answers) {
      if (answer.kind !== "queued") continue;
      expect(answer.response.headers.getSetCookie()).toEqual([]);
      expect(await jsonOf(answer.response)).toMatchObject({ nextPollSeconds: 2, lostPlace: null });
    }
    expect(rig.calls - calls).toBeLessThanOrEqual(3);
  });
});

describe("an old cookie of a ticket", () => {
  it("shown again and again is one visitor in the count of the line", async () => {
    const rig = new Rig();
    rig.rooms = { sale: { state: "hold", changedAt: START + 1 } };
    const cookies = cookiesOf(await rig.gate());
    rig.now += 6000;
    for (let replay = 0; replay < 20; replay++) await rig.gate({ cookies });
    rig.now += 1000;
    expect(await rig.queue.desk.list(rig.rooms)).toMatchObject([{ live: { waiting: 1 } }]);
  });
});

describe("an automatic rate", () => {
  it("is what the fewest replicas carry until it is known how many are ready, and follows them from then on", async () => {
    const rig = new Rig({ rate: "auto" });
    const { desk } = rig.queue;
    const rate = async () => {
      const { perMinute, replicas } = (await desk.status("sale", rig.rooms, rig.now)) ?? {};
      return [perMinute, replicas];
    };
    // 2 replicas of 65 requests a second at 80%, 60 requests a visitor.
    expect(await rate()).toEqual([104, 2]);
    await desk.ready(5, rig.rooms, rig.now);
    expect(await rate()).toEqual([260, 5]);
    await desk.ready(1, rig.rooms, rig.now);
    expect(await rate()).toEqual([52, 1]);
    rig.rooms = { sale: { rate: 30, changedAt: rig.now } };
    await desk.ready(8, rig.rooms, rig.now);
    expect(await rate()).toEqual([30, null]);
    rig.rooms = { sale: { rate: "auto", changedAt: rig.now + 1 } };
    expect(await rate()).toEqual([52, 1]);
  });

  it("is taken from an operator like any other", { timeout: 30_000 }, async () => {
    const rig = new Rig();
    const answer = await rig.queue.desk.next("sale", null, { rate: "auto" }, START);
    expect(answer).toMatchObject({ value: { rate: "auto" } });
  });
});

describe("events to come", () => {
  it("are told before their pre-queue begins, so that replicas can be there", async () => {
    const startsAt = START + 600_000;
    const event = { name: "drop", prequeueAt: startsAt, startsAt, endsAt: startsAt + 1000, shuffle: false };
    const rig = new Rig({ events: [event] });
    const status = await rig.queue.desk.status("sale", {}, START);
    expect(status).toMatchObject({ event: null, upcoming: [{ name: "drop" }] });
    expect(await rig.queue.desk.status("sale", {}, startsAt)).toMatchObject({
      event: { name: "drop" },
      upcoming: [],
    });
  });
});

describe("an operator", () => {
  it("sees the room, changes it, and is refused nonsense with the reason", { timeout: 30_000 }, async () => {
    const rig = new Rig();
    const { desk } = rig.queue;
    expect(await desk.list({})).toMatchObject([
      { room: "sale", perMinute: 60, phase: "open", live: { waiting: 0 } },
    ]);
    expect(await desk.next("sale", null, { rate: "10/s", state: "queue-all" }, START)).toEqual({
      value: {
        state: "queue-all",
        rate: 600,
        resharedAt: undefined,
        message: undefined,
        events: undefined,
        changedAt: START,
      },
    });
    const wrong: [unknown, RegExp][] = [
      [{ rate: 0 }, /0 or less/],
      [{ rate: "-5/s" }, /0 or less/],
      [{ rate: "0.5/min" }, /fewer than one/],
      [{ rate: "9999999/s" }, /is no limit/],
      [{ rate: "fast" }, /not a rate/],
      [{ state: "closed" }, /not a state/],
      [{}, /changes nothing/],
      [{ speed: 1 }, /speed/],
      [
        { event: { name: "x", start: "2026-11-27T10:00:00Z", end: "2026-11-27T09:00:00Z" } },
        /ends before it starts/,
      ],
      [{ event: { name: "x", start: "tomorrow", end: "2026-11-27T09:00:00Z" } }, /not a time/],
      [{ removeEvent: "none" }, /there is no event/],
      [{ event: { name: "x", start: "2025-11-27T10:00:00Z", end: "2025-11-27T11:00:00Z" } }, /over already/],
      [{ speed: 1, rate: 0 }, /0 or less.*\. .*speed/],
    ];
    for (const [change, reason] of wrong) {
      const answer = await desk.next("sale", null, change, START);
      expect("refused" in answer ? answer.refused : "accepted").toMatch(reason);
    }
    expect(wrong).toHaveLength(13);
    expect(await desk.next("nowhere", null, { rate: "1/s" }, START)).toMatchObject({
      unknown: expect.stringContaining("no room nowhere"),
    });
    rig.down.room = true;
    expect(await desk.list({})).toMatchObject([{ room: "sale", live: null }]);
  });

  it("cannot make two events overlap, pre-queues included", async () => {
    const { desk } = new Rig().queue;
    const event = (name: string, start: string, end: string) => ({
      event: { name, start, end, prequeue: "30m" },
    });
    const first = await desk.next(
      "sale",
      null,
      event("one", "2026-11-27T10:00:00Z", "2026-11-27T12:00:00Z"),
      START,
    );
    if (!("value" in first)) throw new Error("refused");
    const second = await desk.next(
      "sale",
      first.value,
      event("two", "2026-11-27T12:20:00Z", "2026-11-27T13:00:00Z"),
      START,
    );
    expect("refused" in second ? second.refused : "accepted").toMatch(/event two overlaps one/);
    const third = await desk.next(
      "sale",
      first.value,
      event("two", "2026-11-27T12:30:00Z", "2026-11-27T13:00:00Z"),
      START,
    );
    if (!("value" in third)) throw new Error("refused");
    expect(third.value.events).toHaveLength(2);
    expect(third.value.changedAt).toBeGreaterThan(first.value.changedAt);
  });
});
