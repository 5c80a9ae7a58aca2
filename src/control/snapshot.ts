/**
 * The reader's side of control. Hard about it: every request needs the decisions,
 * none may wait for them, and a change must be in force everywhere within 5 s.
 *
 * An isolate serves what it holds; once that was checked more than FRESH_MS ago it
 * checks again in the background (the site's cache first, then the object), and
 * only what could be older than STALE_MS makes a request wait. Ages count from
 * the moment the object was asked, whoever asked it, so the hops do not add up.
 * An isolate never lets one request await another's I/O: whoever refreshes leaves
 * a timestamp, and who needs the result looks for it on a timer of his own.
 */
import type { Mode } from "../blueprint.ts";
import type { ControlPort, Published } from "./object.ts";
import { type InvalidationEvent, createInvalidator } from "./outbox.ts";
import type { Invalidation, Purge } from "./purge-log.ts";
import { siteCache, type Read } from "./site-cache.ts";
import { effectiveMode, type Override } from "./state.ts";

const FRESH_MS = 1000;
const STALE_MS = 3500;
/** How long a refresh may take before it counts as failed; STALE_MS and this together keep the 5 s. */
const PATIENCE_MS = 1200;
const RETRY_MS = 1000;
const LOOK_AGAIN_MS = 5;
const NEVER = Number.NEGATIVE_INFINITY;

/** What is in force at one moment. Members keep their identity while nothing changes, so derived forms can be memoised by them. */
export interface Snapshot {
  /** Version of the last change; 0 where nobody has decided anything or the object was never reached. */
  readonly version: number;
  /** `builtin`: the control object has not been reached by this isolate yet. */
  readonly source: "control" | "builtin";
  readonly mode: Mode;
  readonly overrides: readonly Override[];
  /** Version of the active rules package; null is the built-in one. */
  readonly rules: string | null;
  readonly purges: readonly Purge[];
  readonly rooms: Readonly<Record<string, unknown>>;
}

export interface ControlOptions {
  readonly namespace: DurableObjectNamespace;
  /** The site's cache (`caches.default`); null where there is none. */
  readonly cacheApi: Cache | null;
  readonly builtin: { readonly mode: Mode };
  readonly clock: () => number;
  /** Waits some milliseconds; `scheduler.wait` but for tests. */
  readonly sleep: (ms: number) => Promise<unknown>;
  /** How long anything lives in a cache at most, ms: invalidations are remembered that long. */
  readonly longestLifetimeMs: number;
  /** Told what became of invalidations; must not throw. */
  readonly observe: (event: InvalidationEvent) => void;
}

type WaitUntil = (work: Promise<unknown>) => void;

export interface Control {
  /** What is in force; waits only where what the isolate holds could break the 5 s promise. Never throws. */
  snapshot(now: number, waitUntil: WaitUntil): Snapshot | Promise<Snapshot>;
  /** Content of a published rules package, from the site's cache or the object; null where it is unknown. */
  rulesPackage(version: string): Promise<Uint8Array | null>;
  /** Has what an unsafe request made invalid purged in the other isolates too: soon, gathered and limited. Never throws. */
  invalidate(invalidations: readonly Invalidation[], waitUntil: (work: Promise<unknown>) => void): void;
  /** Makes the next snapshot of this isolate ask the object: after a change made through it. */
  forget(): void;
  /** The object itself, for the private API; to be asked for anew in every request. */
  readonly port: ControlPort;
  readonly builtin: { readonly mode: Mode };
}

interface Held extends Read {
  /** When this isolate last made sure that the site knows nothing newer. */
  readonly checkedAt: number;
}

export function createControl(options: ControlOptions): Control {
  const { namespace, builtin, clock, sleep } = options;
  /** The object speaks ControlPort over RPC. A stub belongs to the request that made it, so each use makes its own. */
  const port = (): ControlPort =>
    // oxlint-disable-next-line typescript-eslint/no-unsafe-type-assertion -- it is ControlObject that wrangler.toml binds
    namespace.getByName("control") as unknown as ControlPort;
  const site = siteCache(options.cacheApi);
  const effective = effectiveSnapshots(builtin.mode);
  const invalidate = createInvalidator({
    send: async (invalidations) =>
      withDeadline(port().invalidate(invalidations, options.longestLifetimeMs), sleep),
    clock,
    sleep,
    observe: options.observe,
  });
  let held: Held | null = null;
  let refreshingSince = NEVER;
  let failedAt = NEVER;
  /** Counts changes made through this isolate: a refresh that began before one may not hide it. */
  let forgets = 0;
  let skipSite = false;

  /** One check of the site's cache and, where that is too old, of the object. Never throws. */
  async function refresh(now: number): Promise<void> {
    const begunAfter = forgets;
    refreshingSince = now;
    try {
      const found = await withDeadline(latest(now), sleep);
      failedAt = NEVER;
      if (begunAfter !== forgets) return;
      if (held === null || found.readAt >= held.readAt) held = { ...found, checkedAt: now };
      skipSite = false;
    } catch {
      failedAt = clock();
    } finally {
      refreshingSince = NEVER;
    }
  }

  async function latest(now: number): Promise<Read> {
    const known = held;
    const fromSite = skipSite ? null : await site.read(known, now);
    if (fromSite !== null) return fromSite;
    const text = await port().read(known?.published.revision ?? -1);
    const found = text === null && known !== null ? { ...known, readAt: now } : reading(text ?? "", now);
    await site.write(found);
    return found;
  }

  const isRefreshing = (): boolean => refreshingSince !== NEVER;
  /** Whether what is held may still be served at `at` without waiting. */
  const isYoung = (at: number): boolean => at - (held?.readAt ?? NEVER) <= STALE_MS;

  /** Looks, on this request's own timer, for the result of a refresh that another request has begun. */
  async function lookForOther(): Promise<void> {
    const giveUpAt = clock() + PATIENCE_MS;
    while (isRefreshing() && clock() < giveUpAt) await sleep(LOOK_AGAIN_MS);
  }

  async function renewed(now: number, waitUntil: WaitUntil): Promise<Snapshot> {
    const refreshing = now - refreshingSince < PATIENCE_MS;
    // While the object cannot be reached, what is held serves and one request a second tries again.
    const resting = now - failedAt < RETRY_MS || (failedAt !== NEVER && refreshing);
    if (now - (held?.checkedAt ?? NEVER) >= FRESH_MS && !resting) {
      if (isYoung(now)) {
        if (!refreshing) waitUntil(refresh(now));
      } else {
        const failedBefore = failedAt;
        if (refreshing) await lookForOther();
        // Where the other failed there is nothing to wait for; where it was cut off with its request, this one takes over.
        if (!isYoung(clock()) && failedAt === failedBefore) await refresh(clock());
      }
    }
    return effective(held?.published ?? null, Math.max(now, clock()));
  }

  return {
    get port() {
      return port();
    },
    builtin,
    snapshot: (now, waitUntil) =>
      held !== null && now - held.checkedAt < FRESH_MS
        ? effective(held.published, now)
        : renewed(now, waitUntil),
    async rulesPackage(version) {
      const stored = await site.readPackage(version);
      if (stored !== null) return stored;
      const content = await port().package(version);
      if (content !== null) await site.writePackage(version, content);
      return content;
    },
    invalidate,
    forget() {
      forgets++;
      skipSite = true;
      if (held !== null) held = { ...held, checkedAt: NEVER, readAt: NEVER };
    },
  };
}

/** Throws where the text is not JSON. */
function reading(text: string, readAt: number): Read {
  const published: Published = JSON.parse(text);
  return { published, text, readAt };
}

/** Derives snapshots from the published state, again only when it changes or something in it expires. */
function effectiveSnapshots(builtin: Mode): (published: Published | null, now: number) => Snapshot {
  let last: { published: Published | null; until: number; snapshot: Snapshot } | null = null;
  return (published, now) => {
    if (last?.published === published && now < last.until) return last.snapshot;
    const ends =
      published === null ? [] : [published.mode, ...published.overrides].map((item) => item?.until ?? null);
    const until = Math.min(
      ...ends.filter((end) => end !== null && end > now).map(Number),
      Number.POSITIVE_INFINITY,
    );
    last = { published, until, snapshot: effectiveSnapshot(published, builtin, now) };
    return last.snapshot;
  };
}

function effectiveSnapshot(published: Published | null, builtin: Mode, now: number): Snapshot {
  if (published === null) {
    return {
      version: 0,
      source: "builtin",
      mode: builtin,
      overrides: [],
      rules: null,
      purges: [],
      rooms: {},
    };
  }
  return {
    version: published.version,
    source: "control",
    mode: effectiveMode(published.mode, builtin, now),
    overrides: published.overrides.filter(({ until }) => until === null || now < until),
    rules: published.rules.active,
    purges: published.purges,
    rooms: published.rooms,
  };
}

async function withDeadline<T>(work: Promise<T>, sleep: (ms: number) => Promise<unknown>): Promise<T> {
  const late = sleep(PATIENCE_MS).then(() => {
    throw new Error("the control object is late");
  });
  return Promise.race([work, late]);
}
