import { env } from "cloudflare:workers";
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import type { ControlObject } from "../../src/control/index.ts";
import type { Published } from "../../src/control/object.ts";

const why = { actor: "alice", reason: "test", expected: null };
const hour = 3_600_000;
let made = 0;

/** A control object of its own for each test. */
function fresh() {
  const stub = env.CONTROL.getByName(`object-${made++}`);
  const typed: DurableObjectStub<ControlObject> = Object.assign(stub);
  const run = <R>(act: (object: ControlObject, state: DurableObjectState) => R | Promise<R>): Promise<R> =>
    runInDurableObject<ControlObject, R>(typed, act);
  const read = async (): Promise<Published> => {
    const published: Published = JSON.parse((await run((object) => object.read(-1))) ?? "");
    return published;
  };
  return { stub, run, read };
}

describe("the control object", () => {
  it("starts undecided at version 0", async () => {
    expect(await fresh().read()).toEqual({
      version: 0,
      revision: 0,
      mode: null,
      overrides: [],
      rules: { active: null },
      rooms: {},
      versions: {},
      purges: [],
    });
  });

  it("keeps decisions over an eviction", async () => {
    const { stub, run, read } = fresh();
    await run((object) => object.change({ kind: "mode", mode: "monitor", forMs: null }, why));
    await run((object) => object.purge([{ kind: "tag", values: ["a"], soft: false, keepMs: hour }], why));
    await evictDurableObject(stub);
    expect(await read()).toMatchObject({
      version: 2,
      mode: { mode: "monitor" },
      purges: [{ id: 2, kind: "tag", value: "a" }],
    });
  });

  it("answers null where the reader knows the version", async () => {
    const { run } = fresh();
    expect(await run((object) => object.read(0))).toBeNull();
    await run((object) => object.change({ kind: "mode", mode: "monitor", forMs: null }, why));
    expect(await run((object) => object.read(0))).not.toBeNull();
    expect(await run((object) => object.read(1))).toBeNull();
  });

  it("refuses a change against an older version with the current one, and changes nothing", async () => {
    const { run, read } = fresh();
    await run((object) => object.change({ kind: "mode", mode: "monitor", forMs: null }, why));
    const late = await run((object) =>
      object.change({ kind: "mode", mode: "block", forMs: null }, { ...why, expected: 0 }),
    );
    expect(late).toMatchObject({ ok: false, refusal: "conflict", current: 1 });
    expect(await read()).toMatchObject({ version: 1, mode: { mode: "monitor" } });
  });

  it("lets two operators change different things at once", async () => {
    const { run } = fresh();
    await run((object) => object.change({ kind: "mode", mode: "monitor", forMs: null }, why));
    const other = await run((object) =>
      object.change(
        { kind: "override", rule: "942100", path: null, action: "off", forMs: null },
        { ...why, expected: 0 },
      ),
    );
    expect(other).toMatchObject({ ok: true, entry: { version: 2, subject: "override:942100" } });
  });

  it("records who, why, before and after", async () => {
    const { run } = fresh();
    await run((object) => object.change({ kind: "room", room: "sale", value: { rate: 60 } }, why));
    await run((object) =>
      object.change(
        { kind: "room", room: "sale", value: { rate: 90 } },
        { actor: "bob", reason: "calm", expected: 1 },
      ),
    );
    const [entry] = await run((object) => object.audit(1, null, true));
    expect(entry).toMatchObject({
      version: 2,
      actor: "bob",
      reason: "calm",
      subject: "room:sale",
      before: { rate: 60 },
      after: { rate: 90 },
      undoes: null,
    });
    expect(Math.abs((entry?.at ?? 0) - Date.now())).toBeLessThan(5000);
  });

  it("refuses a change of the audit log in the database itself", async () => {
    const { run } = fresh();
    await run((object) => object.change({ kind: "mode", mode: "monitor", forMs: null }, why));
    for (const attempt of ["UPDATE audit SET actor = 'mallory'", "DELETE FROM audit"]) {
      await run((_, state) => {
        expect(() => state.storage.sql.exec(attempt)).toThrow(/append-only/);
      });
    }
    expect(await run((object) => object.audit(10, null, true))).toHaveLength(1);
  });
});

describe("purges", () => {
  const tag = (value: string) => [{ kind: "tag", values: [value], soft: false, keepMs: hour }] as const;

  it("of a busy day cost little each, and stay as they were over an eviction", async () => {
    const { stub, run, read } = fresh();
    const many = Array.from({ length: 4000 }, (_, index) => `product-${index}`);
    await run((object) => object.purge([{ kind: "tag", values: many, soft: false, keepMs: hour }], why));
    const started = Date.now();
    const written = await run(async (object, state) => {
      const { rowsWritten } = state.storage.sql.exec("SELECT 1");
      for (let index = 0; index < 100; index++) await object.purge(tag(`product-${index}`), why);
      return rowsWritten;
    });
    expect(written).toBe(0);
    console.log(`100 purges of one tag beside 4,000 others: ${Date.now() - started} ms`);
    const before = (await read()).purges;
    expect(before).toHaveLength(4000);
    expect(before.at(-1)).toMatchObject({ id: 101, value: "product-99" });
    await evictDurableObject(stub);
    expect((await read()).purges).toEqual(before);
  });

  it("leave the audit log after 90 days, what people decided never", async () => {
    const { stub, run } = fresh();
    await run((object) => object.change({ kind: "mode", mode: "monitor", forMs: null }, why));
    await run((object) => object.purge(tag("old"), why));
    await run((_, state) => {
      const old = Date.now() - 91 * 24 * hour;
      state.storage.sql.exec("DROP TRIGGER audit_keeps");
      state.storage.sql.exec("UPDATE audit SET at = ?", old);
    });
    await evictDurableObject(stub);
    await run((object) => object.purge(tag("new"), why));
    await evictDurableObject(stub);
    await run((object) => object.purge(tag("newer"), why));
    const left = await run((object) => object.audit(10, null, true));
    expect(left.map(({ version, subject }) => `${version} ${subject}`)).toEqual([
      "4 purge",
      "3 purge",
      "1 mode",
    ]);
  });
});

describe("undo", () => {
  it("puts back what was decided before, and is a change like any other", async () => {
    const { run, read } = fresh();
    await run((object) => object.change({ kind: "mode", mode: "monitor", forMs: null }, why));
    expect(await run((object) => object.undo(1, why))).toMatchObject({
      ok: true,
      entry: { version: 2, undoes: 1, after: null },
    });
    expect((await read()).mode).toBeNull();
    await run((object) => object.undo(2, why));
    expect((await read()).mode).toMatchObject({ mode: "monitor" });
  });

  it("refuses what was changed again since", async () => {
    const { run } = fresh();
    await run((object) => object.change({ kind: "mode", mode: "monitor", forMs: null }, why));
    await run((object) => object.change({ kind: "mode", mode: "block", forMs: null }, why));
    expect(await run((object) => object.undo(1, why))).toMatchObject({
      ok: false,
      refusal: "conflict",
      current: 2,
    });
  });

  it("refuses a purge and an unknown version", async () => {
    const { run } = fresh();
    await run((object) => object.purge([{ kind: "all", values: [""], soft: true, keepMs: hour }], why));
    expect(await run((object) => object.undo(1, why))).toMatchObject({ ok: false, refusal: "not-undoable" });
    expect(await run((object) => object.undo(9, why))).toMatchObject({
      ok: false,
      refusal: "unknown-version",
    });
  });
});

describe("rules packages", () => {
  const content = (text: string): Uint8Array => new TextEncoder().encode(text);

  it("keeps a content larger than a row, byte for byte, under its hash", async () => {
    const { run, read } = fresh();
    const large = content("rule ".repeat(700_000));
    await run((object) => object.publish(large, why));
    const { active } = (await read()).rules;
    expect(active).toMatch(/^[0-9a-f]{64}$/);
    const stored = await run((object) => object.package(active ?? ""));
    expect(stored?.byteLength).toBe(3_500_000);
    expect(new TextDecoder().decode(stored ?? undefined) === "rule ".repeat(700_000)).toBe(true);
  });

  it("rolls back to the one before, and from there to the built-in one", async () => {
    const { run, read } = fresh();
    await run((object) => object.publish(content("a"), why));
    const first = (await read()).rules.active;
    await run((object) => object.publish(content("b"), why));
    expect((await read()).rules.active).not.toBe(first);
    await run((object) => object.rollback(why));
    expect((await read()).rules.active).toBe(first);
    await run((object) => object.change({ kind: "rules", active: null }, why));
    expect((await read()).rules.active).toBeNull();
    expect(await run((object) => object.audit(10, null, true))).toHaveLength(4);
  });

  it("rolls back one change after the other, and then has nothing left to take back", async () => {
    const { run, read } = fresh();
    const active = async () => (await read()).rules.active;
    const seen: (string | null)[] = [null];
    for (const name of ["a", "b", "c"]) {
      await run((object) => object.publish(content(name), why));
      seen.push(await active());
    }
    await run((object) => object.rollback(why));
    expect(await active()).toBe(seen[2]);
    await run((object) => object.rollback(why));
    expect(await active()).toBe(seen[1]);
    await run((object) => object.publish(content("d"), why));
    await run((object) => object.rollback(why));
    expect(await active()).toBe(seen[1]);
    await run((object) => object.rollback(why));
    expect(await active()).toBeNull();
    expect(await run((object) => object.rollback(why))).toMatchObject({
      ok: false,
      refusal: "unknown-package",
    });
    const audit = await run((object) => object.audit(20, null, true));
    expect(audit.map(({ undoes }) => undoes)).toEqual([1, 6, null, 2, 3, null, null, null]);
  });

  it("publishes the same content twice as one package", async () => {
    const { run } = fresh();
    await run((object) => object.publish(content("same"), why));
    await run((object) => object.publish(content("same"), why));
    expect(await run((object) => object.packages())).toHaveLength(1);
  });

  it("keeps twenty packages and the active one", async () => {
    const { run, read } = fresh();
    await run(async (object) => {
      for (let index = 0; index < 25; index++) await object.publish(content(`package ${index}`), why);
    });
    expect((await run((object) => object.packages())).length).toBeLessThanOrEqual(21);
    const { active } = (await read()).rules;
    expect(await run((object) => object.package(active ?? ""))).not.toBeNull();
    // The package of version 1 is gone: the undo that would need it is refused.
    expect(
      await run((object) => object.change({ kind: "rules", active: "0".repeat(64) }, why)),
    ).toMatchObject({ ok: false, refusal: "unknown-package" });
  });

  it("refuses a rollback where nothing was ever published", async () => {
    expect(await fresh().run((object) => object.rollback(why))).toMatchObject({ ok: false, current: 0 });
  });
});

describe("overrides", () => {
  it("are as many as one can look through, no more", async () => {
    const { run } = fresh();
    await run(async (object) => {
      for (let index = 0; index < 500; index++) {
        await object.change(
          { kind: "override", rule: `r${index}`, path: null, action: "off", forMs: null },
          why,
        );
      }
    });
    const one = { kind: "override", rule: "one-more", path: null, forMs: null } as const;
    expect(await run((object) => object.change({ ...one, action: "off" }, why))).toMatchObject({
      ok: false,
      refusal: "too-many",
    });
    expect(await run((object) => object.change({ ...one, rule: "r7", action: null }, why))).toMatchObject({
      ok: true,
    });
    expect(await run((object) => object.change({ ...one, action: "off" }, why))).toMatchObject({ ok: true });
  });
});
