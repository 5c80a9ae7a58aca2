/** The rooms as operators see and change them. */
import type { Ports } from "./ports.ts";
import {
  type RoomConfig,
  roomConfig,
  type RoomEvent,
  type RoomPolicy,
  type RoomSettings,
} from "./room-config.ts";
import type { RoomSnapshot } from "./messages.ts";

export interface RoomDesk {
  /** A room as operators see it; null where there is none of that name. */
  status(room: string, settings: Readonly<Record<string, unknown>>, now: number): Promise<RoomStatus | null>;
  list(settings: Readonly<Record<string, unknown>>): Promise<readonly RoomStatus[]>;
  next(
    room: string,
    current: unknown,
    input: unknown,
    now: number,
  ): Promise<
    | { readonly value: RoomSettings }
    | { readonly refused: string }
    /** There is no such room. */
    | { readonly unknown: string }
  >;
  /** So many replicas of the storefront are ready: rooms with `rate: auto` follow. */
  ready(replicas: number, settings: Readonly<Record<string, unknown>>, now: number): Promise<void>;
}

export interface EventStatus {
  readonly name: string;
  readonly startsAt: string;
  readonly endsAt: string;
}

export interface RoomStatus {
  readonly room: string;
  readonly title: string;
  readonly paths: readonly string[];
  readonly phase: RoomConfig["phase"];
  /** N: the most admissions in any 60 s. */
  readonly perMinute: number;
  /** Replicas that N follows; null where it is a number. */
  readonly replicas: number | null;
  readonly changedAt: string | null;
  readonly message: string | null;
  readonly event: EventStatus | null;
  /** Events that are yet to come, their pre-queues included, the next one first. */
  readonly upcoming: readonly EventStatus[];
  /** null where the room object does not answer. */
  readonly live: {
    readonly waiting: number;
    readonly admittedLastMinute: number;
    readonly active: number;
    /** Calls a second of the busiest gate and of the room object. */
    readonly objectCalls: { readonly gate: number; readonly room: number };
    readonly arrivingPerMinute: number;
    /** Wait of somebody who comes now, seconds. */
    readonly waitSeconds: number;
    readonly commitment: string | null;
    readonly seed: string | null;
  } | null;
}

export function deskOf(rooms: readonly RoomPolicy[], ports: Ports): RoomDesk {
  const roomNamed = (name: string): RoomPolicy | undefined => rooms.find((room) => room.name === name);

  async function status(room: RoomPolicy, settings: RoomSettings | null, now: number): Promise<RoomStatus> {
    const config = roomConfig(room, settings, now);
    const snapshot = await ports
      .room(room.name)
      .read(config)
      .catch(() => null);
    const events = settings?.events ?? room.events;
    return {
      room: room.name,
      title: room.title,
      paths: room.paths.map(({ text, prefix }) => (prefix ? `${text}*` : text)),
      phase: config.phase,
      perMinute: snapshot?.perMinute ?? config.perMinute,
      replicas: config.auto === null ? null : (snapshot?.replicas ?? config.auto.leastReplicas),
      changedAt: settings === null ? null : new Date(settings.changedAt).toISOString(),
      message: settings?.message ?? null,
      event: config.event === null ? null : eventStatus(config.event),
      upcoming: events.filter(({ prequeueAt }) => prequeueAt > now).map(eventStatus),
      live: snapshot === null ? null : liveOf(snapshot),
    };
  }

  return {
    async status(name, settings, now) {
      const room = roomNamed(name);
      return room === undefined ? null : status(room, settingsOf(settings, name), now);
    },
    list(settings) {
      return Promise.all(rooms.map((room) => status(room, settingsOf(settings, room.name), Date.now())));
    },
    async next(name, current, input, now) {
      const room = roomNamed(name);
      if (room === undefined) {
        const names = rooms.map((each) => each.name).join(", ") || "none";
        return { unknown: `There is no room ${name}; the rooms are: ${names}.` };
      }
      // With the schemas of changes, which shoppers' isolates do without.
      const { applyRoomChange } = await import("./settings.ts");
      const result = applyRoomChange(room, settingsOf({ [name]: current }, name), input, now);
      return result.ok ? { value: result.settings } : { refused: result.faults.join(". ") };
    },
    async ready(replicas, settings, now) {
      const configs = rooms.map((room) => roomConfig(room, settingsOf(settings, room.name), now));
      const following = configs.filter(({ auto }) => auto !== null);
      // A room out of reach keeps its rate until the next word.
      await Promise.allSettled(following.map((config) => ports.room(config.room).ready(config, replicas)));
    },
  };
}

function eventStatus({ name, startsAt, endsAt }: RoomEvent): EventStatus {
  return { name, startsAt: new Date(startsAt).toISOString(), endsAt: new Date(endsAt).toISOString() };
}

/** The operators' settings of a room: what `applyRoomChange` made and the control plane stored. */
export function settingsOf(rooms: Readonly<Record<string, unknown>>, name: string): RoomSettings | null {
  const stored = rooms[name];
  // oxlint-disable-next-line typescript-eslint/no-unsafe-type-assertion -- only `desk.next` makes these values
  return typeof stored === "object" && stored !== null ? (stored as RoomSettings) : null;
}

function liveOf(snapshot: RoomSnapshot): RoomStatus["live"] {
  return {
    waiting: snapshot.waiting,
    admittedLastMinute: snapshot.admittedLastMinute,
    active: snapshot.active,
    objectCalls: snapshot.load,
    arrivingPerMinute: Math.round(snapshot.arriving * 60),
    waitSeconds: Math.round(snapshot.waiting / snapshot.perSecond),
    commitment: snapshot.commitment,
    seed: snapshot.seed,
  };
}
