import type { Answer } from "../http/answer.ts";
import { compact, joined } from "./body-log.ts";
import { EsiScanner, type Include, type Text } from "./esi.ts";
import type { FragmentFailure, Observe } from "./events.ts";
import type { FragmentRules } from "./compiled.ts";

/** Fetches what an include names, as its own request through the cache. Throws where there is nothing to be had. `signal`: aborted when it is not wanted any more. */
export type FetchFragment = (url: URL, depth: number, signal: AbortSignal) => Promise<Response>;

/** Of the template, and wrong for what is composed from it. */
const OF_TEMPLATE = [
  "etag",
  "last-modified",
  "expires",
  "content-length",
  "accept-ranges",
  "cdn-cache-control",
];
const MAX_FRAGMENT = 1_048_576;
/** Bytes of all fragments of a page, as they may be held until their turn comes. */
export const MAX_FRAGMENTS = 8_388_608;
/** Text that may be read ahead of a fragment that is waited for. */
const READ_AHEAD = 262_144;
const NOTHING = new Uint8Array();

/** Counted over a page with all its fragments' fragments. */
export interface Composition {
  readonly base: URL;
  readonly rules: FragmentRules;
  readonly fetchFragment: FetchFragment;
  readonly observe: Observe;
  /** Includes, and bytes, that may still come. */
  left: number;
  room: number;
}

/** A fragment that is not to be had, and why. */
export class FragmentError extends Error {
  readonly reason: FragmentFailure;

  constructor(reason: FragmentFailure) {
    super(reason);
    this.reason = reason;
  }
}

/**
 * The page with its fragments in place, streamed: text goes out as it comes,
 * fragments are fetched side by side and put in in order. A fragment that is
 * slow, broken, too large, too deep or elsewhere leaves its `alt`, else nothing;
 * never an error in the page.
 */
export function composed(page: Answer, composition: Composition, depth: number): Answer {
  const headers = new Headers(page.headers);
  for (const name of OF_TEMPLATE) headers.delete(name);
  // Fragments may be one visitor's; no shared cache but this one knows which.
  if (!headers.get("cache-control")?.includes("no-store")) headers.set("cache-control", "private, no-cache");
  const template = page.body instanceof Uint8Array ? new Response(page.body).body : page.body;
  const body = template === null ? null : composedBody(template, composition, depth);
  return { status: page.status, statusText: page.statusText ?? "", headers, body };
}

/** What the page is made of, in order. */
type Part = Text | { readonly kind: "fragment"; readonly coming: Promise<Uint8Array> };

function composedBody(
  template: ReadableStream<Uint8Array>,
  composition: Composition,
  depth: number,
): ReadableStream<Uint8Array> {
  const reader = template.getReader();
  const scanner = new EsiScanner();
  const queue: Part[] = [];
  const gone = new AbortController();
  let ended = false;
  let held = 0;
  let reading: Promise<undefined> | undefined;

  const readOn = async (): Promise<undefined> => {
    const { done, value } = await reader.read();
    ended = done;
    const malformedBefore = scanner.malformed;
    for (const piece of done ? scanner.end() : scanner.push(value)) {
      if (piece.kind === "text") held += piece.bytes.byteLength;
      queue.push(
        piece.kind === "text"
          ? piece
          : { kind: "fragment", coming: fragmentOf(piece, composition, depth, gone.signal) },
      );
    }
    for (let count = malformedBefore; count < scanner.malformed; count++)
      composition.observe({ kind: "malformed", part: "esi", from: "origin" });
    reading = undefined;
    return undefined;
  };
  /** One reading at a time, that any number may wait for. */
  const readingOn = async (): Promise<undefined> => (reading ??= readOn());
  /** Ends what is under way, and gives back what has come and is not wanted any more. */
  const giveUp = (): void => {
    gone.abort();
    for (const part of queue.splice(0))
      if (part.kind === "fragment") void part.coming.then((bytes) => (composition.room += bytes.byteLength));
  };

  /** What goes out next; undefined at the end. */
  const nextBytes = async (): Promise<Uint8Array | undefined> => {
    for (;;) {
      const [next] = queue;
      if (next === undefined) {
        if (ended) return undefined;
        await readingOn();
        continue;
      }
      // While a fragment is waited for the page is read on, so that those behind it are under way.
      const bytes =
        next.kind === "text"
          ? next.bytes
          : await Promise.race(ended || held >= READ_AHEAD ? [next.coming] : [next.coming, readingOn()]);
      if (gone.signal.aborted) return undefined;
      if (bytes === undefined) continue;
      queue.splice(0, 1);
      if (next.kind === "text") held -= bytes.byteLength;
      // Those of a fragment's fragment count from here on as the fragment's.
      else if (depth > 0) composition.room += bytes.byteLength;
      if (bytes.byteLength > 0) return bytes;
    }
  };

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const bytes = await nextBytes();
          if (bytes === undefined) return gone.signal.aborted ? undefined : controller.close();
          controller.enqueue(bytes);
        } catch (error) {
          giveUp();
          throw error;
        }
      },
      async cancel(reason) {
        giveUp();
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

/** The bytes that stand for an include; never rejects. */
async function fragmentOf(
  { src, alt }: Include,
  composition: Composition,
  depth: number,
  gone: AbortSignal,
): Promise<Uint8Array> {
  const sources = alt === undefined ? [src] : [src, alt];
  for (const source of sources) {
    const ms = composition.rules.deadline / sources.length;
    const bytes = await within(ms, gone, async (signal) => bytesOf(source, composition, depth, signal));
    if (gone.aborted && typeof bytes === "string") break;
    if (typeof bytes !== "string") return bytes;
    composition.observe({ kind: "fragment-failed", reason: bytes });
  }
  return NOTHING;
}

/** What comes of the work in that time; the work is told where that is nothing, or where its page is gone. */
async function within(
  ms: number,
  gone: AbortSignal,
  work: (signal: AbortSignal) => Promise<Uint8Array>,
): Promise<Uint8Array | FragmentFailure> {
  const given = new AbortController();
  const late = Promise.withResolvers<FragmentFailure>();
  const giveUp = (): void => {
    given.abort();
    late.resolve("late");
  };
  const timer = setTimeout(giveUp, ms);
  gone.addEventListener("abort", giveUp);
  if (gone.aborted) giveUp();
  try {
    return await Promise.race([work(given.signal), late.promise]);
  } catch (error) {
    return error instanceof FragmentError ? error.reason : "broken";
  } finally {
    clearTimeout(timer);
    gone.removeEventListener("abort", giveUp);
  }
}

/** @throws FragmentError, and whatever `fetchFragment` and the body throw */
async function bytesOf(
  source: string,
  composition: Composition,
  depth: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { base, rules, fetchFragment } = composition;
  const url = URL.parse(source, base.href);
  if (
    url === null ||
    url.origin !== base.origin ||
    !rules.prefixes.some((prefix) => url.pathname.startsWith(prefix))
  ) {
    throw new FragmentError("elsewhere");
  }
  if (depth >= rules.depth) throw new FragmentError("too-deep");
  if (composition.left <= 0) throw new FragmentError("too-many");
  composition.left--;
  const response = await fetchFragment(url, depth + 1, signal);
  if (response.status === 200 && !signal.aborted) return collected(response, composition, signal);
  await response.body?.cancel();
  throw new FragmentError(signal.aborted ? "late" : "status");
}

/** Its bytes count to the page's until they are given up. */
async function collected(
  { body }: Response,
  composition: Composition,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const reader = body?.getReader();
  if (reader === undefined) return NOTHING;
  const cancel = (): void => void reader.cancel().catch(() => undefined);
  const chunks: Uint8Array[] = [];
  let length = 0;
  signal.addEventListener("abort", cancel);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (signal.aborted) throw new FragmentError("late");
      if (done) return joined(chunks, length);
      length += value.byteLength;
      composition.room -= value.byteLength;
      if (length > MAX_FRAGMENT || composition.room < 0) throw new FragmentError("too-large");
      chunks.push(compact(value));
    }
  } catch (error) {
    composition.room += length;
    cancel();
    throw error;
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}
