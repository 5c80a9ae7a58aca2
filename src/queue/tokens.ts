/**
 * What a gate may give away. The cap lives here and nowhere else: admissions and
 * grants to isolates come out of one bucket, and a rate that is lent is missing
 * from it until it is back.
 */
import { type Bucket, msUntil, refill, type Share, shareOf, startBucket } from "./bucket.ts";
import { Grants } from "./grants.ts";
import { type Plan, Plans } from "./plans.ts";
import type { RoomConfig } from "./room-config.ts";
import type { ToldRate } from "./messages.ts";

/** Where the number of gates changed or differs, a share grows only when every gate has heard of it. */
const HEARD_AFTER_MS = 6000;
/** Longest wait that is told. */
const LONGEST_MS = 3_600_000;
const NOTHING: Share = { perSecond: 0, burst: 1 };

/** What a gate knows from before it started. */
export interface Past {
  /** ms; when it last gave a token away; null: never. */
  readonly lastUsedAt: number | null;
  /** As it heard them lately. */
  readonly plans: readonly Plan[];
}

export const NO_PAST: Past = { lastUsedAt: null, plans: [] };

export class Tokens {
  #config: RoomConfig;
  #share: Share;
  #bucket: Bucket;
  readonly #grants = new Grants();
  readonly #plans: Plans;
  /** ms; since when the gate listens whether others share N otherwise. */
  #listensFrom = -Infinity;
  /** N as the room object told it, where it is automatic. */
  #told: ToldRate | null = null;

  constructor(config: RoomConfig, { lastUsedAt, plans }: Past, now: number) {
    this.#config = config;
    this.#plans = new Plans(config, plans, now);
    const settled = now >= this.#settledAt;
    this.#share = settled ? this.#target(now) : NOTHING;
    this.#bucket = settled ? startBucket(this.#share, lastUsedAt, now) : { tokens: 0, at: now };
  }

  get share(): Share {
    return this.#share;
  }

  /** Another configuration is in force. */
  adopt(config: RoomConfig, now: number): void {
    this.#refill(now);
    if (config.version !== this.#config.version) this.#grants.settle(now);
    this.#plans.hear(config, now);
    this.#config = config;
    this.#reshare(now);
  }

  /** Others may share N among another number of gates and not know of this one: gives nothing until they do. */
  listen(now: number): void {
    this.#listensFrom = now;
    this.#share = NOTHING;
    this.#bucket = { tokens: 0, at: Math.max(now, this.#bucket.at) };
  }

  /** N has changed with the replicas. Shares are apart, so a gate need not wait for the others: less holds at once, more as it hears. */
  follow(told: ToldRate, now: number): void {
    if (told.at < (this.#told?.at ?? 0)) return;
    this.#refill(now);
    this.#told = told;
    this.#reshare(now);
  }

  /** Tokens there are at `now`. */
  at(now: number): number {
    this.#refill(now);
    this.#reshare(now);
    return this.#bucket.tokens;
  }

  /** Gives one away, which `at` said is there. */
  take(): void {
    this.#bucket = { ...this.#bucket, tokens: this.#bucket.tokens - 1 };
  }

  /** ms until there are so many. */
  msUntil(tokens: number): number {
    const settles = this.#settledAt - this.#bucket.at;
    if (this.#share.perSecond === 0 && settles > 0) return settles;
    return Math.min(LONGEST_MS, msUntil(this.#bucket, this.#share, tokens));
  }

  /** Lets an isolate have its part of the rate until `until`; its first admission is paid for here. */
  lend(isolate: string, until: number, now: number): boolean {
    const there = this.at(now);
    const continued = this.#grants.has(isolate, now) && this.#config.phase === "open";
    if (!continued && (there < 1 || !this.#grants.mayIssue(this.#config, now))) return false;
    if (!continued) this.take();
    this.restoreGrant(isolate, until, now);
    return true;
  }

  giveBack(isolate: string, now: number): void {
    this.#refill(now);
    this.#grants.giveBack(isolate);
    this.#reshare(now);
  }

  /** A grant from before the gate started. */
  restoreGrant(isolate: string, until: number, now: number): void {
    this.#refill(now);
    this.#grants.hold(isolate, until);
    this.#reshare(now);
  }

  #refill(now: number): void {
    this.#bucket = refill(this.#bucket, this.#share, now);
  }

  #reshare(now: number): void {
    const target = this.#target(now);
    const grows = target.perSecond > this.#share.perSecond;
    if (!grows || now >= this.#settledAt) this.#share = target;
    this.#bucket = { ...this.#bucket, tokens: Math.min(this.#bucket.tokens, this.#share.burst) };
  }

  /** ms; from when on each gate has heard how many they are. */
  get #settledAt(): number {
    return Math.max(this.#config.resharedAt, this.#listensFrom) + HEARD_AFTER_MS;
  }

  /** The smallest share of all plans that are followed. */
  #target(now: number): Share {
    const lent = this.#grants.perMinute(this.#config, now);
    const shares = this.#plans.at(now).map((plan) => {
      const rate = plan.perReplica === null ? plan.perMinute : (this.#told?.perMinute ?? plan.perMinute);
      return shareOf(Math.max(0, rate - plan.gates * lent), plan.gates);
    });
    return shares.reduce((least, share) => (share.perSecond < least.perSecond ? share : least));
  }
}
