/** What operators may change while the room runs, checked: the meaning of the JSON that the control plane stores for a room. */
import * as z from "zod"; // the namespace: `{ z }` would bring all of its languages along
import {
  gatesInUse,
  type Rate,
  type RoomEvent,
  type RoomPolicy,
  type RoomSettings,
  type RoomState,
} from "./room-config.ts";

const STATES = ["open", "queue-all", "hold", "suspended", "sold-out"] as const satisfies readonly RoomState[];
const MAX_PER_MINUTE = 10_000_000;
const UNITS: Readonly<Record<string, number>> = { s: 60, sec: 60, second: 60, m: 1, min: 1, minute: 1 };
const DURATION: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `600/min`, `10/s` or a number a minute, as admissions in any sliding 60 s. */
export const rateSchema = z.union([z.string(), z.number()]).transform((text, context) => {
  const [, amount = "", unit = "min"] = /^(-?[\d.]+)(?:\s*\/\s*([a-z]+))?$/.exec(String(text).trim()) ?? [];
  const perMinute = Number(amount || Number.NaN) * (UNITS[unit] ?? Number.NaN);
  const fault = rateFault(perMinute);
  if (fault === null) return Math.floor(perMinute);
  context.addIssue({ code: "custom", message: fault });
  return z.NEVER;
});

function rateFault(perMinute: number): string | null {
  if (Number.isNaN(perMinute)) return "not a rate; write a number and a unit, as in 600/min or 10/s";
  if (perMinute <= 0) {
    return "a rate of 0 or less would admit nobody, ever; set a rate of 1/min or more, or the state hold";
  }
  if (perMinute < 1) return "fewer than one admission a minute; set a rate of 1/min or more";
  if (perMinute > MAX_PER_MINUTE) {
    return `more than ${MAX_PER_MINUTE} admissions a minute is no limit; set a lower rate, or the state suspended`;
  }
  return null;
}

export const DEFAULT_AUTO = { headroom: 0.8, requestsPerVisitor: 60 } as const;

/** The same, or `auto`. */
export const anyRateSchema = z.union([z.string(), z.number()]).transform((text, context): Rate => {
  if (text === "auto") return text;
  const rate = rateSchema.safeParse(text);
  if (rate.success) return rate.data;
  for (const { message } of rate.error.issues) context.addIssue({ code: "custom", message });
  return z.NEVER;
});

/** `90s`, `30m`, `2h`, `1d` in ms. */
export const durationSchema = z
  .string()
  .regex(/^\d+(?:\.\d+)?\s*[smhd]$/, "not a duration; write a number and s, m, h or d, as in 30m")
  .transform((text) => Number.parseFloat(text) * (DURATION[text.slice(-1)] ?? 0));

const instantSchema = z.iso
  .datetime({
    offset: true,
    error: "not a time with its zone; write it as 2026-11-27T10:00:00Z or 2026-11-27T10:00:00-03:00",
  })
  .transform((text) => Date.parse(text));

/** Names of rooms and events: they are part of cookie names and of tickets. */
export const nameSchema = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,39}$/,
    "not a name; use small letters, digits and hyphens, 40 at most, a letter first",
  );

export const stateSchema = z.enum(STATES, { error: `not a state; use one of ${STATES.join(", ")}` });

/** An event as people write it: `prequeue` is how long before the start the pre-queue opens. */
export const eventSchema = z
  .strictObject({
    name: nameSchema,
    prequeue: durationSchema.default(0),
    start: instantSchema,
    end: instantSchema,
    shuffle: z.boolean().default(true),
  })
  .transform((event, context): RoomEvent => {
    if (event.end <= event.start) {
      context.addIssue({
        code: "custom",
        path: ["end"],
        message: "the event ends before it starts; set a later end",
      });
    }
    return {
      name: event.name,
      prequeueAt: event.start - event.prequeue,
      startsAt: event.start,
      endsAt: event.end,
      shuffle: event.shuffle,
    };
  });

/** Body of `POST /_edge/api/rooms/<room>` without `reason` and `version`: one or more of these at once; state, rate and message `null` are the policy's again. */
export const roomChangeSchema = z
  .strictObject({
    state: stateSchema.nullable(),
    rate: anyRateSchema.nullable(),
    message: z.string().max(300, "over 300 characters; shorten it").nullable(),
    event: eventSchema,
    removeEvent: nameSchema,
  })
  .partial()
  .refine((change) => Object.keys(change).length > 0, {
    error: "changes nothing; give state, rate, message, event or removeEvent",
  });

export type RoomChange = z.output<typeof roomChangeSchema>;

export type RoomChangeResult =
  | { readonly ok: true; readonly settings: RoomSettings }
  /** `faults` are sentences for the operator. */
  | { readonly ok: false; readonly faults: readonly string[] };

/**
 * What an operator's change makes of a room's settings.
 * @param before stored settings; null: never changed
 * @param change the request's body without `reason` and `version`, unchecked
 */
export function applyRoomChange(
  policy: RoomPolicy,
  before: RoomSettings | null,
  change: unknown,
  now: number,
): RoomChangeResult {
  const parsed = roomChangeSchema.safeParse(change);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) =>
      issue.path.length > 0 ? `${issue.path.join(".")}: ${issue.message}` : issue.message,
    );
    return { ok: false, faults };
  }
  const { state, rate, message, event, removeEvent } = parsed.data;
  const events = before?.events ?? policy.events;
  if (removeEvent !== undefined && !events.some(({ name }) => name === removeEvent)) {
    return { ok: false, faults: [`removeEvent: there is no event ${removeEvent}; see "room status"`] };
  }
  if (event !== undefined && event.endsAt <= now && !events.some(({ name }) => name === event.name)) {
    return { ok: false, faults: ["event.end: the event is over already; set an end to come"] };
  }
  const kept = events.filter(({ name }) => name !== removeEvent && name !== event?.name);
  const next = event === undefined ? kept : [...kept, event].toSorted((a, b) => a.startsAt - b.startsAt);
  const overlaps = overlapFaults(next).map(({ message: text }) => text);
  if (overlaps.length > 0) return { ok: false, faults: overlaps };
  const pick = <T>(value: T | null | undefined, old: T | undefined): T | undefined =>
    value === undefined ? old : (value ?? undefined);
  const nextRate = pick(rate, before?.rate);
  const gates = (value: Rate | undefined): number => gatesInUse(policy, value ?? policy.rate);
  // Always newer than what is in force, whatever the clock says: objects adopt the newest.
  const changedAt = Math.max(now, (before?.changedAt ?? 0) + 1);
  return {
    ok: true,
    settings: {
      state: pick(state, before?.state),
      rate: nextRate,
      resharedAt: gates(nextRate) === gates(before?.rate) ? before?.resharedAt : changedAt,
      message: pick(message, before?.message),
      events: event === undefined && removeEvent === undefined ? before?.events : next,
      changedAt,
    },
  };
}

/** Events of one room that overlap, pre-queues included; `index` is of the later one in `events`. */
export function overlapFaults(events: readonly RoomEvent[]): { index: number; message: string }[] {
  return events.flatMap((event, index) =>
    events.slice(0, index).flatMap((other) => {
      if (other.name === event.name) {
        return [{ index, message: `there are two events ${event.name}; rename one` }];
      }
      if (event.prequeueAt >= other.endsAt || other.prequeueAt >= event.endsAt) return [];
      const message = `event ${event.name} overlaps ${other.name} (pre-queues included); move one of them`;
      return [{ index, message }];
    }),
  );
}
