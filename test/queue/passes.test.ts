import { describe, expect, it } from "vitest";
import { type PassRecord, renewal } from "../../src/queue/renewal.ts";
import { cookiesOf, Rig, START } from "./rig.ts";
import type { Shown } from "../../src/queue/messages.ts";

const FIREFOX = { "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0" };
const NEWER_FIREFOX = {
  "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0",
};
const CHROME = { "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/150.0.0.0" };

/** A room with a line, somebody inside it with a gate's pass, and an isolate that knows of the line. */
async function inside() {
  const rig = new Rig({ state: "queue-all", rate: 60 });
  const early = await rig.gate({ headers: new Headers(FIREFOX) });
  rig.now += 3500;
  const turn = await rig.gate({ headers: new Headers(FIREFOX), cookies: cookiesOf(early) });
  expect(turn.kind).toBe("admitted");
  const cookies = cookiesOf(turn);
  const visit = (headers: Record<string, string>, over: { cookies?: string; clientIp?: string } = {}) =>
    rig.gate({ cookies, headers: new Headers(headers), ...over });
  /** Somebody in line lets the isolate read the room anew. */
  const news = async () => {
    rig.now += 2100;
    await rig.gate();
  };
  await news();
  return { rig, cookies, visit, news };
}

const INSIDE = { kind: "admitted", fresh: false };

describe("a copied pass", () => {
  it("costs the one who holds it nothing, whatever version his browser updates to", async () => {
    const { rig, visit } = await inside();
    const { calls } = rig;
    expect(await visit(FIREFOX)).toMatchObject(INSIDE);
    expect(await visit(NEWER_FIREFOX)).toMatchObject(INSIDE);
    expect(await visit(FIREFOX, { clientIp: "203.0.113.9" })).toMatchObject(INSIDE);
    expect(rig.calls).toBe(calls);
  });

  it("in another kind of browser is noticed at its first request: one of the two goes on", async () => {
    const { visit, news } = await inside();
    const copy = await visit(CHROME);
    expect(copy).toMatchObject(INSIDE);
    expect(cookiesOf(copy)).not.toBe("");
    // Every isolate hears of it within seconds; the other pass is worth nothing from then on.
    await news();
    const original = await visit(FIREFOX);
    if (original.kind !== "queued") throw new Error(original.kind);
    expect(await original.response.text()).toContain("used in another browser");
    expect(await visit(CHROME, { cookies: cookiesOf(copy) })).toMatchObject(INSIDE);
  });

  it("in two networks in turn is noticed when the first comes back", async () => {
    const { rig, visit, news } = await inside();
    const [home, away] = [{ clientIp: "192.0.2.1" }, { clientIp: "203.0.113.9" }];
    expect(await visit(FIREFOX, home)).toMatchObject(INSIDE);
    expect(await visit(FIREFOX, away)).toMatchObject({ ...INSIDE, setCookies: [] });
    const back = await visit(FIREFOX, home);
    expect(back).toMatchObject(INSIDE);
    expect(cookiesOf(back)).not.toBe("");
    await news();
    rig.now += 3000;
    expect((await visit(FIREFOX, away)).kind).toBe("queued");
  });

  it("of a pass that ended is worth nothing within seconds", async () => {
    const { rig, visit, news } = await inside();
    const shopping = await visit(FIREFOX);
    rig.queue.finish(
      shopping,
      { said: new Headers({ "x-waiting-room-end": "1" }), headers: new Headers() },
      rig.rooms,
      () => undefined,
      rig.now,
    );
    await news();
    expect((await visit(FIREFOX)).kind).toBe("queued");
  });

  it("throws nobody out while its gate is down", async () => {
    const { rig, visit } = await inside();
    rig.down.gate = true;
    expect(await visit(CHROME)).toMatchObject(INSIDE);
    expect(await visit(FIREFOX)).toMatchObject(INSIDE);
  });

  it("from before the line is found out when there is one: its first use makes the others worthless", async () => {
    const rig = new Rig({ rate: 6000 });
    await rig.gate();
    rig.now += 2500;
    const free = await rig.gate();
    expect(free).toMatchObject({ kind: "admitted", fresh: true, pass: { gate: null } });
    const cookies = cookiesOf(free);
    rig.rooms = { sale: { state: "queue-all", changedAt: rig.now } };
    await rig.gate();
    rig.now += 2100;
    await rig.gate();
    const first = await rig.gate({ cookies });
    expect(first).toMatchObject({ ...INSIDE, pass: { gate: 0 } });
    rig.now += 61_000;
    await rig.gate();
    expect((await rig.gate({ cookies })).kind).toBe("queued");
    expect(await rig.gate({ cookies: cookiesOf(first) })).toMatchObject(INSIDE);
  });
});

describe("a renewal", () => {
  const limits = { passIdleMs: 1_200_000, passMaxMs: 14_400_000 };
  const record: PassRecord = {
    expiresAt: 2000,
    renewedFrom: 1000,
    renewedAt: START,
    browser: "b",
    network: "n",
  };
  const shown: Shown = {
    id: "a",
    admittedAt: START,
    expiresAt: 2000,
    unknown: false,
    browser: "b",
    network: "n",
    strict: false,
  };

  it.each([
    ["the latest", {}, 0, "renewed"],
    ["the one before, at once, of the same visitor", { expiresAt: 1000 }, 50_000, "renewed"],
    ["the one before, later", { expiresAt: 1000 }, 61_000, "dead"],
    ["the one before, from elsewhere", { expiresAt: 1000, network: "m" }, 50_000, "unclear"],
    ["the one before, from elsewhere, suspected", { expiresAt: 1000, network: "m", strict: true }, 0, "dead"],
    ["the one before, suspected, with the page", { expiresAt: 1000, strict: true }, 2000, "renewed"],
    ["the one before, suspected, later", { expiresAt: 1000, strict: true }, 4000, "dead"],
    ["an older one", { expiresAt: 999 }, 0, "dead"],
  ] as const)("of %s pass", (_, over, after, kind) => {
    expect(renewal(record, { ...shown, ...over }, limits, START + after).answer.kind).toBe(kind);
  });

  it("ends with the longest life of a pass, and tells of copies where it saw any", () => {
    const late = renewal(record, shown, limits, START + 14_000_000);
    expect(late.answer).toEqual({ kind: "renewed", expiresAt: START + 14_400_000 });
    expect(late.revokedBefore).toBeNull();
    expect(renewal(record, { ...shown, strict: true }, limits, START).revokedBefore).toBe(START + 1_500_000);
    expect(renewal(record, { ...shown, expiresAt: 999 }, limits, START).revokedBefore).toBe(2000);
  });

  it("of a pass that nobody knows is refused, but of one that an isolate gave", () => {
    expect(renewal(null, shown, limits, START).answer.kind).toBe("dead");
    expect(renewal(null, { ...shown, unknown: true }, limits, START).answer.kind).toBe("renewed");
    for (const expiresAt of [1000, 2000]) {
      const ended = renewal({ ...record, expiresAt: 0 }, { ...shown, expiresAt }, limits, START);
      expect(ended.answer.kind).toBe("dead");
    }
  });
});
