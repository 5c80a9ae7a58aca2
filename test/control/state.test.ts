import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addPurges, MAX_CHARACTERS, MAX_PURGES, type Purge, purgeKey } from "../../src/control/purge-log.ts";
import { decide, effectiveMode, type ModeSetting } from "../../src/control/state.ts";

const minute = 60_000;

describe("the mode in force", () => {
  const temporary: ModeSetting = { mode: "monitor", until: 100, after: "block" };
  const cases = [
    { setting: null, builtin: "monitor", now: 0, mode: "monitor" },
    { setting: { mode: "block", until: null, after: null }, builtin: "monitor", now: 0, mode: "block" },
    { setting: temporary, builtin: "block", now: 99, mode: "monitor" },
    { setting: temporary, builtin: "monitor", now: 100, mode: "block" },
    { setting: { ...temporary, after: null }, builtin: "monitor", now: 100, mode: "monitor" },
  ] as const;
  it.each(cases)("$setting at $now is $mode", ({ setting, builtin, now, mode }) => {
    expect(effectiveMode(setting, builtin, now)).toBe(mode);
  });

  it("goes back to the lasting mode however many temporary ones follow each other", () => {
    const lasting = decide({ kind: "mode", mode: "block", forMs: null }, null, 0) as ModeSetting;
    const first = decide({ kind: "mode", mode: "monitor", forMs: 30 * minute }, lasting, 0) as ModeSetting;
    const second = decide(
      { kind: "mode", mode: "monitor", forMs: 30 * minute },
      first,
      minute,
    ) as ModeSetting;
    expect(second.until).toBe(31 * minute);
    expect(effectiveMode(second, "monitor", 31 * minute)).toBe("block");
  });

  it("goes back to the blueprint's mode where nobody decided a lasting one", () => {
    const setting = decide({ kind: "mode", mode: "monitor", forMs: minute }, null, 0) as ModeSetting;
    expect(effectiveMode(setting, "block", minute)).toBe("block");
  });
});

describe("the purge log", () => {
  const purge = (id: number, value: string, change: Partial<Purge> = {}): Purge => ({
    id,
    kind: "tag",
    value,
    soft: false,
    at: id,
    ...change,
  });

  it("merges the same purge into the newest", () => {
    const list = addPurges([purge(1, "a"), purge(2, "b")], [purge(3, "a")], { now: 3, keepMs: 100 });
    expect(list).toEqual([purge(2, "b"), purge(3, "a")]);
  });

  it("keeps hard and soft apart", () => {
    const list = addPurges([purge(1, "a")], [purge(2, "a", { soft: true })], { now: 2, keepMs: 100 });
    expect(list).toHaveLength(2);
  });

  it("drops what is older than anything can live", () => {
    expect(addPurges([purge(1, "a")], [purge(50, "b")], { now: 102, keepMs: 100 })).toEqual([purge(50, "b")]);
  });

  it("is one entry after a hard purge of everything", () => {
    const all = purge(9, "", { kind: "all" });
    expect(addPurges([purge(1, "a"), purge(2, "b", { soft: true })], [all], { now: 9, keepMs: 100 })).toEqual(
      [all],
    );
  });

  it("is bounded in characters too: 200 addresses of 8,000 each", () => {
    let list: readonly Purge[] = [];
    for (let id = 1; id <= 200; id++)
      list = addPurges(list, [purge(id, `/${id}${"x".repeat(8000)}`, { kind: "url" })], {
        now: 300,
        keepMs: 1e9,
      });
    expect(list.reduce((sum, { value }) => sum + value.length, 0)).toBeLessThanOrEqual(MAX_CHARACTERS);
    expect(list[0]).toMatchObject({ kind: "all", soft: false });
    expect(list.at(-1)).toMatchObject({ id: 200 });
  });

  it("never holds two that are the same, also when what is folded is one of everything already", () => {
    const tags = Array.from({ length: MAX_PURGES - 1 }, (_, index) =>
      purge(index + 1, `t${index}`, { soft: true }),
    );
    const soft = purge(5000, "", { kind: "all", soft: true });
    const list = addPurges([...tags, soft], [purge(5001, "last", { soft: true })], {
      now: 6000,
      keepMs: 1e9,
    });
    expect(new Set(list.map(purgeKey)).size).toBe(list.length);
    expect(list).toContainEqual(soft);
  });

  it("never loses a purge to its bounds: what an older list hit, the shorter one hits as hard", () => {
    const hits = (list: readonly Purge[], tag: string, storedBefore: number, soft: boolean): boolean =>
      list.some(
        (entry) =>
          entry.id > storedBefore && (entry.kind === "all" || entry.value === tag) && (soft || !entry.soft),
      );
    const purges = fc.array(fc.record({ tag: fc.nat(MAX_PURGES * 2), soft: fc.boolean() }), {
      minLength: MAX_PURGES,
      maxLength: MAX_PURGES * 2,
    });
    fc.assert(
      fc.property(purges, fc.nat(), (orders, pick) => {
        const added = orders.map(({ tag, soft }, index) => purge(index + 1, `t${tag}`, { soft }));
        let list: readonly Purge[] = [];
        for (let start = 0; start < added.length; start += 1000) {
          list = addPurges(list, added.slice(start, start + 1000), { now: 10, keepMs: 1e9 });
          expect(list.length).toBeLessThanOrEqual(MAX_PURGES);
        }
        const checked = added[pick % added.length];
        if (checked === undefined) return;
        expect(hits(list, checked.value, checked.id - 1, checked.soft)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });
});
