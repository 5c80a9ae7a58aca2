/**
 * A streaming body under inspection. Fails closed: what `chunk` throws breaks the
 * answer off. Whoever wants it to fail open, as the edge does in monitor mode,
 * hands over one that does not throw.
 */
import type { ResponseInspection } from "./response.ts";
import type { Verdict } from "./verdict.ts";

/** A body under inspection whose first chunk is judged and not yet sent. */
export interface GuardedBody {
  /** What the first chunk shows; null: nothing. The edge may still answer otherwise (and then cancels `body`). */
  readonly first: Verdict | null;
  readonly body: ReadableStream<Uint8Array>;
}

/**
 * Puts an inspection into a streaming body. The first byte waits for the first
 * chunk and no longer; every later chunk is judged as it passes. `onLeak` says
 * what becomes of a later chunk that leaks: `cut` breaks the stream off, so that
 * the client can tell. Rejects where the first read or its inspection does.
 */
export async function guardBody(
  source: ReadableStream<Uint8Array>,
  { chunk }: Pick<ResponseInspection, "chunk">,
  onLeak: (verdict: Verdict) => "cut" | "pass",
): Promise<GuardedBody> {
  const reader = source.getReader();
  const judge = async (bytes: Uint8Array): Promise<Verdict | null> => {
    try {
      return chunk(bytes);
    } catch (cause) {
      await reader.cancel(cause);
      throw cause;
    }
  };
  let held: ReadableStreamReadResult<Uint8Array> | null = await reader.read();
  const first = held.value === undefined ? null : await judge(held.value);
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const fresh = held === null;
      const { done, value } = held ?? (await reader.read());
      held = null;
      if (done) {
        controller.close();
        return;
      }
      const verdict = fresh ? await judge(value) : null;
      if (verdict !== null && onLeak(verdict) === "cut") {
        controller.error(new Error("response cut: a leak was found after its beginning was sent"));
        await reader.cancel();
        return;
      }
      controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return { first, body };
}
