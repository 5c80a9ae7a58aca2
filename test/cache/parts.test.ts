/** HEAD and ranges of what is not stored: asked for as the whole, once, where the whole may be kept. */
import { describe, expect, it } from "vitest";
import { type Answered, type Rig, answer, classWith, policyOf, rigOf, statusOf } from "./rig.ts";

const KEPT = { "cache-control": "max-age=60", etag: '"1"' };
const PAGE = "0123456789";
const CROWD = Array.from({ length: 100 });

/** Answers whole, with a length, what is asked for whole, and a range with its part. */
function rigWith(body: string, headers: Record<string, string> = KEPT): Rig {
  const rig = rigOf(
    policyOf([classWith({ stale: { whileRevalidate: 0, ifError: 0 } })], { objectBytes: 100 }),
  );
  rig.origin = ({ headers: asked, method }) => {
    const length = { "content-length": String(body.length) };
    if (method === "HEAD") return answer(null, { ...headers, ...length });
    if (asked.get("range") === null) return answer(body, { ...headers, ...length });
    return answer(body.slice(2, 5), { ...headers, "content-range": `bytes 2-4/${body.length}` }, 206);
  };
  return rig;
}

/** Method and Range of what the origin was asked. */
const questions = (rig: Rig): string[] =>
  rig.asked.map(({ method, headers }) => `${method} ${headers.get("range") ?? "whole"}`);

const head = async (rig: Rig): Promise<Answered> => rig.get("/a", {}, { method: "HEAD" });
const range = async (rig: Rig, bytes = "2-4"): Promise<Answered> =>
  rig.get("/a", { range: `bytes=${bytes}` });

describe("a hundred at once for what is not stored", () => {
  it("by HEAD: one request, whose answer is kept", async () => {
    const rig = rigWith(PAGE);
    const all = await Promise.all(CROWD.map(async () => head(rig)));
    for (const { response } of all) {
      expect([response.status, response.headers.get("content-length"), await response.text()]).toEqual([
        200,
        "10",
        "",
      ]);
    }
    await rig.settle();
    expect((await rig.get("/a")).outcome).toBe("hit");
    expect(questions(rig)).toEqual(["GET whole"]);
  });

  it("by Range: one request, whose answer is kept", async () => {
    const rig = rigWith(PAGE);
    const all = await Promise.all(CROWD.map(async (_, index) => range(rig, `${index % 5}-6`)));
    for (const [index, { response }] of all.entries()) {
      expect([response.status, await response.text()]).toEqual([206, PAGE.slice(index % 5, 7)]);
    }
    await rig.settle();
    expect((await range(rig)).outcome).toBe("hit");
    expect(questions(rig)).toEqual(["GET whole"]);
  });

  it("by HEAD, Range and GET together: one request", async () => {
    const rig = rigWith(PAGE);
    const all = await Promise.all(
      CROWD.flatMap(() => [head(rig), range(rig), rig.get("/a")]).map(async (served) =>
        (await served).response.text(),
      ),
    );
    expect(new Set(all)).toEqual(new Set(["", "234", PAGE]));
    expect(questions(rig)).toEqual(["GET whole"]);
  });
});

describe("what is too large to keep", () => {
  const large = "x".repeat(101);

  it("is asked for by its range, and next time at once", async () => {
    const rig = rigWith(large);
    const cancelled = Promise.withResolvers<void>();
    const { origin } = rig;
    rig.origin = (request) => {
      if (request.headers.has("range")) return origin(request);
      const body = new ReadableStream<Uint8Array>({ cancel: () => cancelled.resolve() });
      return new Response(body, { headers: { ...KEPT, "content-length": "101" } });
    };
    const first = await range(rig);
    expect([first.response.status, await first.response.text(), statusOf(first)]).toEqual([
      206,
      "xxx",
      "edge; fwd=uri-miss; fwd-status=206; detail=range",
    ]);
    await cancelled.promise;
    expect((await range(rig)).response.status).toBe(206);
    expect(questions(rig)).toEqual(["GET whole", "GET bytes=2-4", "GET bytes=2-4"]);
  });

  it("is not read for a HEAD, and next time not asked for", async () => {
    const rig = rigWith(large);
    const { response } = await head(rig);
    expect([response.status, response.headers.get("content-length"), await response.text()]).toEqual([
      200,
      "101",
      "",
    ]);
    await head(rig);
    expect(questions(rig)).toEqual(["GET whole", "HEAD whole"]);
  });
});

describe("what is not for sharing", () => {
  const own = { "cache-control": "private" };

  it("is given whole to who asked first for a range, and by ranges from then on", async () => {
    const rig = rigWith(PAGE, own);
    const first = await range(rig);
    expect([first.response.status, await first.response.text()]).toEqual([200, PAGE]);
    expect((await range(rig)).response.status).toBe(206);
    expect(questions(rig)).toEqual(["GET whole", "GET bytes=2-4"]);
  });

  it("with credentials, is asked for as it is", async () => {
    const rig = rigWith(PAGE);
    const headers = { authorization: "Bearer x" };
    await rig.get("/a", headers, { method: "HEAD" });
    await rig.get("/a", { ...headers, range: "bytes=2-4" });
    expect(questions(rig)).toEqual(["HEAD whole", "GET bytes=2-4"]);
  });
});

describe("a page with fragments", () => {
  const template = { "surrogate-control": 'content="ESI/1.0"', "content-type": "text/html" };
  it.each(["cache", "never"] as const)("(%s) is whole, whatever range is asked for", async (mode) => {
    const rig = rigOf(policyOf([classWith({ mode, fragments: true })]));
    rig.origin = ({ headers }) =>
      headers.has("range")
        ? answer("a<esi:com", { ...template, "content-range": "bytes 0-8/99" }, 206)
        : answer("a<esi:comment/>b", { ...template, "cache-control": "private" });
    for (let time = 0; time < 2; time++) {
      const { response } = await rig.page("/a", { range: "bytes=0-8", "if-range": '"1"' });
      expect([response.status, response.headers.get("content-range"), await response.text()]).toEqual([
        200,
        null,
        "ab",
      ]);
    }
  });
});

it("a HEAD of what is stale confirms it for everybody", async () => {
  const rig = rigWith(PAGE);
  await (await rig.get("/a")).response.text();
  await rig.settle();
  rig.clock.now += 61_000;
  rig.origin = () => answer(null, KEPT, 304, rig.clock.now);
  expect(statusOf(await head(rig))).toBe("edge; fwd=stale; fwd-status=304; ttl=60; stored");
  expect((await rig.get("/a")).outcome).toBe("hit");
});

it("a range of what says no length is the whole until it is stored", async () => {
  const rig = rigWith(PAGE);
  rig.origin = () => answer(PAGE, KEPT);
  const first = await range(rig);
  expect([first.response.status, await first.response.text()]).toEqual([200, PAGE]);
  await rig.settle();
  expect((await range(rig)).response.status).toBe(206);
});
