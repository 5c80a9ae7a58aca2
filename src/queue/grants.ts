/**
 * Parts of a gate's rate that isolates hold for a while, so that newcomers to an
 * open room cost no call. The gate goes without what it granted, whatever becomes
 * of the isolate: the cap needs no trust in how many isolates there are.
 */
import { type Bucket, refill, shareOf, startBucket } from "./bucket.ts";
import type { RoomConfig } from "./room-config.ts";

export const GRANT_MS = 600_000;
/** Isolates with an older configuration go on with their grants for so long. */
const SETTLE_MS = 6000;
/** The gate keeps this part of its rate for those who ask it. */
const KEPT_PART = 0.5;

export class Grants {
  readonly #until = new Map<string, number>();

  /** Admissions a minute that are out of the gate's hands at `now`. */
  perMinute(config: RoomConfig, now: number): number {
    for (const [isolate, until] of this.#until) if (until <= now) this.#until.delete(isolate);
    return this.#until.size * config.freePerIsolate;
  }

  /** Whether another isolate may have its part. */
  mayIssue(config: RoomConfig, now: number): boolean {
    if (config.phase !== "open" || !config.lends) return false;
    const own = config.perMinute / config.gates;
    return this.perMinute(config, now) + config.freePerIsolate <= own * KEPT_PART;
  }

  has(isolate: string, now: number): boolean {
    return (this.#until.get(isolate) ?? 0) > now;
  }

  hold(isolate: string, until: number): void {
    this.#until.set(isolate, until);
  }

  giveBack(isolate: string): void {
    this.#until.delete(isolate);
  }

  /** Another configuration is in force: what was granted under the old one ends as soon as all have heard. */
  settle(now: number): void {
    for (const [isolate, until] of this.#until) this.#until.set(isolate, Math.min(until, now + SETTLE_MS));
  }
}

/** A grant at the isolate that holds it. */
export class Grant {
  readonly version: number;
  readonly #until: number;
  #bucket: Bucket;

  /**
   * @param askedAt ms, by the isolate's clock, before it asked: so it ends here before it ends at the gate
   * @param before the grant that this one continues
   */
  constructor(config: RoomConfig, askedAt: number, ms: number, before: Grant | null) {
    const fresh = startBucket(shareOf(config.freePerIsolate, 1), null, askedAt);
    this.version = config.version;
    this.#until = askedAt + ms;
    this.#bucket = before?.version === config.version ? before.#bucket : fresh;
  }

  /** Takes an admission; false where none is left. */
  take(config: RoomConfig, now: number): boolean {
    if (!this.holds(config, now)) return false;
    this.#bucket = refill(this.#bucket, shareOf(config.freePerIsolate, 1), now);
    if (this.#bucket.tokens < 1) return false;
    this.#bucket = { ...this.#bucket, tokens: this.#bucket.tokens - 1 };
    return true;
  }

  holds(config: RoomConfig, now: number): boolean {
    return this.version === config.version && now < this.#until;
  }

  /** Whether it is time to ask for more. */
  ends(now: number): boolean {
    return this.#until - now < GRANT_MS / 4;
  }
}
