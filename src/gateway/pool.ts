/**
 * What one isolate knows of one origin: the standing of its zones, its breaker and
 * its retry budget. Holds plain data only (never a promise or a stream of a
 * request), changed by the pure machines of zones, breaker and retry.
 */
import { type Admission, type Breaker, CLOSED, abandon, admit, settle } from "./breaker.ts";
import type { GatewayEvent, TryFailure } from "./events.ts";
import type { OriginPolicy } from "./compiled.ts";
import { type RetryBudget, earn, spend } from "./retry.ts";
import { SOUND, type Standings, beginTrial, chooseZone, zoneFailed, zoneSucceeded } from "./zones.ts";

/** One address of an origin. */
export interface Zone {
  readonly name: string;
  /** The origin's own URL, as it may appear in its redirects. */
  readonly origin: string;
  /**
   * What requests are sent under, scheme and authority without a path: the public
   * one where `fetch` is a binding that keeps the URL's host as Host, the zone's
   * own elsewhere.
   */
  readonly base: string;
  fetch(url: string, init: RequestInit): Promise<Response>;
}

export interface GatewayDeps {
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Told of everything the gateway counts; must not throw. */
  readonly observe: (event: GatewayEvent) => void;
}

export class Pool {
  readonly name: string;
  readonly zones: readonly Zone[];
  readonly policy: OriginPolicy;
  readonly deps: GatewayDeps;
  #standings: Standings;
  #breaker: Breaker = CLOSED;
  #budget: RetryBudget;

  constructor(name: string, zones: readonly Zone[], policy: OriginPolicy, deps: GatewayDeps) {
    this.name = name;
    this.zones = zones;
    this.policy = policy;
    this.deps = deps;
    this.#standings = zones.map(() => SOUND);
    this.#budget = policy.retryReserve;
  }

  /** Lets a request in, or tells in how many ms to come again. */
  admit(now: number, deadlineMs: number): Admission {
    const admission = admit(this.#breaker, now, deadlineMs);
    this.#breaker = admission.breaker;
    if (admission.verdict !== "refuse")
      this.#budget = earn(this.#budget, this.policy.retryPercent, this.policy.retryReserve);
    return admission;
  }

  /** The request that was let in ended without telling anything of the origin. */
  abandon({ breaker }: Admission, now: number): void {
    this.#breaker = abandon(this.#breaker, breaker, now);
  }

  /** The zone for a request's first try; undefined only where the origin has none. */
  first(repeatable: boolean, now: number, tryMs: number): Zone | undefined {
    return this.#choose([], repeatable, now, tryMs);
  }

  /** Whether a second try may follow one that fails, so that the first is given less time. */
  hasAlternative(): boolean {
    return this.zones.length > 1 && spend(this.#budget) !== undefined;
  }

  /**
   * The zone for the second and last try, paid from the budget: another one, or
   * where there is only one the same again after a lost connection (an idle
   * connection that the origin closed at that moment looks like that).
   */
  second(failed: Zone, failure: TryFailure, now: number, tryMs: number): Zone | undefined {
    const tried = this.zones.length > 1 ? [this.zones.indexOf(failed)] : [];
    if (this.zones.length === 1 && failure !== "no-answer") return undefined;
    const rest = spend(this.#budget);
    if (rest === undefined) {
      this.deps.observe({ kind: "retry-refused", zone: failed.name, failure });
      return undefined;
    }
    this.#budget = rest;
    this.deps.observe({ kind: "retry", zone: failed.name, failure });
    return this.#choose(tried, true, now, tryMs);
  }

  /** One try's outcome, for the zone. */
  judgeZone(zone: Zone, ok: boolean, now: number): void {
    const index = this.zones.indexOf(zone);
    const wasOut = this.#isOut(index);
    this.#standings = ok
      ? zoneSucceeded(this.#standings, index)
      : zoneFailed(this.#standings, index, now, this.policy.eject);
    if (wasOut === this.#isOut(index)) return;
    this.deps.observe({ kind: wasOut ? "zone-restored" : "zone-ejected", zone: zone.name });
  }

  /** A whole request's outcome, for the breaker. */
  judgeOrigin(answered: boolean, now: number): void {
    const before = this.#breaker.state;
    this.#breaker = settle(this.#breaker, answered, now, this.policy.breaker);
    const after = this.#breaker.state;
    if (after === before || after === "half-open") return;
    this.deps.observe({ kind: after === "open" ? "breaker-opened" : "breaker-closed", origin: this.name });
  }

  #choose(tried: readonly number[], repeatable: boolean, now: number, tryMs: number): Zone | undefined {
    const choice = chooseZone(this.#standings, tried, repeatable, now, this.deps.random());
    if (choice?.trial === true) this.#standings = beginTrial(this.#standings, choice.zone, now, tryMs);
    return choice && this.zones[choice.zone];
  }

  #isOut(index: number): boolean {
    return (this.#standings[index]?.ejectedUntil ?? 0) > 0;
  }
}
