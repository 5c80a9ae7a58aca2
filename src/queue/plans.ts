/**
 * How N is shared, as gates are told. While two deployments of the edge both serve,
 * each with a policy of its own, a gate is told now the one and now the other; with
 * the smaller share of all it heard lately, all gates together stay within the larger N.
 */
import type { RoomConfig } from "./room-config.ts";

export type Plan = Pick<RoomConfig, "perMinute" | "gates"> & {
  readonly auto: boolean;
  /** ms; when a gate was last told. */
  readonly heardAt: number;
};

/** What was admitted by a plan counts for a minute, and clocks differ. */
const HEARD_FOR_MS = 66_000;

export class Plans {
  /** The latest is the last. */
  #heard: readonly Plan[];

  /** @param heard before the gate started */
  constructor(config: RoomConfig, heard: readonly Plan[], now: number) {
    this.#heard = heard;
    this.hear(config, now);
  }

  hear(config: RoomConfig, now: number): void {
    const plan = planOf(config, now);
    this.#heard = [...this.#heard.filter((other) => !samePlan(other, plan) && lately(other, now)), plan];
  }

  /** An operator decided: his word replaces that of one deployment at once, but not that of several. */
  replace(config: RoomConfig, now: number): void {
    if (this.at(now).length === 1) this.#heard = [];
    this.hear(config, now);
  }

  /** Those heard lately, the latest whenever that was. */
  at(now: number): readonly Plan[] {
    if (this.#heard.length > 1) {
      const latest = this.#heard.at(-1);
      this.#heard = this.#heard.filter((plan) => plan === latest || lately(plan, now));
    }
    return this.#heard;
  }
}

export function planOf({ perMinute, gates, auto }: RoomConfig, heardAt: number): Plan {
  return { perMinute, gates, auto: auto !== null, heardAt };
}

export function samePlan(a: Plan, b: Plan): boolean {
  return a.perMinute === b.perMinute && a.gates === b.gates && a.auto === b.auto;
}

function lately({ heardAt }: Plan, now: number): boolean {
  return now - heardAt <= HEARD_FOR_MS;
}
