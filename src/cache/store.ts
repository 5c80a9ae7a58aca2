import { currentAge } from "./freshness.ts";
import type { StoredHead, StoredObject, StoredResponse, VariantIndex } from "./stored.ts";

/**
 * One tier. `get` never throws: what cannot be read is a miss. `put` and
 * `delete` never throw either: what cannot be written is not there next time.
 */
export interface Store {
  get(key: string): Promise<StoredObject | undefined>;
  put(key: string, object: StoredObject, now: number): Promise<void>;
  delete(key: string): Promise<void>;
}

const ENTRY_OVERHEAD = 600;
const TAG_BYTES = 8;
/** No object may take more than this share of the memory tier. */
const LARGEST_SHARE = 8;
/** Validated objects are kept this long past their use, as a 304 is cheaper than a body. */
const REVALIDATION_SECONDS = 86_400;

/** Bytes an object takes in memory, roughly: strings count two bytes a character. */
export function sizeOf(key: string, object: StoredObject): number {
  if (object.kind === "index") return ENTRY_OVERHEAD + 2 * (key.length + object.names.flat().join("").length);
  const { headers, edgeHeaders, tags } = object.head;
  let characters = key.length + object.head.target.length + object.head.variant.length;
  for (const [name, value] of [...headers, ...edgeHeaders]) characters += name.length + value.length;
  return ENTRY_OVERHEAD + 2 * characters + TAG_BYTES * tags.length + object.body.byteLength;
}

/** The memory of one isolate: least recently used out first, bounded in bytes. */
export class MemoryStore implements Store {
  readonly #objects = new Map<string, { readonly object: StoredObject; readonly size: number }>();
  readonly #limit: number;
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#objects.size;
  }

  /** As `get`, without a promise: the hit path. */
  peek(key: string): StoredObject | undefined {
    const found = this.#objects.get(key);
    if (found === undefined) return undefined;
    this.#objects.delete(key);
    this.#objects.set(key, found);
    return found.object;
  }

  async get(key: string): Promise<StoredObject | undefined> {
    return this.peek(key);
  }

  async put(key: string, object: StoredObject): Promise<void> {
    this.remove(key);
    const size = sizeOf(key, object);
    if (size > this.#limit / LARGEST_SHARE) return;
    this.#objects.set(key, { object, size });
    this.#bytes += size;
    for (const oldest of this.#objects.keys()) {
      if (this.#bytes <= this.#limit) break;
      this.remove(oldest);
    }
  }

  async delete(key: string): Promise<void> {
    this.remove(key);
  }

  remove(key: string): void {
    const found = this.#objects.get(key);
    if (found === undefined) return;
    this.#objects.delete(key);
    this.#bytes -= found.size;
  }
}

const MAX_KEY_URL = 12_000;
const LENGTH_BYTES = 4;
/** A tier that takes longer to answer than an origin would is as good as a miss. */
const PATIENCE_MS = 1000;

/**
 * The platform's Cache API, used as a plain store: an object is one response
 * under a URL of ours, with a lifetime we choose and our own description framed
 * in front of the body (length, JSON, bytes). Nothing of the origin's headers
 * reaches the platform, so nothing there (Vary, 206, stale windows) can bring a
 * policy of its own.
 */
export class CacheApiStore implements Store {
  readonly #cache: Cache;
  readonly #base: string;
  readonly #patienceMs: number;

  constructor(cache: Cache, host: string, patienceMs = PATIENCE_MS) {
    this.#patienceMs = patienceMs;
    this.#cache = cache;
    this.#base = `https://${host}/_edge/store/v1/`;
  }

  async get(key: string): Promise<StoredObject | undefined> {
    const late = Promise.withResolvers<undefined>();
    const timer = setTimeout(late.resolve, this.#patienceMs, undefined);
    try {
      return await Promise.race([this.#read(key), late.promise]);
    } catch {
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  async #read(key: string): Promise<StoredObject | undefined> {
    const response = await this.#cache.match(this.#url(key));
    return response === undefined ? undefined : unframed(await response.arrayBuffer());
  }

  async put(key: string, object: StoredObject, now: number): Promise<void> {
    const seconds = object.kind === "index" ? REVALIDATION_SECONDS : keepSeconds(object.head, now);
    const headers = {
      "cache-control": `max-age=${Math.floor(seconds)}`,
      "content-type": "application/octet-stream",
    };
    try {
      const url = this.#url(key);
      if (url.length > MAX_KEY_URL || seconds < 1) return;
      await this.#cache.put(url, new Response(framed(object), { headers }));
    } catch {
      // A tier that refuses a write costs a later miss, nothing else.
    }
  }

  async delete(key: string): Promise<void> {
    try {
      await this.#cache.delete(this.#url(key));
    } catch {
      // Reads judge purges and invalidations on their own.
    }
  }

  #url(key: string): string {
    return this.#base + encodeURIComponent(key);
  }
}

/** How long an object can be of use: fresh, stale, or to be revalidated. */
function keepSeconds(head: StoredHead, now: number): number {
  const validated = head.headers.some(([name]) => name === "etag" || name === "last-modified");
  const stale = Math.max(head.staleWhileRevalidate, head.staleIfError, validated ? REVALIDATION_SECONDS : 0);
  return head.lifetime + stale - currentAge(head, now);
}

function framed(object: StoredObject): Uint8Array {
  const body = object.kind === "response" ? object.body : new Uint8Array();
  const description = new TextEncoder().encode(
    JSON.stringify(object.kind === "response" ? { kind: object.kind, head: object.head } : object),
  );
  const bytes = new Uint8Array(LENGTH_BYTES + description.byteLength + body.byteLength);
  new DataView(bytes.buffer).setUint32(0, description.byteLength);
  bytes.set(description, LENGTH_BYTES);
  bytes.set(body, LENGTH_BYTES + description.byteLength);
  return bytes;
}

function unframed(buffer: ArrayBuffer): StoredObject {
  const length = new DataView(buffer).getUint32(0);
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(
    new Uint8Array(buffer, LENGTH_BYTES, length),
  );
  // Written by `framed` under a URL no client can reach.
  const described: Omit<StoredResponse, "body"> | VariantIndex = JSON.parse(text);
  if (described.kind === "index") return described;
  return { ...described, body: new Uint8Array(buffer, LENGTH_BYTES + length) };
}
