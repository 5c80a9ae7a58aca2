import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Breaker, CLOSED, abandon, admit, backoffMs, settle } from "../../src/gateway/breaker.ts";
import { askOrigin } from "../../src/gateway/origin.ts";
import { Pool } from "../../src/gateway/pool.ts";
import { earn, isRepeatable, spend } from "../../src/gateway/retry.ts";
import {
  SOUND,
  type Standings,
  beginTrial,
  chooseZone,
  zoneFailed,
  zoneSucceeded,
} from "../../src/gateway/zones.ts";

const POLICY = { after: 3, forMs: 1000, atMostMs: 4000 };

describe("breaker", () => {
  const after = (failures: number, now = 0): Breaker =>
    Array.from({ length: failures }).reduce<Breaker>((state) => settle(state, false, now, POLICY), CLOSED);

  test("opens after failures in a row, and only then", () => {
    expect(after(2)).toEqual({ state: "closed", failures: 2 });
    expect(after(3)).toEqual({ state: "open", until: 1000, times: 1 });
    expect(settle(after(2), true, 0, POLICY)).toEqual(CLOSED);
  });

  test("open refuses at once, tells how long, then lets one probe in", () => {
    const open = after(3);
    expect(admit(open, 400, 500)).toMatchObject({ verdict: "refuse", retryAfterMs: 600 });
    const probe = admit(open, 1000, 500);
    expect(probe).toMatchObject({ verdict: "probe", breaker: { state: "half-open", probeUntil: 1500 } });
    expect(admit(probe.breaker, 1200, 500)).toMatchObject({ verdict: "refuse", retryAfterMs: 300 });
    expect(admit(probe.breaker, 1500, 500)).toMatchObject({ verdict: "probe" });
  });

  test("while a probe is under way others are told a second, not its whole deadline", () => {
    const probe = admit(after(3), 1000, 30_000);
    expect(admit(probe.breaker, 1200, 30_000)).toMatchObject({ verdict: "refuse", retryAfterMs: 1000 });
    expect(admit(probe.breaker, 30_600, 30_000)).toMatchObject({ verdict: "refuse", retryAfterMs: 400 });
  });

  test("a probe that ends without a verdict leaves its place to the next, and only its own", () => {
    const probe = admit(after(3), 1000, 30_000).breaker;
    const freed = abandon(probe, probe, 1200);
    expect(admit(freed, 1200, 500)).toMatchObject({ verdict: "probe", breaker: { times: 1 } });
    const next = admit(freed, 1200, 500).breaker;
    expect(abandon(next, probe, 1300)).toBe(next);
    expect(abandon(CLOSED, CLOSED, 1300)).toBe(CLOSED);
    expect(abandon(settle(probe, false, 1300, POLICY), probe, 1300)).toEqual(
      settle(probe, false, 1300, POLICY),
    );
  });

  test("a client that breaks off the probe does not keep the origin closed", async () => {
    const pool = new Pool(
      "store",
      [{ name: "a", origin: "https://a", base: "https://a", fetch: async () => new Response() }],
      { retryPercent: 0, retryReserve: 0, eject: POLICY, breaker: POLICY, stallMs: 1000 },
      { random: () => 0, observe: () => undefined },
    );
    for (let count = 0; count < 3; count++) pool.judgeOrigin(false, 0);
    const client = new AbortController();
    const ask = {
      limits: { deadlineMs: 30_000, tryMs: 30_000 },
      repeatable: true,
      now: () => 1000,
      signal: client.signal,
    };
    const broken = askOrigin(pool, {
      ...ask,
      send: async (_zone, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new Error("aborted")));
          client.abort();
        }),
    });
    await expect(broken).rejects.toMatchObject({ source: "client" });
    const answered = await askOrigin(pool, { ...ask, send: async () => new Response("back") });
    expect(await answered.response.text()).toBe("back");
  });

  test("a failed probe opens it for twice as long, up to the most; a success closes it", () => {
    let state = after(3);
    const stays: number[] = [];
    for (let count = 0, now = 1000; count < 4; count++) {
      state = settle(admit(state, now, 500).breaker, false, now, POLICY);
      if (state.state === "open") stays.push(state.until - now);
      now += 10_000;
    }
    expect(stays).toEqual([2000, 4000, 4000, 4000]);
    expect(settle(admit(state, 99_000, 500).breaker, true, 99_000, POLICY)).toEqual(CLOSED);
  });

  test("failures sent before it opened change nothing", () => {
    const open = after(3);
    expect(settle(open, false, 900, POLICY)).toBe(open);
  });

  test("whatever happens, it lets somebody in within the longest stay or probe", () => {
    const step = fc.record({ ok: fc.boolean(), wait: fc.integer({ min: 0, max: 6000 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let state: Breaker = CLOSED;
        let now = 0;
        for (const { ok, wait } of steps) {
          now += wait;
          const admission = admit(state, now, 500);
          state = admission.breaker;
          if (admission.verdict !== "refuse") state = settle(state, ok, now, POLICY);
          else expect(admission.retryAfterMs).toBeLessThanOrEqual(4000);
        }
        expect(admit(state, now + 4000, 500).verdict).not.toBe("refuse");
      }),
    );
  });

  test("stays double without overflowing", () => {
    expect([1, 2, 3, 4, 5000].map((times) => backoffMs(POLICY, times))).toEqual([
      1000, 2000, 4000, 4000, 4000,
    ]);
  });
});

describe("ejection", () => {
  const fail = (standings: Standings, zone: number, times: number, now = 0): Standings =>
    Array.from({ length: times }).reduce<Standings>(
      (state) => zoneFailed(state, zone, now, POLICY),
      standings,
    );
  const two: Standings = [SOUND, SOUND];

  test("a zone leaves after failures in a row; the last one never does", () => {
    const one = fail(two, 0, 3);
    expect(one[0]?.ejectedUntil).toBe(1000);
    expect(fail(one, 1, 50)[1]?.ejectedUntil).toBe(0);
    expect(fail([SOUND], 0, 50)[0]?.ejectedUntil).toBe(0);
    expect(fail(zoneSucceeded(fail(two, 0, 2), 0), 0, 2)[0]?.ejectedUntil).toBe(0);
  });

  test("an ejected zone is not chosen before its time, then tried by one repeatable request", () => {
    const out = fail(two, 0, 3);
    for (const random of [0, 0.5, 0.99]) {
      expect(chooseZone(out, [], true, 999, random)).toEqual({ zone: 1, trial: false });
      expect(chooseZone(out, [], false, 5000, random)).toEqual({ zone: 1, trial: false });
      expect(chooseZone(out, [], true, 1000, random)).toEqual({ zone: 0, trial: true });
    }
    const trying = beginTrial(out, 0, 1000, 300);
    expect(chooseZone(trying, [], true, 1100, 0)).toEqual({ zone: 1, trial: false });
    expect(chooseZone(trying, [], true, 1300, 0)).toEqual({ zone: 0, trial: true });
    expect(zoneSucceeded(trying, 0)).toEqual(two);
  });

  test("a failed trial rests longer; failures from before it do not count twice", () => {
    const out = fail(two, 0, 3);
    expect(fail(out, 0, 30, 500)[0]?.ejectedUntil).toBe(1000);
    expect(fail(out, 0, 1, 1000)[0]).toMatchObject({ ejections: 2, ejectedUntil: 3000 });
    expect(fail(fail(out, 0, 1, 1000), 0, 1, 3000)[0]?.ejectedUntil).toBe(7000);
  });

  test("an ejected zone is the last resort of a second try", () => {
    const out = fail(two, 0, 3);
    expect(chooseZone(out, [1], true, 500, 0)).toEqual({ zone: 0, trial: false });
    expect(chooseZone(out, [0, 1], true, 500, 0)).toBeUndefined();
    expect(chooseZone([], [], true, 500, 0)).toBeUndefined();
  });

  test("in any history there is always a zone in rotation, and always a choice", () => {
    const event = fc.record({ zone: fc.nat(2), ok: fc.boolean(), wait: fc.nat(3000), random: fc.nat(99) });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), fc.array(event, { maxLength: 80 }), (count, events) => {
        let standings: Standings = Array.from({ length: count }, () => SOUND);
        let now = 0;
        for (const { zone, ok, wait, random } of events) {
          now += wait;
          standings = ok
            ? zoneSucceeded(standings, zone % count)
            : zoneFailed(standings, zone % count, now, POLICY);
          expect(standings.some(({ ejectedUntil }) => ejectedUntil === 0)).toBe(true);
          const choice = chooseZone(standings, [], true, now, random / 100);
          expect(choice?.zone).toBeLessThan(count);
        }
      }),
    );
  });
});

describe("retries", () => {
  const CASES: readonly (readonly [string, Record<string, string>, "none" | "bytes" | "stream", boolean])[] =
    [
      ["GET", {}, "none", true],
      ["HEAD", {}, "none", true],
      ["OPTIONS", {}, "none", true],
      ["POST", {}, "bytes", false],
      ["POST", { "idempotency-key": "k" }, "bytes", true],
      ["POST", { "idempotency-key": "k" }, "none", true],
      ["POST", { "idempotency-key": "k" }, "stream", false],
      ["POST", { "idempotency-key": "  " }, "bytes", false],
      ["PUT", { "idempotency-key": "k" }, "bytes", false],
      ["DELETE", {}, "none", false],
      ["PATCH", { "idempotency-key": "k" }, "bytes", false],
      ["OPTIONS", {}, "stream", false],
    ];

  test.each(CASES)("%s %o with body %s: %s", (method, headers, body, expected) => {
    expect(isRepeatable(method, new Headers(headers), body)).toBe(expected);
  });

  test("never exceed 20% of the requests by more than the reserve", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 500 }), (failures) => {
        let budget = 10;
        let retries = 0;
        for (const failed of failures) {
          budget = earn(budget, 20, 10);
          const rest = failed ? spend(budget) : undefined;
          if (rest === undefined) continue;
          budget = rest;
          retries++;
        }
        expect(retries).toBeLessThanOrEqual(failures.length * 0.2 + 10);
      }),
    );
  });

  test("with everything failing a fifth of the requests is still retried", () => {
    let budget = 0;
    let retries = 0;
    for (let count = 0; count < 1000; count++) {
      budget = earn(budget, 20, 100);
      const rest = spend(budget);
      if (rest !== undefined) retries++;
      budget = rest ?? budget;
    }
    expect(retries).toBeGreaterThanOrEqual(199);
    expect(retries).toBeLessThanOrEqual(200);
  });
});
