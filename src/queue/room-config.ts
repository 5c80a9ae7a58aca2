/** What a waiting room is, as compiled from rules/queue.yaml, and what is in force at a given time. Times are ms since the epoch. */

export type RoomState = "open" | "queue-all" | "hold" | "suspended" | "sold-out";

/** A sale with a start: visitors of the pre-queue are drawn by lot (`shuffle`) or kept in order of arrival. */
export interface RoomEvent {
  readonly name: string;
  readonly prequeueAt: number;
  readonly startsAt: number;
  readonly endsAt: number;
  readonly shuffle: boolean;
}

/** A path of a room: exact, or everything that starts with it. */
export interface PathPattern {
  /** As canonical paths have it. */
  readonly text: string;
  /** As folded ones have it: see `CanonicalTarget`. */
  readonly folded: string;
  readonly prefix: boolean;
}

export type Rate = number | "auto";

/** How `rate: auto` follows the storefront. */
export interface AutoRate {
  /** Part of what the replicas carry that shoppers of the room may use. */
  readonly headroom: number;
  /** Requests to the storefront that a visitor makes, on average. */
  readonly requestsPerVisitor: number;
}

/** The autoscaled storefront. */
export interface Capacity {
  /** Requests a second that one replica is meant to carry. */
  readonly threshold: number;
  readonly replicasMin: number;
}

export interface RoomPolicy {
  readonly name: string;
  readonly title: string;
  readonly paths: readonly PathPattern[];
  readonly bypass: readonly PathPattern[];
  readonly state: RoomState;
  /** N: admissions in any sliding 60 s; `auto` follows the replicas that are ready. */
  readonly rate: Rate;
  readonly auto: AutoRate;
  /** What the blueprint says of the storefront; none where the room stands alone, as in tests. */
  readonly capacity?: Capacity;
  /** Newcomers an isolate lets in a minute without asking a gate, while the room is open and nobody waits. */
  readonly freePerIsolate: number;
  /** Gates the room has at most; fewer are used where N is too small to share. */
  readonly gates: number;
  /** Passes valid at once; null: no such cap. */
  readonly activeCap: number | null;
  /** A pass ends after this long without a request... */
  readonly passIdleMs: number;
  /** ...and after this long whatever happens. */
  readonly passMaxMs: number;
  /** How long a place is kept for somebody who does not come back. */
  readonly returnWithinMs: number;
  /** New tickets a minute for one address (one /64 of IPv6), in one isolate. */
  readonly ticketsPerAddress: number;
  readonly statusPage: number;
  readonly statusJson: number;
  readonly events: readonly RoomEvent[];
}

export interface CompiledQueuePolicy {
  readonly rooms: readonly RoomPolicy[];
  readonly page: PageTemplate;
}

/** The store's waiting page with `{{placeholders}}`, and the CSP that lets exactly its own script and style run. */
export interface PageTemplate {
  readonly html: string;
  readonly csp: string;
}

/** What operators have decided over the policy; stored opaquely by the control plane. */
export interface RoomSettings {
  readonly state?: RoomState | undefined;
  readonly rate?: Rate | undefined;
  /** ms; when a rate was set that changed the number of gates in use. */
  readonly resharedAt?: number | undefined;
  /** Replaces the policy's events. */
  readonly events?: readonly RoomEvent[] | undefined;
  /** Said on the waiting page. */
  readonly message?: string | undefined;
  readonly changedAt: number;
}

/** What visitors meet: the room's state, or the part of an event that is going on. */
export type RoomPhase = RoomState | "pre-queue" | "event";

/** Whether the line moves. */
export function admits(phase: RoomPhase): boolean {
  return phase === "open" || phase === "event" || phase === "queue-all";
}

/** All that decides about a request, from policy, operators and the time. Gates and the room object get it with each call. */
export interface RoomConfig {
  readonly room: string;
  /** Newer wins in the objects. */
  readonly version: number;
  /** Tickets and passes belong to one epoch: the last event that began, or "0". */
  readonly epoch: string;
  readonly phase: RoomPhase;
  /** N; where it is automatic, what the fewest replicas carry. */
  readonly perMinute: number;
  /** null: N is the number above. */
  readonly auto: { readonly perReplica: number; readonly leastReplicas: number } | null;
  /** Newcomers a minute that an isolate may let in by itself, of what a gate grants it... */
  readonly freePerIsolate: number;
  /** ...where the room's gates grant anything. */
  readonly lends: boolean;
  /** Gates in use, and those the room has. */
  readonly gates: number;
  readonly mostGates: number;
  /** ms; when the number of gates in use last changed; 0: never. */
  readonly resharedAt: number;
  /** Width of a place in the count of the line, ms. */
  readonly binMs: number;
  readonly activeCap: number | null;
  readonly passIdleMs: number;
  readonly passMaxMs: number;
  /** The current event, if the epoch is one. */
  readonly event: RoomEvent | null;
}

/**
 * More gates would be carried by less, and lose less with each. But tickets fall to
 * gates by chance: the more gates, the farther they drift apart in the line, which
 * costs order, and tokens of those that run ahead.
 */
const PER_GATE = 4000;
export const MAX_GATES = 64;

/** Gates for a room of that many admissions a minute. */
export function defaultGates(perMinute: number): number {
  return Math.min(MAX_GATES, Math.max(1, Math.ceil(perMinute / PER_GATE)));
}

/** Smaller rooms ask a gate for every newcomer: a grant would be a large part of their rate. */
const FREE_FROM_PER_MINUTE = 600;
/** A gate needs one token of its own: below this many admissions a minute it is not worth having. */
const MIN_PER_GATE = 122;
/** Smaller rooms count their line by the millisecond, for its order; larger ones coarser, for its size. */
const FINE_BELOW_PER_MINUTE = 6000;

/** What is in force in `policy`'s room at `now`, with the operators' `settings` over it. */
export function roomConfig(policy: RoomPolicy, settings: RoomSettings | null, now: number): RoomConfig {
  const events = settings?.events ?? policy.events;
  const event = currentEvent(events, now);
  const rate = settings?.rate ?? policy.rate;
  const perMinute = leastOf(policy, rate);
  const changedAt = Math.max(settings?.changedAt ?? 0, event?.prequeueAt ?? 0);
  const phase = phaseAt(settings?.state ?? policy.state, event, now);
  // Who comes in without a gate's knowledge is in nobody's count of active sessions.
  const free = policy.freePerIsolate >= 1 && perMinute >= FREE_FROM_PER_MINUTE && policy.activeCap === null;
  return {
    room: policy.name,
    version: changedAt,
    epoch: event?.name ?? "0",
    phase,
    perMinute,
    auto: rate === "auto" ? { perReplica: perReplica(policy), leastReplicas: leastReplicas(policy) } : null,
    freePerIsolate: policy.freePerIsolate,
    lends: free,
    gates: gatesInUse(policy, rate),
    mostGates: policy.gates,
    resharedAt: settings?.resharedAt ?? 0,
    binMs: leastOf(policy, policy.rate) < FINE_BELOW_PER_MINUTE ? 1 : 100,
    activeCap: policy.activeCap,
    passIdleMs: policy.passIdleMs,
    passMaxMs: policy.passMaxMs,
    event,
  };
}

/** Gates that share a rate: each needs tokens of its own. An automatic rate keeps its gates while it moves. */
export function gatesInUse(policy: RoomPolicy, rate: Rate): number {
  return Math.max(1, Math.min(policy.gates, Math.floor(leastOf(policy, rate) / MIN_PER_GATE)));
}

/** The room with what the blueprint says of the storefront. */
export function withCapacity(policy: RoomPolicy, capacity: Capacity): RoomPolicy {
  return { ...policy, capacity };
}

/** Admissions a minute that so many replicas carry. @param each what one carries */
export function automaticRate(each: number, replicas: number): number {
  return Math.max(1, Math.floor(each * replicas));
}

function leastOf(policy: RoomPolicy, rate: Rate): number {
  return rate === "auto" ? automaticRate(perReplica(policy), leastReplicas(policy)) : rate;
}

/** Admissions a minute for each replica: what it carries, over what a visitor asks of it. */
function perReplica({ auto, capacity }: RoomPolicy): number {
  return ((capacity?.threshold ?? 0) * auto.headroom * 60) / auto.requestsPerVisitor;
}

function leastReplicas({ capacity }: RoomPolicy): number {
  return capacity?.replicasMin ?? 1;
}

/** The last event whose pre-queue has begun; its epoch outlasts its end, so that nobody in line is thrown out by it. */
function currentEvent(events: readonly RoomEvent[], now: number): RoomEvent | null {
  return events.reduce<RoomEvent | null>(
    (last, event) =>
      event.prequeueAt <= now && event.prequeueAt > (last?.prequeueAt ?? -Infinity) ? event : last,
    null,
  );
}

function phaseAt(state: RoomState, event: RoomEvent | null, now: number): RoomPhase {
  if (state !== "open" || event === null || now >= event.endsAt) return state;
  return now < event.startsAt ? "pre-queue" : "event";
}

/** A path in both of its readings: as it is passed on, and as the most lenient server would read it. */
interface Target {
  readonly path: string;
  readonly foldedPath: string;
}

/**
 * The room of a path: the one with the longest pattern; null where none has it or its
 * bypass does. Nobody walks round a room by another spelling: either reading of the
 * path makes it the room's, and only both let it pass by.
 */
export function roomOf(rooms: readonly RoomPolicy[], target: Target): RoomPolicy | null {
  let found: RoomPolicy | null = null;
  let length = -1;
  for (const room of rooms) {
    for (const pattern of room.paths) {
      if (pattern.text.length > length && (isAsPassedOn(pattern, target) || isAsFolded(pattern, target))) {
        found = room;
        length = pattern.text.length;
      }
    }
  }
  const passes = (pattern: PathPattern): boolean =>
    isAsPassedOn(pattern, target) && isAsFolded(pattern, target);
  return found?.bypass.some(passes) ? null : found;
}

function isAsPassedOn({ text, prefix }: PathPattern, { path }: Target): boolean {
  return prefix ? path.startsWith(text) : path === text;
}

function isAsFolded({ folded, prefix }: PathPattern, { foldedPath }: Target): boolean {
  return prefix ? foldedPath.startsWith(folded) : foldedPath === folded;
}
