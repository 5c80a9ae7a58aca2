import { expect, it } from "vitest";
import { mostWithin, queueUp } from "../support/node/queuer.ts";
import { serveRooms } from "../support/node/rooms.ts";

/** N, and more people than one minute takes. */
const PER_MINUTE = 180;
const VISITORS = 230;

it(
  `a room at ${PER_MINUTE}/min with ${VISITORS} people before it lets in no more than that in any minute, and nearly as many`,
  { timeout: 150_000 },
  async () => {
    const { edge, close } = await serveRooms(
      `  flash-sale: { title: Sale, paths: ["/sale*"], rate: ${PER_MINUTE}/min }`,
      (_request, response) => void response.writeHead(200, { "content-type": "text/html" }).end("the sale"),
    );
    try {
      const admitted = await Promise.all(Array.from({ length: VISITORS }, () => queueUp(`${edge.url}/sale`)));
      expect(admitted.filter(({ body }) => body === "the sale")).toHaveLength(VISITORS);
      const times = admitted.map(({ admittedAt }) => admittedAt).toSorted((a, b) => a - b);
      const most = mostWithin(times, 60_000);
      expect(most).toBeLessThanOrEqual(PER_MINUTE);
      expect(most).toBeGreaterThan(0.9 * PER_MINUTE);
    } finally {
      await close();
    }
  },
);
