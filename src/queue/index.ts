/**
 * The waiting room's door. Fails closed towards newcomers and open towards those
 * inside: with everything down, people in line wait, passes go on working, and no
 * more than N are ever let in within any 60 s.
 */
import { prefersJson } from "../http/headers.ts";
import { gatePort, roomPort } from "./objects.ts";
import { nextPollSeconds, waitingHtml, waitingJson } from "./page.ts";
import {
  type CompiledQueuePolicy,
  type RoomConfig,
  roomConfig,
  roomOf,
  type RoomPolicy,
  type RoomSettings,
} from "./room-config.ts";
import type { RoomSnapshot } from "./room.ts";
import type { TicketKeys } from "./signing.ts";
import { languageOf, type Told } from "./texts.ts";
import type { Pass } from "./ticket.ts";
import { Line, type Ports, type Standing, type Verdict } from "./visit.ts";

export { GateObject, RoomObject } from "./objects.ts";
export type { CompiledQueuePolicy, RoomPolicy, RoomSettings } from "./room-config.ts";
export { ticketKeys, type TicketKeys } from "./signing.ts";

export interface QueueDeps {
  readonly rooms: DurableObjectNamespace;
  readonly gates: DurableObjectNamespace;
  readonly keys: TicketKeys;
  /** The site's cache; null where there is none. */
  readonly cacheApi: Cache | null;
  /** Whether visitors come over https: cookies are `__Host-` and Secure then. */
  readonly secure: boolean;
}

export interface GateInput {
  /** Canonical path. */
  readonly path: string;
  readonly method: string;
  readonly headers: Headers;
  readonly clientIp: string;
  /** The Fabric let this request in: it never waits. */
  readonly private: boolean;
  readonly verifiedBot: boolean;
}

export type BypassReason = "no-room" | "path" | "private" | "crawler" | "suspended";

export type GateOutcome =
  | { readonly kind: "bypass"; readonly room: string | null; readonly reason: BypassReason }
  | {
      readonly kind: "admitted";
      readonly room: string;
      /** True for the request that was let in just now. */
      readonly fresh: boolean;
      /** ms from ticket to admission, where `fresh`. */
      readonly waitedMs: number | null;
      readonly pass: Pass;
      readonly setCookies: readonly string[];
      /** The answer to the waiting page's own poll: to be sent as it is, nothing is to be fetched. */
      readonly response: Response | null;
    }
  | {
      readonly kind: "queued";
      readonly room: string;
      readonly reason: "waiting" | "sold-out" | "crowd";
      /** ms that the visitor is told to have before him; null: unknown. */
      readonly expectedWaitMs: number | null;
      /** Complete: to be sent as it is. */
      readonly response: Response;
    };

type WaitUntil = (work: Promise<unknown>) => void;

export interface Queue {
  /**
   * Decides about one request. Never throws.
   * @param rooms the operators' settings by room, as the control plane holds them
   */
  gate(
    input: GateInput,
    rooms: Readonly<Record<string, unknown>>,
    waitUntil: WaitUntil,
    now: number,
  ): Promise<GateOutcome>;
  /**
   * Marks the finished response of an outcome: `X-Waiting-Room`, cookies, and the
   * end of a session where the origin says `X-Waiting-Room-End: 1` (an order placed).
   */
  finish(
    outcome: GateOutcome,
    headers: Headers,
    rooms: Readonly<Record<string, unknown>>,
    waitUntil: WaitUntil,
    now: number,
  ): void;
  /** A room as operators see it; null where there is none of that name. */
  status(room: string, rooms: Readonly<Record<string, unknown>>, now: number): Promise<RoomStatus | null>;
  /** What the control plane's API needs to list and change rooms. */
  readonly desk: RoomDesk;
}

export interface RoomDesk {
  list(settings: Readonly<Record<string, unknown>>): Promise<readonly RoomStatus[]>;
  next(
    room: string,
    current: unknown,
    input: unknown,
    now: number,
  ): Promise<{ readonly value: RoomSettings } | { readonly refused: string }>;
}

export interface RoomStatus {
  readonly room: string;
  readonly title: string;
  readonly paths: readonly string[];
  readonly phase: RoomConfig["phase"];
  /** N: the most admissions in any 60 s. */
  readonly perMinute: number;
  readonly changedAt: string | null;
  readonly message: string | null;
  readonly event: { readonly name: string; readonly startsAt: string; readonly endsAt: string } | null;
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

export const WAITING_ROOM = "x-waiting-room";
const POLL = "x-waiting-room-poll";
const END = "x-waiting-room-end";

/** Makes the queue of an isolate. */
export function createQueue(policy: CompiledQueuePolicy, deps: QueueDeps): Queue {
  const ports: Ports = {
    room: (name) => roomPort(deps.rooms, name),
    gate: (room, index) => gatePort(deps.gates, room, index),
  };
  return queueOf(policy, ports, deps);
}

/** The queue on given ports: objects, or what stands for them in tests. */
export function queueOf(
  policy: CompiledQueuePolicy,
  ports: Ports,
  deps: Pick<QueueDeps, "keys" | "cacheApi" | "secure">,
): Queue {
  const line = new Line(ports, deps.keys, deps.cacheApi, deps.secure);
  const roomNamed = (name: string): RoomPolicy | undefined => policy.rooms.find((room) => room.name === name);

  async function gate(
    input: GateInput,
    rooms: Readonly<Record<string, unknown>>,
    waitUntil: WaitUntil,
    now: number,
  ): Promise<GateOutcome> {
    const room = roomOf(policy.rooms, input.path);
    if (room === null) return { kind: "bypass", room: null, reason: "no-room" };
    const settings = settingsOf(rooms, room.name);
    const config = roomConfig(room, settings, now);
    if (input.private) return { kind: "bypass", room: room.name, reason: "private" };
    if (input.verifiedBot) return { kind: "bypass", room: room.name, reason: "crawler" };
    if (config.phase === "suspended") return { kind: "bypass", room: room.name, reason: "suspended" };
    const visitor = { headers: input.headers, clientIp: input.clientIp, poll: input.headers.has(POLL) };
    const context = { policy: room, config, visitor, now, waitUntil };
    const inside = await line.inside(context);
    const told = (standing: Standing | null, admitted: boolean): Told => ({
      policy: room,
      phase: config.phase,
      event: config.event,
      standing,
      message: settings?.message ?? null,
      admitted,
      language: languageOf(input.headers.get("accept-language")),
      now,
    });
    if (inside === null && config.phase === "sold-out") {
      const response = waitingResponse(policy, input, told(null, false), []);
      return { kind: "queued", room: room.name, reason: "sold-out", expectedWaitMs: null, response };
    }
    const verdict: Verdict = inside ?? (await line.freeEntry(context)) ?? (await line.queue(context));
    switch (verdict.kind) {
      case "inside":
        return {
          kind: "admitted",
          room: room.name,
          fresh: verdict.fresh,
          waitedMs: verdict.waitedMs,
          pass: verdict.pass,
          setCookies: verdict.cookies,
          response: visitor.poll ? admittedResponse(told(null, true), verdict.cookies) : null,
        };
      case "line": {
        const { standing, cookies } = verdict;
        const expectedWaitMs = standing.turnAt === null ? null : Math.max(0, standing.turnAt - now);
        const response = waitingResponse(policy, input, told(standing, false), cookies);
        return { kind: "queued", room: room.name, reason: "waiting", expectedWaitMs, response };
      }
      case "crowd": {
        const response = crowdResponse(verdict.retryAfterS);
        return { kind: "queued", room: room.name, reason: "crowd", expectedWaitMs: null, response };
      }
      default:
        return verdict satisfies never;
    }
  }

  function finish(
    outcome: GateOutcome,
    headers: Headers,
    rooms: Readonly<Record<string, unknown>>,
    waitUntil: WaitUntil,
    now: number,
  ): void {
    const ended = headers.get(END) !== null;
    headers.delete(END);
    if (outcome.room === null) return;
    headers.set(WAITING_ROOM, outcome.kind);
    if (outcome.kind !== "admitted") return;
    const room = roomNamed(outcome.room);
    for (const cookie of ended ? [] : outcome.setCookies) headers.append("set-cookie", cookie);
    if (!ended || room === undefined) return;
    const config = roomConfig(room, settingsOf(rooms, room.name), now);
    headers.append("set-cookie", line.end(room, config, outcome.pass, waitUntil));
  }

  async function status(
    name: string,
    rooms: Readonly<Record<string, unknown>>,
    now: number,
  ): Promise<RoomStatus | null> {
    const room = roomNamed(name);
    if (room === undefined) return null;
    const settings = settingsOf(rooms, name);
    const config = roomConfig(room, settings, now);
    const live = await ports
      .room(name)
      .read(config)
      .then(liveOf, () => null);
    return {
      room: name,
      title: room.title,
      paths: room.paths.map(({ text, prefix }) => (prefix ? `${text}*` : text)),
      phase: config.phase,
      perMinute: config.perMinute,
      changedAt: settings === null ? null : new Date(settings.changedAt).toISOString(),
      message: settings?.message ?? null,
      event:
        config.event === null
          ? null
          : {
              name: config.event.name,
              startsAt: new Date(config.event.startsAt).toISOString(),
              endsAt: new Date(config.event.endsAt).toISOString(),
            },
      live,
    };
  }

  const desk: RoomDesk = {
    async list(settings) {
      const found = await Promise.all(policy.rooms.map(({ name }) => status(name, settings, Date.now())));
      return found.filter((room) => room !== null);
    },
    async next(name, _current, input, now) {
      const room = roomNamed(name);
      if (room === undefined) {
        const names = policy.rooms.map((each) => each.name).join(", ") || "none";
        return { refused: `There is no room ${name}; the rooms are: ${names}.` };
      }
      // With the schemas of changes, which shoppers' isolates do without.
      const { applyRoomChange } = await import("./settings.ts");
      const current = settingsOf({ [name]: _current }, name);
      const result = applyRoomChange(room, current, input, now);
      return result.ok ? { value: result.settings } : { refused: result.faults.join(" ") };
    },
  };

  return { gate, finish, status, desk };
}

/** The operators' settings of a room: what `applyRoomChange` made and the control plane stored. */
function settingsOf(rooms: Readonly<Record<string, unknown>>, name: string): RoomSettings | null {
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

function baseHeaders(cookies: readonly string[], kind: "queued" | "admitted"): Headers {
  const headers = new Headers({ "cache-control": "no-store", vary: "Cookie", [WAITING_ROOM]: kind });
  for (const cookie of cookies) headers.append("set-cookie", cookie);
  return headers;
}

function waitingResponse(
  policy: CompiledQueuePolicy,
  input: GateInput,
  told: Told,
  cookies: readonly string[],
): Response {
  const headers = baseHeaders(cookies, "queued");
  if (told.standing !== null) headers.set("retry-after", String(nextPollSeconds(told.standing, told.now)));
  if (prefersJson(input.headers.get("accept"))) {
    headers.set("content-type", "application/json");
    return new Response(JSON.stringify(waitingJson(told)), {
      // The page's own poll is no refusal, and browsers log one as an error.
      status: input.headers.has(POLL) ? 200 : told.policy.statusJson,
      headers,
    });
  }
  headers.set("content-type", "text/html; charset=utf-8");
  headers.set("content-language", told.language);
  headers.set("content-security-policy", policy.page.csp);
  headers.set("x-robots-tag", "noindex");
  // A form that was sent must not look done.
  const read = input.method === "GET" || input.method === "HEAD";
  return new Response(waitingHtml(policy.page, told), {
    status: read ? told.policy.statusPage : 503,
    headers,
  });
}

function admittedResponse(told: Told, cookies: readonly string[]): Response {
  const headers = baseHeaders(cookies, "admitted");
  headers.set("content-type", "application/json");
  return new Response(JSON.stringify(waitingJson(told)), { headers });
}

function crowdResponse(retryAfterS: number): Response {
  const headers = baseHeaders([], "queued");
  headers.set("retry-after", String(retryAfterS));
  headers.set("refresh", String(retryAfterS));
  headers.set("content-type", "text/plain; charset=utf-8");
  const text =
    "Very many people from your network are joining the line. This page tries again in a few seconds; places already held are kept.";
  return new Response(`${text}\n`, { status: 429, headers });
}
