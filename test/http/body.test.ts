import { describe, expect, it } from "vitest";
import { peekBody } from "../../src/http/body.ts";
import { EdgeError } from "../../src/http/errors.ts";

function streamOf(...chunks: string[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(encoder.encode(chunk));
      controller.close();
    },
  });
}

const textOf = (body: Uint8Array | ReadableStream<Uint8Array>): Promise<string> => new Response(body).text();

describe("peekBody", () => {
  it("gives a short body whole", async () => {
    const peeked = await peekBody(streamOf("he", "llo"), 100, null, 1000);
    expect(peeked.complete).toBe(true);
    expect(new TextDecoder().decode(peeked.prefix)).toBe("hello");
    expect(await textOf(peeked.body)).toBe("hello");
  });

  it.each([null, 16])(
    "gives a prefix and repeats it in front of the rest (Content-Length %s)",
    async (length) => {
      const peeked = await peekBody(streamOf("0123", "4567", "89ab", "cdef"), 6, length, 1000);
      expect(peeked.complete).toBe(false);
      expect(new TextDecoder().decode(peeked.prefix)).toBe("012345");
      expect(await textOf(peeked.body)).toBe("0123456789abcdef");
    },
  );

  it.each([
    [["0123", "45"], null, true],
    [["0123", "45"], 6, true],
    [["012345"], 6, true],
    [["0123", "45", "6"], null, false],
    [["0123", "45", "6"], 7, false],
  ] as const)("knows that %j of Content-Length %s is whole: %s", async (chunks, length, whole) => {
    const { complete, prefix, body } = await peekBody(streamOf(...chunks), 6, length, 1000);
    expect([complete, new TextDecoder().decode(prefix)]).toEqual([whole, "012345"]);
    expect(await textOf(body)).toBe(chunks.join(""));
  });

  it("calls a body that breaks off the client's error", async () => {
    const broken = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(new Error("reset")),
    });
    await expect(peekBody(broken, 10, null, 1000)).rejects.toMatchObject({
      code: "bad-request",
      status: 400,
      source: "client",
    });
  });

  it("gives up on a body that stalls", async () => {
    const stalled = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => undefined) });
    const error = await peekBody(stalled, 10, null, 20).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(EdgeError);
    expect(error).toMatchObject({ code: "request-timeout", status: 408 });
  });

  it("passes a break after the prefix on as a broken stream, never as an end", async () => {
    let pulls = 0;
    const breaks = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          if (pulls++ === 0) controller.enqueue(new Uint8Array(8));
          else controller.error(new Error("reset"));
        },
      },
      { highWaterMark: 0 },
    );
    const peeked = await peekBody(breaks, 4, null, 1000);
    await expect(textOf(peeked.body)).rejects.toThrow();
  });
});
