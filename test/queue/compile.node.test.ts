import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { flashSale, scenarios } from "../../bench/sale/scenarios.ts";
import { simulate } from "../../bench/sale/world.ts";
import { compileQueue } from "../../src/queue/compile/index.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "queue-"));
  copyFileSync("rules/waiting-room.html", join(folder, "waiting-room.html"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function compile(yaml: string): ReturnType<typeof compileQueue> {
  writeFileSync(join(folder, "queue.yaml"), yaml);
  return compileQueue(folder);
}

const room = (lines: string): string => `rooms:\n  sale:\n    title: Sale\n    paths: ["/sale*"]\n${lines}`;

describe("rules/queue.yaml", () => {
  it("as shipped compiles, to JSON and back, with a CSP for exactly its script and style", () => {
    const { value, faults } = compileQueue("rules");
    expect(faults).toEqual([]);
    expect(JSON.parse(JSON.stringify(value))).toEqual(value);
    expect(value?.rooms.map(({ name }) => name)).toEqual(["flash-sale"]);
    expect(value?.page.csp.match(/sha256-/g)).toHaveLength(2);
    expect(value?.page.csp).not.toContain("unsafe");
  });

  it("knows its paths in both readings", () => {
    const { value } = compile(
      'rooms:\n  a:\n    title: A\n    rate: 1/s\n    paths: ["/Caf%C3%A9*", "/x%3By"]\n',
    );
    expect(value?.rooms[0]?.paths).toEqual([
      { text: "/Caf%C3%A9", folded: "/caf\u00e3\u00a9", prefix: true },
      { text: "/x%3By", folded: "/x", prefix: false },
    ]);
  });

  it("may be absent or without rooms: then there is no waiting room", () => {
    expect(compileQueue(join(folder, "nowhere")).value?.rooms).toEqual([]);
    expect(compile("rooms: {}\n").value?.rooms).toEqual([]);
  });

  const wrong: [string, string, number, RegExp][] = [
    ["a rate of 0", room("    rate: 0/min\n"), 5, /rate of 0 or less/],
    ["a negative rate", room("    rate: -3/s\n"), 5, /rate of 0 or less/],
    ["an absurd rate", room("    rate: 99999999/s\n"), 5, /is no limit/],
    ["a rate that is none", room("    rate: fast\n"), 5, /not a rate/],
    ["no rate", room("    state: open\n"), 2, /rate/],
    ["an unknown state", room("    rate: 1/s\n    state: closed\n"), 6, /not a state/],
    ["an unknown key", room("    rate: 1/s\n    speed: 3\n"), 6, /unknown key/],
    ["a pass that ends at once", room("    rate: 1/s\n    pass: { idle: 0s }\n"), 6, /too short or too long/],
    ["a pass of days", room("    rate: 1/s\n    pass: { longest: 2d }\n"), 6, /too short or too long/],
    ["a pass idle beyond its end", room("    rate: 1/s\n    pass: { idle: 5h }\n"), 6, /longer than/],
    [
      "a place kept longer than its use is remembered",
      room("    rate: 1/s\n    return_within: 2d\n"),
      6,
      /too short or too long/,
    ],
    [
      "a path with a query",
      'rooms:\n  sale:\n    title: S\n    rate: 1/s\n    paths: ["/sale?x"]\n',
      5,
      /not a path/,
    ],
    ...["/a//b", "/promoção*", "/%73ale*", "/sale;x", "/a/../sale", "/x%zz*"].map(
      (path): [string, string, number, RegExp] => [
        `a path that no canonical one is like, ${path}`,
        `rooms:\n  sale:\n    title: S\n    rate: 1/s\n    paths: ["${path}"]\n`,
        5,
        /canonical paths/,
      ],
    ),
    ["no paths", "rooms:\n  sale:\n    title: S\n    rate: 1/s\n    paths: []\n", 5, /without paths/],
    [
      "a name that is none",
      "rooms:\n  Sale One:\n    title: S\n    rate: 1/s\n    paths: [/sale]\n",
      2,
      /not a name|Invalid key/,
    ],
    [
      "events that overlap",
      room(
        "    rate: 1/s\n    events:\n      - { name: a, start: 2026-11-27T10:00:00Z, end: 2026-11-27T12:00:00Z }\n      - { name: b, prequeue: 30m, start: 2026-11-27T12:10:00Z, end: 2026-11-27T13:00:00Z }\n",
      ),
      8,
      /event b overlaps a/,
    ],
    [
      "an event that ends before it starts",
      room(
        "    rate: 1/s\n    events:\n      - { name: a, start: 2026-11-27T10:00:00Z, end: 2026-11-27T09:00:00Z }\n",
      ),
      7,
      /ends before it starts/,
    ],
    [
      "a path in two rooms",
      'rooms:\n  a:\n    title: A\n    rate: 1/s\n    paths: ["/sale*"]\n  b:\n    title: B\n    rate: 1/s\n    paths: ["/sale*"]\n',
      9,
      /in room a already/,
    ],
    [
      "a path in two rooms that differs in letter case only",
      'rooms:\n  a:\n    title: A\n    rate: 1/s\n    paths: ["/sale*"]\n  b:\n    title: B\n    rate: 1/s\n    paths: ["/Sale*"]\n',
      9,
      /in room a already/,
    ],
  ];

  it.each(wrong)("with %s is refused with file, line and remedy", (_, yaml, line, message) => {
    const { value, faults } = compile(yaml);
    expect(value).toBeUndefined();
    expect(faults.length).toBeGreaterThan(0);
    const [fault] = faults;
    expect(fault?.message).toMatch(message);
    expect(fault?.file).toContain("queue.yaml");
    expect(fault?.line).toBe(line);
    expect(fault?.remedy).not.toBe("");
  });

  it("says how a path is written that the edge can compare, and takes it so", () => {
    const { faults } = compile(room("    rate: 1/s\n").replace("/sale*", "/promoção*"));
    expect(faults[0]?.remedy).toBe("write /promo%C3%A7%C3%A3o*");
    expect(compile(room("    rate: 1/s\n").replace("/sale*", "/promo%C3%A7%C3%A3o*")).faults).toEqual([]);
  });

  it("refuses a page with a value where its CSP would block it", () => {
    const shipped = readFileSync("rules/waiting-room.html", "utf8");
    for (const tag of ["script", "style"]) {
      writeFileSync(join(folder, "inside.html"), `${shipped}<${tag}>{{message}}</${tag}>`);
      const { faults } = compile(`page: inside.html\n${room("    rate: 1/s\n")}`);
      expect(faults.map(({ message }) => message)).toEqual([
        "has a value in a <script> or <style>, which its CSP would block",
      ]);
    }
  });

  it("refuses a page without its placeholders, or with what its CSP would block", () => {
    writeFileSync(join(folder, "bare.html"), "<p onclick='x()'>{{heading}}</p>");
    const { faults } = compile(`page: bare.html\n${room("    rate: 1/s\n")}`);
    expect(faults.map(({ message }) => message).join("\n")).toMatch(
      /no \{\{status\}\}[\s\S]*inline event handler/,
    );
    expect(compile(`page: absent.html\n${room("    rate: 1/s\n")}`).faults[0]?.message).toMatch(
      /cannot be read/,
    );
  });
});

describe("the simulated flash sale at a two-hundredth of its size", () => {
  const all = scenarios(0.005);

  it.each(all)("$name: never over N in any 60 s", { timeout: 120_000 }, (scenario) => {
    const outcome = simulate(scenario);
    expect(outcome.admitted).toBeGreaterThan(1000);
    expect(outcome.peak).toBeLessThanOrEqual(1);
  });

  it(
    "covers ten settings and failures, and keeps order and use when nothing fails",
    { timeout: 120_000 },
    () => {
      expect(all).toHaveLength(10);
      const outcome = simulate(flashSale(0.005));
      expect(outcome.used).toBeGreaterThan(0.95);
      expect(outcome.inversions).toBeLessThan(0.005);
      expect(outcome.estimateError).toBeLessThan(0.1);
    },
  );
});
