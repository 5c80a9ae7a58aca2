import { describe, expect, it } from "vitest";
import { type Queued, mostWithin, overtakenBy, queueUp } from "../support/node/queuer.ts";
import { eventually, operate, serve, startOrigin, type TestOrigin } from "../support/node/edge.ts";
import { serveRooms } from "../support/node/rooms.ts";

const VISITORS = 20;

const answer: TestOrigin["answer"] = (_request, response) =>
  void response.writeHead(200, { "content-type": "text/html" }).end("the sale");

describe.each(["queue-all", "open"])("a room at 1 admission/s, state %s", (state) => {
  it(
    `lets ${VISITORS} visitors in, at most one a second, nobody before another who was there in time`,
    { timeout: 120_000 },
    async () => {
      const { edge, close } = await serveRooms(
        `  flash-sale: { title: Sale, paths: ["/sale*"], state: ${state}, rate: 1/s }`,
        answer,
      );
      try {
        const visits: Promise<Queued>[] = [];
        for (let visitor = 0; visitor < VISITORS; visitor++) {
          visits.push(queueUp(`${edge.url}/sale`));
          // Arrivals that are apart: order is the order of issue.
          await new Promise((resolve) => setTimeout(resolve, 40));
        }
        const admitted = (await Promise.all(visits)).toSorted((a, b) => a.admittedAt - b.admittedAt);
        const times = admitted.map(({ admittedAt }) => admittedAt);
        expect(mostWithin(times, 1000), times.map((at) => at - (times[0] ?? 0)).join(" ")).toBe(1);
        expect(new Set(admitted.map(({ body }) => body))).toEqual(new Set(["the sale"]));
        for (const later of admitted) expect(overtakenBy(later, admitted)).toEqual([]);
      } finally {
        await close();
      }
    },
  );
});

describe("an operator", () => {
  it(
    "opens and suspends the room within 5 s, sees it in the status, and is refused nonsense",
    { timeout: 60_000 },
    async () => {
      const origin = await startOrigin(answer);
      const edge = await serve({ STOREFRONT_ORIGIN: origin.url, ARCHIVE_ORIGIN: origin.url });
      try {
        const room = async (): Promise<string | null> =>
          (await fetch(`${edge.url}/sale`)).headers.get("x-waiting-room");
        expect((await operate(edge, "rooms/flash-sale", { state: "hold", reason: "test" })).status).toBe(200);
        await eventually(async () => ((await room()) === "queued" ? true : undefined), 5000);
        expect(await (await operate(edge, "rooms")).text()).toContain('"hold"');
        expect((await operate(edge, "rooms/flash-sale", { state: "suspended", reason: "test" })).status).toBe(
          200,
        );
        await eventually(async () => ((await room()) === "bypass" ? true : undefined), 5000);
        for (const rate of [0, -1, "many", 1e12]) {
          const refused = await operate(edge, "rooms/flash-sale", { rate, reason: "test" });
          expect(refused.status).toBe(400);
          expect(await refused.text()).toMatch(/rate/);
        }
        expect(
          (
            await operate(edge, "rooms/flash-sale", {
              rate: "60/min",
              reason: "test",
              version: 0,
            })
          ).status,
        ).toBe(409);
      } finally {
        await edge.close();
        await origin.close();
      }
    },
  );
});
