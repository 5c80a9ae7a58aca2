/**
 * Visitors whom the watermark lets come though the count of the line says that
 * their turn is far off. It may be right (those before them have left, and tokens
 * pile up) or quite wrong; so an isolate sends a few of them, apart in time, and
 * no crowd of all isolates at once.
 */
import { peopleAhead } from "./estimate.ts";
import { holdsAtGate } from "./keeper.ts";
import type { RoomConfig } from "./room-config.ts";
import type { RoomSnapshot } from "./messages.ts";

/** More seconds' worth of people than this before somebody is far off: a few times what the watermark calls ahead. */
const FAR_SECONDS = 10;
/** An isolate sends one such visitor in so many intervals of its reports: these grow with the number of isolates. */
const REPORTS_APART = 4;

export class Probes {
  readonly #nextAt = new Map<string, number>();

  /** Whether the visitor at `place` may ask his gate at `now`. @param random 0 to 1 */
  may(config: RoomConfig, snapshot: RoomSnapshot, place: number, random: number, now: number): boolean {
    if (holdsAtGate(config) || !isFar(snapshot, place, now)) return true;
    const apart = REPORTS_APART * snapshot.reportEveryMs;
    const nextAt = this.#nextAt.get(config.room) ?? -Infinity;
    if (now < nextAt) return false;
    // The first for a while: all isolates may meet theirs in the same moment.
    const begins = now > nextAt + apart;
    this.#nextAt.set(config.room, now + (begins ? random : 1) * apart);
    return !begins;
  }
}

function isFar({ table, perMinute, at }: RoomSnapshot, place: number, now: number): boolean {
  const perSecond = perMinute / 61;
  const cameIn = (perSecond * Math.max(0, now - at)) / 1000;
  return peopleAhead(table, place) - cameIn > perSecond * FAR_SECONDS;
}
