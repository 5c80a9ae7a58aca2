import {
  type CacheClass,
  type CacheEvent,
  type CompiledCachePolicy,
  type Invalidated,
  type Purge,
  type Served,
  type PurgeView,
  createCache,
  inputOf,
} from "../../src/cache/index.ts";
import { responseOf } from "../../src/http/answer.ts";
import golden from "./golden/shipped.json";

/** The policy of rules/cache.yaml; a test in Node holds it equal to what is compiled. */
export const shipped: CompiledCachePolicy = JSON.parse(JSON.stringify(golden));

/** A class that follows the origin, with whatever a test needs otherwise. */
export function classWith(overrides: Partial<CacheClass> = {}): CacheClass {
  return {
    name: "pages",
    match: ["/**"],
    patterns: ["^/.*$"],
    mode: "cache",
    query: "all",
    headers: "all",
    dimensions: [],
    statuses: "all",
    types: "all",
    clientDirectives: false,
    lifetime: { fallback: null, max: null, heuristic: false, negative: null },
    stale: { whileRevalidate: 0, ifError: 0 },
    jitter: 0,
    fragments: false,
    ...overrides,
  };
}

export function policyOf(
  classes: readonly CacheClass[],
  overrides: Partial<CompiledCachePolicy> = {},
): CompiledCachePolicy {
  return {
    memoryBytes: 8_388_608,
    objectBytes: 1_048_576,
    fragments: { prefixes: ["/fragments/"], depth: 3, count: 8, deadline: 200 },
    dimensions: [],
    classes,
    ...overrides,
  };
}

export type Origin = (request: Request) => Response | Promise<Response>;

export interface Rig {
  /** What the origin was asked, in order. */
  readonly asked: Request[];
  /** By what each of these may be given up; undefined where it goes on in any case. */
  readonly signals: (AbortSignal | undefined)[];
  /** The clock, in ms; tests move it. */
  readonly clock: { now: number };
  readonly purges: Purge[];
  /** In place of `purges`. */
  view: PurgeView | undefined;
  /** What was counted, in order. */
  readonly events: CacheEvent[];
  /** What was to be purged everywhere, batch by batch. */
  readonly published: (readonly Invalidated[])[];
  origin: Origin;
  get(path: string, headers?: HeadersInit, init?: RequestInit): Promise<Answered>;
  /** As `get`, composed. */
  page(path: string, headers?: HeadersInit): Promise<Answered>;
  /** Waits until nothing runs behind an answer. */
  settle(): Promise<void>;
}

/** What was served, with its answer as a Response. */
export type Answered = Served & { readonly response: Response };

function built(served: Served): Answered {
  return { ...served, response: responseOf(served.answer) };
}

export const START = Date.UTC(2026, 10, 1, 12);

/** A cache with a clock and an origin of the test's, in memory alone unless given a Cache API. */
export function rigOf(
  policy: CompiledCachePolicy,
  cacheApi: Cache | null = null,
  clock = { now: START },
): Rig {
  const events: CacheEvent[] = [];
  const published: (readonly Invalidated[])[] = [];
  const cache = createCache(policy, {
    cacheApi,
    host: "store.acme.com",
    originStallMs: 15_000,
    now: () => clock.now,
    random: () => 0.5,
    observe: (event) => void events.push(event),
    publish: (invalidated) => void published.push(invalidated),
  });
  let behind: Promise<unknown>[] = [];
  const asked: Request[] = [];
  const signals: (AbortSignal | undefined)[] = [];
  const purges: Purge[] = [];
  const inputFor = (path: string, headers: HeadersInit, init: RequestInit) => {
    const [pathname = "/", query = ""] = path.split("?", 2);
    const request = new Request(`https://store.acme.com${path}`, { ...init, headers });
    const waitUntil = (promise: Promise<unknown>): void => void behind.push(promise);
    return {
      ...inputOf(request),
      path: pathname,
      query,
      purges: rig.view ?? cache.purgesOf(purges),
      originMs: 15_000,
      waitUntil,
    };
  };
  const fetchOrigin = async (request: Request, signal?: AbortSignal): Promise<Response> => {
    asked.push(request);
    signals.push(signal);
    return rig.origin(request);
  };
  const rig: Rig = {
    asked,
    signals,
    clock,
    purges,
    view: undefined,
    events,
    published,
    origin: () => new Response("unset"),
    get: async (path, headers = {}, init = {}) =>
      built(await cache.serve(inputFor(path, headers, init), fetchOrigin)),
    async page(path, headers = {}) {
      const input = inputFor(path, headers, {});
      return built(cache.compose(await cache.serve(input, fetchOrigin), input, fetchOrigin));
    },
    async settle() {
      while (behind.length > 0) {
        const waiting = behind;
        behind = [];
        await Promise.allSettled(waiting);
      }
    },
  };
  return rig;
}

/** A text response with these headers; dated by the rig's clock where `now` is given. */
export function answer(body: string | null, headers: HeadersInit = {}, status = 200, now = START): Response {
  const all = new Headers(headers);
  if (!all.has("date")) all.set("date", new Date(now).toUTCString());
  return new Response(body, { status, headers: all });
}

export function statusOf(served: Answered): string {
  return served.response.headers.get("cache-status") ?? "";
}
