import type { Invalidated } from "./passage.ts";
import type { StoredHead } from "./stored.ts";
import { hashTag, hashText } from "./tags.ts";

const REMEMBERED = 10_000;
const BUCKETS = 4096;
const NEVER = -1;

/**
 * The invalidations by unsafe requests that an isolate has seen. Strangers cause
 * them, so their memory is bounded: of the newest each is known by itself, and of
 * those before them the latest moment of a bucket of many. Nothing that was made
 * invalid becomes reusable again; what shares a bucket with it is fetched once
 * more. URLs of one path share one, so that no number of queries reaches others.
 */
export class Invalidations {
  readonly #urls: Moments;
  readonly #tags: Moments;
  #latest = NEVER;
  #latestTag = NEVER;

  constructor(remembered = REMEMBERED) {
    this.#urls = new Moments(remembered);
    this.#tags = new Moments(remembered);
  }

  add({ kind, value }: Invalidated, at: number): void {
    this.#latest = Math.max(this.#latest, at);
    if (kind === "url") return this.#urls.set(hashText(value), pathHash(value), at);
    this.#latestTag = Math.max(this.#latestTag, at);
    const tag = hashTag(value);
    this.#tags.set(tag, tag, at);
  }

  /** Whether it was made invalid since it was asked for; at that very millisecond counts. */
  hits({ requestTime, target, anyTag, tags }: StoredHead): boolean {
    if (this.#latest < requestTime) return false;
    if (this.#urls.of(hashText(target), pathHash(target)) >= requestTime) return true;
    if (this.#latestTag < requestTime) return false;
    return anyTag || tags.some((tag) => this.#tags.of(tag, tag) >= requestTime);
  }
}

/** The latest moment by hash; those forgotten, oldest first, by bucket. */
class Moments {
  readonly #known = new Map<number, { readonly at: number; readonly bucket: number }>();
  readonly #forgotten = new Float64Array(BUCKETS).fill(NEVER);
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  set(hash: number, bucketHash: number, at: number): void {
    this.#known.delete(hash);
    this.#known.set(hash, { at, bucket: bucketHash % BUCKETS });
    if (this.#known.size <= this.#limit) return;
    for (const [oldest, moment] of this.#known) {
      this.#known.delete(oldest);
      this.#forgotten[moment.bucket] = Math.max(this.#forgotten[moment.bucket] ?? NEVER, moment.at);
      return;
    }
  }

  of(hash: number, bucketHash: number): number {
    const forgotten = this.#forgotten[bucketHash % BUCKETS] ?? NEVER;
    return Math.max(this.#known.get(hash)?.at ?? NEVER, forgotten);
  }
}

function pathHash(target: string): number {
  return hashText(target.split("?", 1)[0] ?? target);
}
