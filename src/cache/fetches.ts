import { BodyLog, type ByteBudget, byteBudget } from "./body-log.ts";
import { hasNullBody } from "../http/answer.ts";
import { EdgeError } from "../http/errors.ts";
import { confirms } from "./conditions.ts";
import { freshened, unstoredFields } from "./fields.ts";
import { Flight, type FlightState, type Shared } from "./flight.ts";
import { addConditions } from "./origin-request.ts";
import { malformedFields } from "./malformed.ts";
import { type CacheDependencies, type Passage, isOwn, originUrl } from "./passage.ts";
import { isForWaiting } from "./reuse.ts";
import type { Shelf } from "./shelf.ts";
import { type Exchange, type NotStoredReason, headToStore } from "./store-head.ts";
import type { HeaderList, StoredHead, StoredResponse } from "./stored.ts";
import { Until } from "./until.ts";

/**
 * What asking the origin came to, for the request that asked. `originStatus`: as
 * the origin answered; undefined where it was not asked after all. `own`: fields
 * that are for this request and not stored (`no-cache="..."`).
 */
export type Landing = { readonly originStatus: number | undefined; readonly own?: HeaderList } & (
  Shared | { readonly phase: "alone"; readonly response: Response; readonly reason: NotStoredReason }
);

/** Bytes that all bodies under way may hold together, to be stored. */
const HOLD_BYTES = 33_554_432;
const REMEMBERED_KEYS = 10_000;
const SWEEP_MS = 10_000;
/** For so long a key whose response was not for sharing is not waited for. */
const UNSHARED_MS = 120_000;
/** Refusals that are the origin's word on the page, not on this one request. */
const WITHDRAWALS: ReadonlySet<NotStoredReason> = new Set<NotStoredReason>(["no-store", "private"]);
/** What was there is there no longer, whether that is worth storing or not. */
const GONE = new Set([404, 410]);

/**
 * Asks the origin for what is cacheable, stores the answers, and has at most one
 * request for a key under way among those that may share its answer.
 */
export class Fetches {
  readonly #shelf: Shelf;
  readonly #dependencies: CacheDependencies;
  readonly #objectBytes: number;
  readonly #budget: ByteBudget = byteBudget(HOLD_BYTES);
  readonly #flights = new Map<string, Flight>();
  /** Bodies under way. */
  readonly #bodies = new Set<BodyLog>();
  #sweptAt = 0;
  readonly #unshared = new Until(REMEMBERED_KEYS);

  constructor(shelf: Shelf, dependencies: CacheDependencies, objectBytes: number) {
    this.#shelf = shelf;
    this.#dependencies = dependencies;
    this.#objectBytes = objectBytes;
  }

  /** The request for this key that is under way. */
  under(flightKey: string): Flight | undefined {
    const flight = this.#flights.get(flightKey);
    if (flight?.isLost(this.#dependencies.now()) !== true) return flight;
    this.#flights.delete(flightKey);
    return undefined;
  }

  /** Lets go of what was cut off with its request, from time to time. */
  #sweep(now: number): void {
    if (now - this.#sweptAt < SWEEP_MS) return;
    this.#sweptAt = now;
    for (const [key, flight] of this.#flights) if (flight.isLost(now)) this.#flights.delete(key);
    for (const body of this.#bodies) {
      if (!body.isLost()) continue;
      body.abandon();
      this.#bodies.delete(body);
    }
  }

  /** Whether this key's answers are not for sharing, so that waiting for one would be in vain (hit-for-miss). */
  isUnshared(flightKey: string): boolean {
    return this.#unshared.holds(flightKey, this.#dependencies.now());
  }

  /**
   * Asks the origin. With a `flightKey` others may follow, and the request goes on
   * when its client leaves, as others may wait for it and its answer is stored.
   * `keepsOld`: an error does not replace `entry`, which may stand in for it.
   */
  async ask(
    passage: Passage,
    entry: StoredResponse | undefined,
    keepsOld: boolean,
    flightKey: string | undefined,
  ): Promise<Landing> {
    const now = this.#dependencies.now();
    this.#sweep(now);
    const flight = flightKey === undefined ? undefined : new Flight(now, passage.input.originMs);
    if (flight !== undefined && flightKey !== undefined) this.#flights.set(flightKey, flight);
    const leave = (): void => {
      if (flightKey !== undefined && this.#flights.get(flightKey) === flight) this.#flights.delete(flightKey);
    };
    const signal = flight === undefined ? passage.input.signal : undefined;
    const landing = this.#land(this.#fetch(passage, entry, keepsOld, leave, signal), passage, flight, leave);
    passage.input.waitUntil(landing.catch(() => undefined));
    return landing;
  }

  async #land(
    fetching: Promise<Landing>,
    passage: Passage,
    flight: Flight | undefined,
    leave: () => void,
  ): Promise<Landing> {
    try {
      const landing = await fetching;
      flight?.land(forFollowers(landing));
      if (!isOwn(passage)) this.#remember(passage.key.text, landing);
      if (landing.phase !== "streaming") leave();
      return landing;
    } catch (error) {
      flight?.land({ phase: "failed", error });
      leave();
      throw error;
    }
  }

  #remember(key: string, landing: Landing): void {
    const now = this.#dependencies.now();
    const head = landing.phase === "alone" ? undefined : headOf(landing);
    if (head !== undefined && isForWaiting(head, now)) this.#unshared.delete(key);
    else if (landing.phase !== "alone" || !isFailure(landing.response))
      this.#unshared.set(key, now + UNSHARED_MS);
  }

  async #fetch(
    passage: Passage,
    present: StoredResponse | undefined,
    keepsOld: boolean,
    leave: () => void,
    signal: AbortSignal | undefined,
  ): Promise<Landing> {
    const entry = isOwn(passage) ? undefined : present;
    const newer =
      entry === undefined ? undefined : await this.#shelf.newer(passage.key.text, passage.headers, entry);
    if (newer !== undefined && passage.isFresh(newer.head))
      return { originStatus: undefined, phase: "stored", entry: newer };
    const headers = new Headers(passage.headers());
    if (entry !== undefined) addConditions(headers, entry.head);
    const requestTime = this.#dependencies.now();
    const response = await passage.fetchOrigin(
      new Request(originUrl(passage.input.request, passage.key), { headers, redirect: "manual" }),
      signal,
    );
    const exchange: Exchange = {
      requestHeaders: passage.headers(),
      authorized: passage.authorized,
      requestNoStore: passage.asked.has("no-store"),
      requestTime,
      responseTime: this.#dependencies.now(),
      target: passage.key.target,
      random: this.#dependencies.random(),
    };
    const originStatus = response.status;
    for (const part of malformedFields(response.headers, exchange.responseTime))
      this.#dependencies.observe({ kind: "malformed", part, from: "origin" });
    // Of another page than the one it was asked about: that one must not bear its name.
    if (originStatus === 304 && entry !== undefined && !confirms(response.headers, entry.head))
      return this.#fetch(passage, undefined, keepsOld, leave, signal);
    if (originStatus === 304)
      return { originStatus, ...this.#confirmed(passage, entry, response.headers, exchange) };
    const head = keepsOld && isFailure(response) ? "origin-error" : this.#headOf(response, exchange, passage);
    if (typeof head === "string") {
      // What the origin now answers is not for sharing: what it answered before is not either.
      const withdrawn = WITHDRAWALS.has(head) || GONE.has(originStatus);
      if (entry !== undefined && withdrawn && !isOwn(passage))
        passage.input.waitUntil(this.#shelf.forget(passage.key.text));
      return { originStatus, phase: "alone", response, reason: head };
    }
    const own = unstoredFields(response.headers);
    return { originStatus, own, ...this.#streamed(passage, head, response, leave) };
  }

  #headOf(response: Response, exchange: Exchange, passage: Passage): StoredHead | NotStoredReason {
    const length = Number(response.headers.get("content-length") ?? 0);
    return length > this.#objectBytes ? "too-large" : headToStore(response, exchange, passage.rules);
  }

  /** RFC 9111 section 4.3.4: the stored response, freshened by a 304. */
  #confirmed(
    passage: Passage,
    entry: StoredResponse | undefined,
    update: Headers,
    exchange: Exchange,
  ): FlightState & { phase: "stored" } {
    if (entry === undefined) throw strayConfirmation();
    const headers = freshened(entry.head, update, exchange.responseTime);
    const head = headToStore({ status: entry.head.status, headers }, exchange, passage.rules);
    if (typeof head !== "string") {
      const confirmed: StoredResponse = { kind: "response", head, body: entry.body };
      passage.input.waitUntil(this.#shelf.keep(passage.key.text, confirmed, exchange.responseTime));
      return { phase: "stored", entry: confirmed };
    }
    // Right for this request, and by its new directives for no other.
    passage.input.waitUntil(this.#shelf.forget(passage.key.text));
    return { phase: "stored", entry: { ...entry, head: { ...entry.head, lifetime: 0, noCache: true } } };
  }

  #streamed(
    passage: Passage,
    head: StoredHead,
    response: Response,
    leave: () => void,
  ): FlightState & { phase: "streaming" } {
    const body = new BodyLog(this.#dependencies.now, this.#dependencies.originStallMs);
    this.#bodies.add(body);
    const declared = lengthOf(response);
    const source = response.body ?? new Blob([]).stream();
    const filled = body.fill(source, this.#objectBytes, this.#budget, () => {
      this.#unshared.set(passage.key.text, this.#dependencies.now() + UNSHARED_MS);
      leave();
    });
    const kept = filled.then(async (bytes) => {
      this.#bodies.delete(body);
      const stored =
        bytes === undefined || (declared !== undefined && declared !== bytes.byteLength) ? undefined : bytes;
      const writing =
        stored &&
        this.#shelf.keep(
          passage.key.text,
          { kind: "response", head, body: stored },
          this.#dependencies.now(),
        );
      // After the write to memory and before anything is awaited: nobody falls between the two.
      leave();
      await writing;
    });
    passage.input.waitUntil(kept);
    return { phase: "streaming", head, body, length: declared };
  }
}

/** The head of what is stored or being stored. */
export function headOf(state: Shared): StoredHead {
  return state.phase === "stored" ? state.entry.head : state.head;
}

/** RFC 5861 section 4: what a stale response may stand in for. */
export function isFailure(response: { readonly status: number }): boolean {
  return response.status >= 500;
}

function forFollowers(landing: Landing): FlightState {
  if (landing.phase !== "alone") return landing;
  // An origin that fails one request is not asked by all that waited for it.
  return isFailure(landing.response)
    ? { phase: "failed", error: failure(landing.response.status) }
    : { phase: "unshared" };
}

function failure(status: number): EdgeError {
  return new EdgeError({
    code: "origin-broken",
    source: "origin",
    status: status === 503 || status === 504 ? status : 502,
    detail: "The store failed on this request.",
    retryable: true,
  });
}

/** The body's length where the origin declares it. */
function lengthOf(response: Response): number | undefined {
  if (hasNullBody(response.status)) return 0;
  const field = response.headers.get("content-length");
  return field === null || !/^\d+$/.test(field) ? undefined : Number(field);
}

function strayConfirmation(): EdgeError {
  return new EdgeError({
    code: "origin-broken",
    source: "origin",
    status: 502,
    detail: "The store answered a question that was not asked.",
    retryable: true,
  });
}
