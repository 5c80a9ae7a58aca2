import { createSentinel, type Sentinel, type SentinelPackage } from "../src/sentinel/index.ts";

const kept: Sentinel[] = [];
let litter: number[][] = [];

function packageIn(text: string): SentinelPackage {
  return JSON.parse(text);
}

/** `POST /` hydrates a package and keeps it; `GET /` makes garbage enough for the collector to run. */
const worker = {
  async fetch(request: Request): Promise<Response> {
    if (request.method === "POST") kept.push(createSentinel(packageIn(await request.text())));
    else
      for (let turn = 0; turn < 40; turn++) litter = Array.from({ length: 10_000 }, () => [turn, turn, turn]);
    return Response.json({ kept: kept.length, litter: litter.length });
  },
};

// oxlint-disable-next-line import/no-default-export -- the form workerd asks for
export { worker as default };
