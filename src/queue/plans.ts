/**
 * How N is shared, as gates and the room object are told. While two deployments of the
 * edge both serve, each with a policy of its own, they are told now the one and now the
 * other; with the smaller share of all it heard lately, all gates together stay within
 * the larger N.
 */
import { automaticRate, type RoomConfig } from "./room-config.ts";

export interface Plan {
  readonly perMinute: number;
  readonly gates: number;
  /** N for each replica, where it is automatic. */
  readonly perReplica: number | null;
  /** ms; when it was last told. */
  readonly heardAt: number;
}

/** What was admitted by a plan counts for a minute, and clocks differ. */
const HEARD_FOR_MS = 66_000;

export class Plans {
  /** The latest is the last. */
  #heard: readonly Plan[];
  #version: number;

  /** @param heard before the object started */
  constructor(config: RoomConfig, heard: readonly Plan[], now: number) {
    this.#heard = heard;
    this.#version = config.version;
    this.hear(config, now);
  }

  /** What is older than the latest that operators decided says nothing. */
  hear(config: RoomConfig, now: number): void {
    if (config.version < this.#version) return;
    // An operator's word replaces that of one deployment at once, but not that of several.
    if (config.version > this.#version && this.at(now).length === 1) this.#heard = [];
    this.#version = config.version;
    const plan = planOf(config, now);
    this.#heard = [...this.#heard.filter((other) => !samePlan(other, plan) && lately(other, now)), plan];
  }

  /** Those heard lately, the latest whenever that was. */
  at(now: number): readonly Plan[] {
    if (this.#heard.length > 1) {
      const latest = this.#heard.at(-1);
      this.#heard = this.#heard.filter((plan) => plan === latest || lately(plan, now));
    }
    return this.#heard;
  }

  /** Whether nobody lately shares N among another number of gates, so that shares of different plans cannot add up. */
  alone({ gates }: RoomConfig, now: number): boolean {
    return this.at(now).every((plan) => plan.gates === gates);
  }
}

export function planOf({ perMinute, gates, auto }: RoomConfig, heardAt: number): Plan {
  return { perMinute, gates, perReplica: auto?.perReplica ?? null, heardAt };
}

export function samePlan(a: Plan, b: Plan): boolean {
  return a.perMinute === b.perMinute && a.gates === b.gates && a.perReplica === b.perReplica;
}

/** N of a plan. @param replicas that are ready; null: nobody said yet */
export function rateOf({ perMinute, perReplica }: Plan, replicas: number | null): number {
  return perReplica === null || replicas === null ? perMinute : automaticRate(perReplica, replicas);
}

function lately({ heardAt }: Plan, now: number): boolean {
  return now - heardAt <= HEARD_FOR_MS;
}
