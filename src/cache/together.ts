import { direct, fromEntry, fromFlight, fromLanding } from "./answers.ts";
import type { Forwarded } from "./cache-status.ts";
import { isByteRange } from "./conditions.ts";
import { type Fetches, headOf } from "./fetches.ts";
import type { Shared } from "./flight.ts";
import { type Passage, type Served, isOwn } from "./passage.ts";
import { isForWaiting } from "./reuse.ts";
import type { Shelf } from "./shelf.ts";
import type { StoredHead, StoredResponse } from "./stored.ts";
import { lengthPrefixed, variantOf } from "./vary.ts";

/** Brings requests for the same together, so that the origin is asked once (RFC 9111 section 4). */
export class Together {
  readonly #shelf: Shelf;
  readonly #fetches: Fetches;
  readonly #now: () => number;

  constructor(shelf: Shelf, fetches: Fetches, now: () => number) {
    this.#shelf = shelf;
    this.#fetches = fetches;
    this.#now = now;
  }

  /** The origin's answer, asked for by this request or by another that wants the same. `keepsOld`: an error does not replace `entry`. */
  async answer(
    passage: Passage,
    entry: StoredResponse | undefined,
    keepsOld: boolean,
    why: Forwarded,
  ): Promise<Served> {
    // HEAD and ranges are answered from the whole, which is asked for once: so they collapse, and fill the cache.
    const alone = isOwn(passage) || this.#fetches.isUnshared(passage.key.text);
    const shared = alone ? undefined : await this.#shared(passage, entry, keepsOld, why);
    if (shared !== undefined) return shared;
    const part = partOf(passage, entry);
    return part === undefined
      ? this.#asked(passage, entry, keepsOld, undefined, why)
      : direct(passage, part, why);
  }

  /** As one of those who want the same; undefined where their answer is not for this request. */
  async #shared(
    passage: Passage,
    entry: StoredResponse | undefined,
    keepsOld: boolean,
    why: Forwarded,
  ): Promise<Served | undefined> {
    const { key } = passage;
    let flightKey = key.text;
    // As asked, then among those of the same variant, then among those who come after a purge.
    for (let attempts = 3; attempts > 0;) {
      const flight = this.#fetches.under(flightKey);
      if (flight === undefined) {
        return this.#arrived(passage, entry) ?? this.#asked(passage, entry, keepsOld, flightKey, why);
      }
      const state = await flight.outcome(this.#now);
      // Lost: the first of those who waited asks anew, and the others wait for that.
      if (state.phase === "waiting") continue;
      attempts--;
      if (state.phase === "failed") throw state.error;
      if (state.phase !== "stored" && state.phase !== "streaming") return undefined;
      if (isFor(passage, state, this.#now())) return fromFlight(passage, state, why, this.#now());
      const next = nextFlight(passage, state);
      if (next === undefined) return undefined;
      flightKey = next;
    }
    return undefined;
  }

  async #asked(
    passage: Passage,
    entry: StoredResponse | undefined,
    keepsOld: boolean,
    flightKey: string | undefined,
    why: Forwarded,
  ): Promise<Served> {
    const landing = await this.#fetches.ask(passage, entry, keepsOld, flightKey);
    if (landing.phase === "alone") {
      const part = partOf(passage, entry);
      const unread = part === "head" || (part === "range" && landing.reason === "too-large");
      if (unread) await landing.response.body?.cancel();
      if (unread && part === "range") return direct(passage, part, why);
    }
    return fromLanding(passage, landing, why, this.#now());
  }

  /** What another request has stored while this one looked in the tier beneath. */
  #arrived(passage: Passage, entry: StoredResponse | undefined): Served | undefined {
    const found = this.#shelf.peek(passage.key.text, passage.headers);
    if (found === undefined || found === entry || !passage.isFresh(found.head)) return undefined;
    return fromEntry(passage, found, "hit", passage.purgeState(found.head), this.#now());
  }
}

/** What is asked for as it is where the whole is not for the cache: a range may be the end of a huge file. One that cannot be read is none. */
function partOf({ input, rules }: Passage, entry: StoredResponse | undefined): "head" | "range" | undefined {
  if (input.method === "HEAD") return "head";
  // A part of a template is no part of the page.
  if (entry !== undefined || rules.fragments) return undefined;
  return isByteRange(input.headers.get("range") ?? "") ? "range" : undefined;
}

/** Whether another request's answer fits this one: as fresh as the client wants it, of its variant, not purged meanwhile, and there from its first byte. */
function isFor(passage: Passage, state: Shared, now: number): boolean {
  if (state.phase === "streaming" && !state.body.whole) return false;
  const head = headOf(state);
  if (!isVariantFor(passage, head)) return false;
  const arrived = passage.asked.size === 0 && isForWaiting(head, now) && passage.purgeState(head) === "none";
  return arrived || passage.isFresh(head);
}

/** Where those gather whom another request's answer does not fit; undefined where each asks for himself. */
function nextFlight(passage: Passage, state: Shared): string | undefined {
  const head = headOf(state);
  const { text } = passage.key;
  if (!isVariantFor(passage, head)) {
    return [text, head.vary.join(), variantOf(head.vary, passage.headers())].map(lengthPrefixed).join("");
  }
  return passage.purgeState(head) !== "none"
    ? [text, "after", String(head.requestTime)].map(lengthPrefixed).join("")
    : undefined;
}

function isVariantFor(passage: Passage, head: StoredHead): boolean {
  return head.vary.length === 0 || variantOf(head.vary, passage.headers()) === head.variant;
}
