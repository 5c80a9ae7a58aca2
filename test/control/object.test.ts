import { env } from "cloudflare:workers";
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { ControlObject, createControl } from "../../src/control/index.ts";

const why = { actor: "alice", reason: "test", expected: null };
let next = 0;

/** A control object of its own for each test. */
function fresh() {
  const stub = env.CONTROL.getByName(`test-${next++}`);
  const run = <R>(act: (object: ControlObject, state: DurableObjectState) => R | Promise<R>): Promise<R> =>
    runInDurableObject<ControlObject, R>(stub as unknown as DurableObjectStub<ControlObject>, act);
  return { stub, run };
}

describe("the control object", () => {
  it("starts undecided at version 0", async () => {
    const { run } = fresh();
    const state = JSON.parse((await run((object) => object.read(-1))) ?? "");
    expect(state).toEqual({ version: 0, mode: null, overrides: [], rules: { active: null }, rooms: {}, versions: {}, purges: [] });
  });

  it("keeps decisions over an eviction", async () => {
    const { stub, run } = fresh();
    await run((object) => object.change({ kind: "mode", mode: "monitor", forMs: null }, why));
    await run((object) => object.purge([{ kind: "tag", values: ["a"], soft: false, keepMs: 1e9 }], why));
    await evictDurableObject(stub);
    const state = JSON.parse((await run((object) => object.read(-1))) ?? "");
    expect(state).toMatchObject({ version: 2, mode: { mode: "monitor" }, purges: [{ id: 2, kind: "tag", value: "a" }] });
  });

  it("refuses a change of the audit log in the database itself", async () => {
    const { run } = fresh();
    await run((object) => object.change({ kind: "mode", mode: "monitor", forMs: null }, why));
    const attempts = ["UPDATE audit SET actor = 'mallory'", "DELETE FROM audit"];
    for (const attempt of attempts) {
      await run((_, state) => {
        expect(() => state.storage.sql.exec(attempt)).toThrow(/append-only/);
      });
    }
    expect(await run((object) => object.audit(10, null))).toHaveLength(1);
  });
});
