import { createServer, type Server } from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { roomCommand } from "../../src/cli/room.ts";
import { UsageError } from "../../src/cli/usage.ts";
import { commitment, draw } from "../../src/queue/compile/index.ts";

const SEED = "c2VlZC1vZi1hLWRyYXctb2YtMzItYnl0ZXMtZXhhY3Q";

let server: Server;
let calls: { method: string; url: string; body: unknown }[] = [];
let printed = "";

beforeAll(async () => {
  server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      const body: unknown = text === "" ? null : JSON.parse(text);
      calls.push({ method: request.method ?? "", url: request.url ?? "", body });
      response.end(
        JSON.stringify(request.method === "GET" ? { rooms: [{ room: "a" }, { room: "b" }] } : { ok: true }),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  vi.stubEnv(
    "EDGE_URL",
    `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
  );
  vi.stubEnv("ADMIN_TOKEN", "token-of-a-test");
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterAll(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  server.close();
});
beforeEach(() => {
  calls = [];
  printed = "";
});

describe("edge room", () => {
  const changes: [string[], Record<string, unknown>][] = [
    [["open", "a"], { state: "open" }],
    [["queue-all", "a"], { state: "queue-all" }],
    [["hold", "a"], { state: "hold" }],
    [["suspend", "a"], { state: "suspended" }],
    [["sold-out", "a", "--version", "7"], { state: "sold-out", version: 7 }],
    [["rate", "a", "10/s"], { rate: "10/s" }],
    [["message", "a", ""], { message: null }],
    [
      ["event", "a", "drop", "--start", "S", "--end", "E", "--prequeue", "30m", "--in-order"],
      { event: { name: "drop", start: "S", end: "E", shuffle: false, prequeue: "30m" } },
    ],
    [["event", "a", "drop", "--remove"], { removeEvent: "drop" }],
  ];

  it.each(changes)("%j", async (args, change) => {
    expect(await roomCommand([...args, "--reason", "test"])).toBe(0);
    expect(calls).toEqual([
      { method: "POST", url: "/_edge/api/rooms/a", body: { ...change, reason: "test" } },
    ]);
  });

  it("refuses a version that is none before anything is sent", async () => {
    await expect(roomCommand(["hold", "a", "--version", "latest"])).rejects.toThrow(/not a version/);
    expect(calls).toEqual([]);
  });

  it("shows all rooms, or one", async () => {
    await roomCommand(["status"]);
    expect(JSON.parse(printed)).toHaveLength(2);
    printed = "";
    await roomCommand(["status", "b"]);
    expect(JSON.parse(printed)).toEqual([{ room: "b" }]);
    await expect(roomCommand(["status", "c"])).rejects.toThrow("no room c");
  });

  it("verifies a draw: the promised seed, and the order of tickets", async () => {
    const promised = await commitment(SEED);
    const tickets = ["one", "two", "three"];
    expect(await roomCommand(["verify", "--seed", SEED, "--commitment", promised, ...tickets])).toBe(0);
    const lots = await Promise.all(
      tickets.map(async (ticket) => ({ ticket, lot: await draw(SEED)(ticket) })),
    );
    const order = lots.toSorted((a, b) => a.lot - b.lot).map(({ ticket }) => ticket);
    expect(
      printed
        .trim()
        .split("\n")
        .slice(1)
        .map((line) => line.split("  ")[1]),
    ).toEqual(order);
    expect(await roomCommand(["verify", "--seed", SEED, "--commitment", "other"])).toBe(1);
  });

  it("takes a seed or a hash that begins with a hyphen", async () => {
    const seed = `-${SEED.slice(1)}`;
    expect(await roomCommand(["verify", "--seed", seed, "--commitment", await commitment(seed)])).toBe(0);
    expect(await roomCommand(["verify", "--seed", SEED, "--commitment", "-other"])).toBe(1);
  });

  it.each([
    [[]],
    [["open"]],
    [["rate", "a"]],
    [["event", "a", "x"]],
    [["close", "a"]],
    [["open", "a", "b"]],
    [["verify"]],
  ])("%j is refused with its usage", async (args) => {
    await expect(roomCommand(args)).rejects.toThrow(UsageError);
    expect(calls).toEqual([]);
  });
});
