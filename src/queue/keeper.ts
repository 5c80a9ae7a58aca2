/** What a gate decides: pure, the object around it stores and waits. */
import { shareOf } from "./bucket.ts";
import { pollAfterMs } from "./estimate.ts";
import type { Delta } from "./histogram.ts";
import { GateLine } from "./line.ts";
import type { RoomConfig } from "./room-config.ts";
import { passEnd } from "./ticket.ts";
import { NO_PAST, type Past, Tokens } from "./tokens.ts";
import type { Ask, GateWait, GateReport, Revocation, ToldRate } from "./messages.ts";

export type Decision =
  | { readonly kind: "admit" }
  /** His turn is near: the request stays at the gate, and is decided again after `ms`. */
  | { readonly kind: "hold"; readonly ms: number }
  /** No token yet. */
  | GateWait;

/** Rooms up to this many tokens a second for a gate hold visitors until their turn: there asks are too rare to meet each token. */
const HOLDS_UP_TO_PER_SECOND = 20;
export const HOLD_MS = 4000;
/** Tokens kept for earlier visitors are a third of the bucket at most: it must not run over while they do not come. */
const KEPT_PART = 3;
/** A place this many times farther back than those admitted usually lie apart is let in only where tokens pile up to this part of the bucket. */
const FAR_SPREADS = 2.5;
const FAR_PART = 0.6;
/** Whoever stands behind so many seconds' worth of tokens need not ask for as long. */
const CALLED_SECONDS = 3;
const LOOK_AGAIN_MS = 150;
/** From how long before they are due until how long after it visitors are waited for; longer where few are let in, and order is of people, not of crowds. */
const WAITED_FOR = { soonMs: 300, lateMs: 1000 };
const FEW_WAITED_FOR = { soonMs: 1000, lateMs: 2500 };
/** A gate that tells nobody when to come back reckons with this at most. */
const BACK_WITHIN_MS = 3000;
const MAX_DELTAS = 50_000;

/** Whether the room's gates hold visitors until their turn; such a gate should know who is coming. */
export function holdsAtGate(config: RoomConfig): boolean {
  return shareOf(config.perMinute, config.gates).perSecond <= HOLDS_UP_TO_PER_SECOND;
}

export class GateKeeper {
  readonly #index: number;
  readonly #line = new GateLine();
  #config: RoomConfig;
  readonly #tokens: Tokens;
  #deltas: Delta[] = [];
  #batches = 0;
  #asks = 0;
  #admitted = 0;
  #placesAdmitted = 0;
  #revoked: Revocation[] = [];
  /** Where the line has come to at this gate: mean place of those admitted lately, and how far they lie from it. */
  #front: { readonly place: number; readonly spread: number } | null = null;
  #reportedAt: number;
  /** Expiry by pass; kept only where the room caps them. */
  readonly #active = new Map<string, number>();

  constructor(index: number, config: RoomConfig, past: Partial<Past>, now: number) {
    this.#index = index;
    this.#config = config;
    this.#tokens = new Tokens(config, { ...NO_PAST, ...past }, now);
    this.#reportedAt = now;
  }

  /** Takes over a configuration that is not older. */
  adopt(config: RoomConfig, now: number): void {
    if (config.version < this.#config.version) return;
    this.#tokens.adopt(config, now);
    this.#config = config;
  }

  /** Others may share N otherwise and not know of this gate. */
  listen(now: number): void {
    this.#tokens.listen(now);
  }

  /**
   * Decides about one visitor; an admission takes its token here, before anybody hears of it.
   * @param since ms; when his request came to the gate
   */
  decide(ask: Ask, now: number, since = now): Decision {
    this.#asks += 1;
    const tokens = this.#tokens.at(now);
    const { burst } = this.#tokens.share;
    const enough = Math.max(1, Math.floor(burst / KEPT_PART));
    const { soonMs } = this.#waitedFor;
    const { expected: kept, all } = this.#line.before(ask.key, ask.id, now, { soonMs, enough });
    const shut = this.#shutUntil(now);
    const needed = ask.key > this.#farFrom() ? Math.max(1 + kept, FAR_PART * burst) : 1 + kept;
    if (ask.early !== true && shut <= now && tokens >= needed) {
      this.#advance(ask.key);
      this.#tokens.take();
      this.#admitted += 1;
      this.#placesAdmitted += ask.key;
      this.#line.leave(ask.id);
      if (ask.counted !== null) this.#note([[ask.counted.bin, ask.counted.due, -1]]);
      if (this.#config.activeCap !== null) this.#active.set(ask.id, passEnd(this.#config, now, now));
      return { kind: "admit" };
    }
    const afterMs = Math.max(shut - now, this.#tokens.msUntil(1 + all), 20);
    // Somebody for whom a token is kept may turn out to have left: looked at again soon.
    const token = kept > 0 ? LOOK_AGAIN_MS : this.#tokens.msUntil(1);
    const ms = Math.max(shut - now, token, 20);
    if (ask.patient && this.#fewAtATime && afterMs <= HOLD_MS && now + ms <= since + HOLD_MS) {
      this.#stand(ask, now, true);
      return { kind: "hold", ms };
    }
    const backMs = holdsAtGate(this.#config) ? pollAfterMs(afterMs, 1) : null;
    this.#stand(ask, now + (backMs ?? Math.min(afterMs, BACK_WITHIN_MS)), false);
    const beyond = Math.min(ask.key, this.#calledTo());
    return { kind: "wait", afterMs, ahead: all, beyond, backMs, heldMs: now - since };
  }

  /** The place up to which those who stand here, or should, take the tokens of the next seconds. */
  #calledTo(): number {
    if (holdsAtGate(this.#config)) return Infinity;
    return this.#line.placeOf(Math.ceil(this.#tokens.share.perSecond * CALLED_SECONDS)) ?? this.#farFrom();
  }

  /** From which place on somebody is far behind those admitted lately, so that earlier ones are probably on the way. */
  #farFrom(): number {
    return this.#front === null ? Infinity : this.#front.place + FAR_SPREADS * this.#front.spread;
  }

  #advance(key: number): void {
    const front = this.#front ?? { place: key, spread: 0 };
    const weight = 1 / Math.max(10, 2 * this.#tokens.share.perSecond);
    this.#front = {
      place: front.place + (key - front.place) * weight,
      spread: front.spread + (Math.abs(key - front.place) - front.spread) * weight,
    };
  }

  get #fewAtATime(): boolean {
    return this.#tokens.share.perSecond <= HOLDS_UP_TO_PER_SECOND;
  }

  get #waitedFor(): { readonly soonMs: number; readonly lateMs: number } {
    return holdsAtGate(this.#config) ? FEW_WAITED_FOR : WAITED_FOR;
  }

  #stand({ id, key }: Ask, dueAt: number, held: boolean): void {
    this.#line.stand({ id, key, dueAt, keptUntil: dueAt + this.#waitedFor.lateMs, held });
  }

  /** Counts of the line that an isolate collected. */
  collect(deltas: readonly Delta[]): void {
    this.#batches += 1;
    this.#note(deltas);
  }

  /** A pass now expires at `expiresAt`; 0: its visitor is done. Only of interest where passes are capped. */
  prolong(id: string, expiresAt: number): void {
    if (this.#active.has(id)) this.#active.set(id, expiresAt);
  }

  /** Copies of a pass were seen, or it ended: everybody should know. */
  revoke(id: string, before: number): void {
    this.#revoked.push([id, before]);
  }

  /** Lets an isolate have its part of the rate, while nobody stands here. */
  lend(isolate: string, until: number, now: number): boolean {
    return this.#line.size === 0 && this.#tokens.lend(isolate, until, now);
  }

  /** N has changed with the replicas. */
  follow(told: ToldRate, now: number): void {
    this.#tokens.follow(told, now);
  }

  giveBack(isolate: string, now: number): void {
    this.#tokens.giveBack(isolate, now);
  }

  /** A grant from before the object started. */
  restoreGrant(isolate: string, until: number, now: number): void {
    this.#tokens.restoreGrant(isolate, until, now);
  }

  /** A pass from before the object started. */
  restore(id: string, expiresAt: number): void {
    if (this.#config.activeCap !== null) this.#active.set(id, expiresAt);
  }

  /** What is to be told to the room object; from then on the next report begins. */
  report(now: number): GateReport {
    const seconds = Math.max(0, now - this.#reportedAt) / 1000;
    const report = {
      gate: this.#index,
      deltas: this.#deltas,
      batches: this.#batches,
      asks: this.#asks,
      admitted: this.#admitted,
      reached: this.#admitted === 0 ? null : this.#placesAdmitted / this.#admitted,
      possible: this.#shutUntil(now) > now ? this.#admitted : seconds * this.#tokens.share.perSecond,
      active: this.#activeAt(now),
      revoked: this.#revoked,
    };
    this.#deltas = [];
    this.#revoked = [];
    this.#batches = 0;
    this.#asks = 0;
    this.#admitted = 0;
    this.#placesAdmitted = 0;
    this.#reportedAt = Math.max(now, this.#reportedAt);
    return report;
  }

  /** When the gate may admit again: the event's start, or when a pass of a full room ends. */
  #shutUntil(now: number): number {
    const { phase, event, activeCap, gates } = this.#config;
    if (phase === "hold" || phase === "sold-out") return now + 5000;
    if (event !== null && phase === "pre-queue" && now < event.startsAt) return event.startsAt;
    return activeCap !== null && this.#activeAt(now) >= Math.max(1, Math.floor(activeCap / gates))
      ? now + 1000
      : now;
  }

  #activeAt(now: number): number {
    for (const [id, expiresAt] of this.#active) if (expiresAt <= now) this.#active.delete(id);
    return this.#active.size;
  }

  #note(deltas: readonly Delta[]): void {
    if (this.#deltas.length + deltas.length <= MAX_DELTAS) this.#deltas.push(...deltas);
  }
}
