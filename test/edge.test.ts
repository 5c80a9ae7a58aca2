import { describe, expect, it } from "vitest";
import { handle } from "../src/edge.ts";
import { identified } from "../src/gateway/index.ts";
import type { RequestEvent } from "../src/insight/index.ts";
import type { EdgeParts } from "../src/parts.ts";
import { PASS, type Verdict } from "../src/sentinel/index.ts";

const BLOCK: Verdict = {
  ...PASS,
  outcome: "block",
  score: 5,
  matches: [
    {
      rule: "r-1",
      class: "sqli",
      description: "",
      severity: "critical",
      tags: [],
      score: 5,
      uncounted: null,
      where: "args:q",
      excerpt: "",
    },
  ],
};

interface Scene {
  readonly mode?: "block" | "monitor";
  readonly verdict?: () => Verdict;
  readonly answer?: () => Verdict;
  readonly origin?: () => Promise<Response>;
  readonly limited?: boolean;
  /** What the inspection does with each chunk of the answer. */
  readonly chunk?: () => Verdict | null;
  /** The mode of the path. */
  readonly pathMode?: "off" | "monitor" | "block";
}

/** The line with every module but the one under test replaced by the plainest thing that fits. */
function line(scene: Scene): {
  parts: EdgeParts;
  events: RequestEvent[];
  asked: string[];
  counted: string[];
} {
  const {
    mode = "block",
    verdict = () => PASS,
    answer = () => PASS,
    origin = () => Promise.resolve(new Response("page")),
  } = scene;
  const events: RequestEvent[] = [];
  const asked: string[] = [];
  const counted: string[] = [];
  const { chunk } = scene;
  const sentinel = {
    version: "test",
    bodyBytes: () => 1024,
    inspectRequest: verdict,
    rateKeys: () => [{ rule: "rate-1", binding: "RATE_5_60", key: "k", action: "block" }],
    modeOf: () => scene.pathMode ?? null,
    inspectResponse: () => ({ head: answer(), wantsBody: chunk !== undefined, chunk }),
  };
  const parts = {
    blueprint: { domain: "store.acme.com", tls: true, storefront: { name: "storefront" } },
    authorities: new Set(["store.acme.com"]),
    scheme: undefined,
    redirectToHttps: true,
    ownOrigins: [],
    gateway: {
      route: () => ({ kind: "storefront", class: "page", deadlineMs: 1000, tryMs: 1000 }),
      forward: async (_route: unknown, request: Request) => {
        asked.push(request.url);
        return {
          response: await origin(),
          origin: { zone: "a", tries: 1, ms: 1, failures: [], ended: Promise.resolve("complete") },
        };
      },
      finish: (response: Response, { requestId }: { requestId: string }) =>
        identified(new Response(response.body, response), requestId),
    },
    control: {
      snapshot: () =>
        Promise.resolve({
          mode,
          overrides: [],
          rules: null,
          purges: [],
          rooms: {},
          version: 1,
          source: "control",
        }),
    },
    fabric: {
      authorize: () => Promise.resolve(null),
      isAdminToken: (token: string) => Promise.resolve(token === "token"),
      withhold: (fields: unknown) => fields,
    },
    cache: {
      serve: async (input: { request: Request }, fetchOrigin: (request: Request) => Promise<Response>) => ({
        answer: await fetchOrigin(input.request),
        outcome: "pass",
        className: "none",
        reason: undefined,
        fragments: false,
      }),
      compose: (page: unknown) => page,
    },
    queue: {
      gate: () => Promise.resolve({ kind: "bypass", room: null, reason: "no-room" }),
      finish: () => undefined,
    },
    insight: {
      record: (event: RequestEvent) => events.push(event),
      count: (event: string) => counted.push(event),
      fetched: () => undefined,
    },
    sentinel: () => Promise.resolve(sentinel),
    sentinelSettings: () => ({ rules: {}, paths: [] }),
    takeFromLimit: () => Promise.resolve(scene.limited !== true),
    purges: () => ({}),
    operate: () => Promise.reject(new Error("not asked")),
    now: () => 1_800_000_000_000,
  } as unknown as EdgeParts;
  return { parts, events, asked, counted };
}

const get = (path: string, init?: RequestInit): Request => new Request(`https://store.acme.com${path}`, init);

async function walk(
  scene: Scene,
  request = get("/a"),
): Promise<{
  status: number;
  headers: Headers;
  body: string;
  event: RequestEvent | undefined;
  asked: string[];
}> {
  const { parts, events, asked } = line(scene);
  const response = await handle(request, parts, () => undefined);
  const body = await response.text();
  expect(events).toHaveLength(1);
  return { status: response.status, headers: response.headers, body, event: events[0], asked };
}

const broken = (): never => {
  throw new Error("engine broke on a secret value");
};

describe("a verdict", () => {
  it("ends the request in block mode: a new 403, the origin never asked", async () => {
    const { status, headers, event, asked } = await walk({ verdict: () => BLOCK });
    expect([status, headers.get("cache-control"), asked]).toEqual([403, "no-store", []]);
    expect(headers.get("x-request-id")).toBe(event?.requestId);
    expect(event).toMatchObject({
      status: 403,
      sentinel: { outcome: "block", mode: "block", score: 5 },
      error: { code: "blocked", source: "client" },
    });
  });

  it("is only recorded in monitor mode", async () => {
    const { status, body, event } = await walk({ mode: "monitor", verdict: () => BLOCK });
    expect([status, body]).toEqual([200, "page"]);
    expect(event).toMatchObject({
      status: 200,
      sentinel: { outcome: "block", mode: "monitor" },
      error: null,
    });
  });

  it("follows the mode of its path before the store's", async () => {
    expect((await walk({ mode: "block", verdict: () => ({ ...BLOCK, mode: "monitor" }) })).status).toBe(200);
    expect((await walk({ mode: "monitor", verdict: () => ({ ...BLOCK, mode: "block" }) })).status).toBe(403);
  });

  it("over an answer withholds it in block mode, and lets it pass in monitor mode, on record", async () => {
    const withheld = await walk({
      answer: () => BLOCK,
      origin: () => Promise.resolve(new Response("ORA-00933 at line 1")),
    });
    expect(withheld.status).toBe(502);
    expect(withheld.body).not.toContain("ORA-");
    expect(withheld.event).toMatchObject({
      error: { code: "response-withheld", source: "origin" },
      sentinel: { outcome: "block" },
    });
    const passed = await walk({ mode: "monitor", answer: () => BLOCK });
    expect([passed.status, passed.event?.sentinel?.outcome]).toEqual([200, "block"]);
  });
});

describe("the end of a session that the origin asks for", () => {
  const saidOf = async (outcome: string): Promise<string | null | undefined> => {
    const { parts } = line({});
    let said: string | null | undefined;
    const headers = { "x-waiting-room-end": "1" };
    Object.assign(parts, {
      cache: {
        serve: () => ({ answer: new Response("page", { headers }), outcome, className: "page" }),
        compose: (page: unknown) => page,
      },
      queue: {
        gate: () => ({ kind: "admitted", room: "sale", response: null }),
        finish: (_outcome: unknown, fields: { said: Headers | null }) => {
          said = fields.said === null ? null : fields.said.get("x-waiting-room-end");
        },
      },
    });
    await (await handle(get("/a"), parts, () => undefined)).text();
    return said;
  };

  it("is heard on answers to this visitor, and on none that the cache has for all", async () => {
    for (const outcome of ["bypass", "pass"]) expect(await saidOf(outcome)).toBe("1");
    for (const outcome of ["hit", "stale", "stale-error", "revalidated", "collapsed", "miss"])
      expect(await saidOf(outcome)).toBeNull();
  });
});

describe("a leak in a later chunk of an answer", () => {
  const scene = (mode: "block" | "monitor") => {
    let chunks = 0;
    const origin = (): Promise<Response> => {
      const page = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (++chunks <= 2) controller.enqueue(new TextEncoder().encode(`part ${chunks}.`));
          else controller.close();
        },
      });
      return Promise.resolve(new Response(page));
    };
    let judged = 0;
    return line({ mode, origin, chunk: () => (++judged === 2 ? BLOCK : null) });
  };

  it("is cut and counted by its rule, though the request is on record by then", async () => {
    const { parts, events, counted } = scene("block");
    const response = await handle(get("/a"), parts, () => undefined);
    expect([response.status, events.length]).toEqual([200, 1]);
    await expect(response.text()).rejects.toThrow();
    expect(counted).toEqual(["answer-leak"]);
  });

  it("passes in monitor mode, and is counted", async () => {
    const { parts, counted } = scene("monitor");
    const response = await handle(get("/a"), parts, () => undefined);
    expect([await response.text(), counted]).toEqual(["part 1.part 2.", ["answer-leak"]]);
  });
});

describe("an exception in the engine", () => {
  it("closes the request in block mode (500), says nothing of the cause to the client, and is counted", async () => {
    const { status, body, event, asked } = await walk({ verdict: broken });
    expect([status, asked]).toEqual([500, []]);
    expect(body).not.toContain("secret");
    expect(event).toMatchObject({ sentinel: { failed: true }, error: { code: "internal", source: "edge" } });
    expect(event?.error?.cause).toContain("engine broke");
  });

  it("lets the request pass in monitor mode, and is counted", async () => {
    const { status, event } = await walk({ mode: "monitor", verdict: broken });
    expect([status, event?.sentinel?.failed]).toEqual([200, true]);
  });

  it("follows the mode of its path before the store's", async () => {
    expect((await walk({ mode: "block", pathMode: "monitor", verdict: broken })).status).toBe(200);
    expect((await walk({ mode: "monitor", pathMode: "block", verdict: broken })).status).toBe(500);
  });

  it("over an answer does the same", async () => {
    expect((await walk({ answer: broken })).status).toBe(500);
    const { status, event } = await walk({ mode: "monitor", answer: broken });
    expect([status, event?.sentinel?.failed]).toEqual([200, true]);
  });
});

describe("an exception over an answer's body", () => {
  /** An origin's page of two chunks, and an engine that breaks at the nth. */
  const scene = (mode: "block" | "monitor", nth: number) => {
    let chunks = 0;
    let sent = 0;
    let cancelled = false;
    const page = (): Response =>
      new Response(
        new ReadableStream<Uint8Array>(
          {
            pull(controller) {
              if (sent++ < 2) controller.enqueue(new TextEncoder().encode(`part ${sent}.`));
              else controller.close();
            },
            cancel() {
              cancelled = true;
            },
          },
          { highWaterMark: 0 },
        ),
      );
    const chunk = (): null => (++chunks === nth ? broken() : null);
    const { parts, events, counted } = line({ mode, chunk, origin: () => Promise.resolve(page()) });
    const answer = (): Promise<Response> => handle(get("/a"), parts, () => undefined);
    return { answer, events, counted, chunks: () => chunks, cancelled: () => cancelled };
  };

  it("at the first chunk is a 500 in block mode, recorded, and the origin let go", async () => {
    const { answer, events, counted, cancelled } = scene("block", 1);
    const response = await answer();
    const [event] = events;
    expect([response.status, response.headers.get("x-request-id")]).toEqual([500, event?.requestId]);
    expect([event?.sentinel?.failed, counted, cancelled()]).toEqual([true, ["answer-not-inspected"], true]);
  });

  it("at a later chunk cuts the stream in block mode, and is counted", async () => {
    const { answer, counted, cancelled } = scene("block", 2);
    const response = await answer();
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
    expect([counted, cancelled()]).toEqual([["answer-not-inspected"], true]);
  });

  it.each([1, 2])(
    "at chunk %d lets the body pass in monitor mode, not looked at again, and is counted",
    async (nth) => {
      const { answer, events, counted, chunks } = scene("monitor", nth);
      const response = await answer();
      expect([response.status, await response.text()]).toEqual([200, "part 1.part 2."]);
      expect([chunks(), counted]).toEqual([nth, ["answer-not-inspected"]]);
      expect(events[0]?.sentinel?.failed).toBe(nth === 1);
    },
  );
});

describe("a rate rule whose limit is used up", () => {
  it("is 429 with Retry-After in block mode, and passes in monitor mode", async () => {
    const { status, headers, event } = await walk({ limited: true });
    expect([status, headers.get("retry-after")]).toEqual([429, "60"]);
    expect(event?.sentinel?.limited).toEqual([{ rule: "rate-1", action: "block" }]);
    expect((await walk({ limited: true, mode: "monitor" })).status).toBe(200);
  });

  it("follows the mode of its path before the store's", async () => {
    const at = async (mode: "block" | "monitor", pathMode: "off" | "monitor" | "block"): Promise<number> =>
      (await walk({ limited: true, mode, verdict: () => ({ ...PASS, mode: pathMode }) })).status;
    expect([await at("block", "monitor"), await at("block", "off"), await at("monitor", "block")]).toEqual([
      200, 200, 429,
    ]);
  });
});

describe("the answer", () => {
  it("to a bug anywhere is a 500 without details, recorded with them", async () => {
    const { status, body, event } = await walk({
      origin: () => Promise.reject(new TypeError("undefined is not a function")),
    });
    expect(status).toBe(500);
    expect(body).not.toContain("undefined");
    expect(event?.error?.cause).toContain("undefined is not a function");
  });

  it("tells X-Sentinel to the admin token only", async () => {
    const told = await walk({ verdict: () => BLOCK }, get("/a", { headers: { "x-edge-debug": "token" } }));
    expect(told.headers.get("x-sentinel")).toBe("verdict=block; score=5; mode=block; matched=r-1");
    const untold = await walk({ verdict: () => BLOCK }, get("/a", { headers: { "x-edge-debug": "guess" } }));
    expect(untold.headers.get("x-sentinel")).toBeNull();
  });

  it("keeps apart in X-Sentinel what the request and what the answer showed, and names the budget", async () => {
    const leak: Verdict = { ...BLOCK, matches: BLOCK.matches.map((match) => ({ ...match, rule: "leak-1" })) };
    const told = async (scene: Scene): Promise<string | null> =>
      (await walk(scene, get("/a", { headers: { "x-edge-debug": "token" } }))).headers.get("x-sentinel");
    expect(await told({ answer: () => leak })).toBe(
      "verdict=pass; score=0; mode=block; matched=; answer=leak-1",
    );
    expect(await told({ mode: "monitor", verdict: () => BLOCK, answer: () => leak })).toBe(
      "verdict=block; score=5; mode=monitor; matched=r-1; answer=leak-1",
    );
    expect(await told({ verdict: () => ({ ...PASS, outcome: "block", budget: "work" }) })).toBe(
      "verdict=block; score=0; mode=block; matched=; budget=work",
    );
  });

  it("names in X-Sentinel the rules that only watch", async () => {
    const watch = (uncounted: "shadow" | "paranoia"): Verdict => ({
      ...PASS,
      matches: BLOCK.matches.map((match) => ({ ...match, rule: `${uncounted}-1`, uncounted })),
    });
    const asked = get("/a", { headers: { "x-edge-debug": "token" } });
    const { headers } = await walk(
      { verdict: () => watch("shadow"), answer: () => watch("paranoia") },
      asked,
    );
    expect(headers.get("x-sentinel")).toBe(
      "verdict=pass; score=0; mode=block; matched=; watched=shadow-1,paranoia-1",
    );
  });

  it("says where only the beginning of a body was inspected", async () => {
    const sent = async (bytes: number) => {
      const headers = { "x-edge-debug": "token" };
      const init = { method: "POST", body: new Uint8Array(bytes), headers };
      const { headers: told, event } = await walk({}, get("/a", init));
      return [told.get("x-sentinel"), event?.sentinel?.partial];
    };
    const passed = "verdict=pass; score=0; mode=block; matched=";
    expect(await sent(1024 + 1)).toEqual([`${passed}; partial=1`, true]);
    expect(await sent(1024)).toEqual([passed, false]);
  });

  it("to http is the https address of the canonical path", async () => {
    const { status, headers } = await walk({}, new Request("http://store.acme.com/a//b?q=1"));
    expect([status, headers.get("location")]).toEqual([308, "https://store.acme.com/a/b?q=1"]);
  });

  it("of the origin is asked for under the canonical address, without the debug header", async () => {
    const { asked } = await walk({}, get("/x/..//a%2fb?q=1"));
    expect(asked).toEqual(["https://store.acme.com/a/b?q=1"]);
  });
});
