/** The published state and rules packages in the cache of one site, between its isolates and the control object. */
import type { Published } from "./object.ts";

/** One reading of the control object. */
export interface Read {
  readonly published: Published;
  /** The same as JSON text. */
  readonly text: string;
  /** When the object was asked, ms. */
  readonly readAt: number;
}

export interface SiteCache {
  /** A reading not older than two seconds; `known` spares parsing what is already held. */
  read(known: Read | null, now: number): Promise<Read | null>;
  write(read: Read): Promise<void>;
  readPackage(version: string): Promise<Uint8Array | null>;
  writePackage(version: string, content: Uint8Array): Promise<void>;
}

const LIFETIME_MS = 2000;
/** Addresses that no client can ask for; `v1`, `v2` are forms of what is stored. */
const STATE_KEY = "https://control.edge.invalid/v2/published";
const PACKAGE_KEY = "https://control.edge.invalid/v1/packages/";
const READ_AT = "x-read-at";
const REVISION = "x-revision";

/** A site that cannot store or find is slower, not wrong: no failure leaves here. */
export function siteCache(cache: Cache | null): SiteCache {
  async function find(key: string): Promise<Response | null> {
    try {
      return (await cache?.match(key)) ?? null;
    } catch {
      return null;
    }
  }
  async function store(key: string, body: BodyInit, headers: Record<string, string>): Promise<void> {
    try {
      await cache?.put(key, new Response(body, { headers }));
    } catch {
      // Stored next time.
    }
  }

  return {
    async read(known, now) {
      const stored = await find(STATE_KEY);
      if (stored === null) return null;
      const readAt = Number(stored.headers.get(READ_AT) ?? Number.NaN);
      const young = now - readAt < LIFETIME_MS;
      if (young && stored.headers.get(REVISION) !== String(known?.published.revision)) {
        const text = await stored.text();
        const published: Published = JSON.parse(text);
        return { published, text, readAt };
      }
      await stored.body?.cancel();
      return young && known !== null ? { published: known.published, text: known.text, readAt } : null;
    },
    async write({ published, text, readAt }) {
      await store(STATE_KEY, text, {
        "cache-control": `public, max-age=${LIFETIME_MS / 1000}`,
        [READ_AT]: String(readAt),
        [REVISION]: String(published.revision),
      });
    },
    async readPackage(version) {
      const stored = await find(PACKAGE_KEY + version);
      return stored === null ? null : new Uint8Array(await stored.arrayBuffer());
    },
    async writePackage(version, content) {
      await store(PACKAGE_KEY + version, content, { "cache-control": "public, max-age=86400, immutable" });
    },
  };
}
