import { afterEach, describe, expect, it, vi } from "vitest";
import type { RoomState } from "../../src/queue/room-config.ts";
import { pathPattern, roomPolicy } from "./rig.ts";
import { generator, type Served, VirtualRooms } from "./virtual.ts";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const VISITORS = 20;
/** What one admission a second takes: N/61 of 60 a minute. */
const INTERVAL_MS = 1017;

interface Sale {
  readonly rooms: readonly string[];
  /** Between two arrivals, ms. */
  readonly gap: number;
  readonly latencyMs: number;
  readonly seed: number;
}

/** Sales that lose tokens or order where a gate does not know who comes, and when: each found one such fault. */
const SALES: readonly Sale[] = [
  { rooms: ["sale"], gap: 40, latencyMs: 280, seed: 13 * 7919 },
  { rooms: ["sale"], gap: 40, latencyMs: 160, seed: 16 * 7919 },
  { rooms: ["sale"], gap: 10, latencyMs: 160, seed: 21 * 7919 },
  { rooms: ["sale", "other"], gap: 40, latencyMs: 60, seed: 1 },
];

/** Pairs of which the later came in first, though the earlier knew his place by then and came when he was told. */
function overtaken(served: readonly Served[]): string[] {
  return served.flatMap((earlier) =>
    served
      .filter((later) => later.cameAt > earlier.cameAt && later.admittedAt < earlier.admittedAt)
      .filter((later) => earlier.toldAt !== 0 && earlier.toldAt <= later.admittedAt)
      .map((later) => `who came at ${earlier.cameAt} by who came at ${later.cameAt}`),
  );
}

/** Mean ms between two admissions. */
function pace(served: readonly Served[]): number {
  const times = served.map(({ admittedAt }) => admittedAt);
  return (Math.max(...times) - Math.min(...times)) / (times.length - 1);
}

async function held({ rooms: names, gap, latencyMs, seed }: Sale, state: RoomState): Promise<Served[][]> {
  const policies = names.map((name) => roomPolicy({ name, state, paths: [pathPattern(`/${name}*`)] }));
  const rooms = new VirtualRooms(policies, latencyMs, generator(seed));
  const visits = names.map((name) =>
    Array.from({ length: VISITORS }, (_, visitor) => rooms.visit(name, visitor * gap)),
  );
  await rooms.clock.finish();
  return Promise.all(visits.map((room) => Promise.all(room)));
}

describe.each(["queue-all", "open"] as const)("a room at 1 admission/s, state %s", (state) => {
  it.each(SALES)(
    "lets nobody in before another who came earlier and comes when told, and uses its tokens: $rooms, $gap ms apart, latency $latencyMs",
    { timeout: 30_000 },
    async (sale) => {
      const rooms = await held(sale, state);
      expect(rooms).toHaveLength(sale.rooms.length);
      for (const served of rooms) {
        expect(served).toHaveLength(VISITORS);
        expect(overtaken(served)).toEqual([]);
        expect(pace(served)).toBeLessThan(INTERVAL_MS / 0.9);
      }
    },
  );
});
