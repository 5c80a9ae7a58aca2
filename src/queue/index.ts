/**
 * The waiting room's door. Fails closed towards newcomers and open towards those
 * inside: with everything down, people in line wait, passes go on working, and no
 * more than N are ever let in within any 60 s.
 */
import { admittedResponse, POLL, WAITING_ROOM, waitingResponse } from "./answers.ts";
import { deskOf, type RoomDesk, settingsOf } from "./desk.ts";
import { errandOf } from "./errand.ts";
import type { Ports } from "./ports.ts";
import {
  type Capacity,
  type CompiledQueuePolicy,
  type RoomPolicy,
  roomConfig,
  roomOf,
  withCapacity,
} from "./room-config.ts";
import { gatePort, roomPort } from "./rpc.ts";
import type { TicketKeys } from "./signing.ts";
import { type NoPlace, placeless, type Standing } from "./standing.ts";
import { languageOf, type Told } from "./texts.ts";
import type { Pass } from "./ticket.ts";
import { Line, type Verdict } from "./visit.ts";

export type { RoomDesk, RoomStatus } from "./desk.ts";
export { GateObject } from "./gate-object.ts";
export { RoomObject } from "./room-object.ts";
export type { CompiledQueuePolicy, RoomPolicy, RoomSettings } from "./room-config.ts";
export { ticketKeys, type TicketKeys } from "./signing.ts";

export interface QueueDeps {
  readonly rooms: DurableObjectNamespace;
  readonly gates: DurableObjectNamespace;
  readonly keys: TicketKeys;
  /** The site's cache; null where there is none. */
  readonly cacheApi: Cache | null;
  /** What the autoscaled storefront carries, for rooms with `rate: auto`. */
  readonly capacity: Capacity;
  /** Whether visitors come over https: cookies are `__Host-` and Secure then. */
  readonly secure: boolean;
}

export interface GateInput {
  /** As `CanonicalTarget` has them. */
  readonly path: string;
  readonly foldedPath: string;
  readonly method: string;
  readonly headers: Headers;
  readonly clientIp: string;
  /** The Fabric let this request in: it never waits. */
  readonly private: boolean;
  readonly verifiedBot: boolean;
}

export type BypassReason = "no-room" | "path" | "private" | "crawler" | "preflight" | "suspended";

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
      readonly reason: "waiting" | "sold-out" | NoPlace;
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
  ): GateOutcome | Promise<GateOutcome>;
  /**
   * Marks the finished response of an outcome that has a room: `X-Waiting-Room`,
   * cookies, and the end of a session where the origin says `X-Waiting-Room-End: 1`
   * (an order placed). `said` are the origin's fields to this visitor (null: the answer
   * is one of the cache, for all), `headers` the response's.
   */
  finish(
    outcome: GateOutcome,
    { said, headers }: { readonly said: Headers | null; readonly headers: Headers },
    rooms: Readonly<Record<string, unknown>>,
    waitUntil: WaitUntil,
    now: number,
  ): void;
  /** What the control plane's API needs to list and change rooms. */
  readonly desk: RoomDesk;
}

const END = "x-waiting-room-end";
/** A request that was none of a visitor: he comes by himself, or his page does at once. */
const ERRAND_AGAIN_MS = 1000;
const NO_ROOM: GateOutcome = { kind: "bypass", room: null, reason: "no-room" };

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
  deps: Pick<QueueDeps, "keys" | "cacheApi" | "secure" | "capacity">,
): Queue {
  const { page } = policy;
  const rooms = policy.rooms.map((room) => withCapacity(room, deps.capacity));
  const line = new Line(ports, deps.keys, deps.cacheApi, deps.secure);

  async function enter(
    room: RoomPolicy,
    input: GateInput,
    decided: Readonly<Record<string, unknown>>,
    waitUntil: WaitUntil,
    now: number,
  ): Promise<GateOutcome> {
    const settings = settingsOf(decided, room.name);
    const config = roomConfig(room, settings, now);
    if (input.private) return { kind: "bypass", room: room.name, reason: "private" };
    if (input.verifiedBot) return { kind: "bypass", room: room.name, reason: "crawler" };
    const errand = errandOf(input.method, input.headers);
    if (errand === "preflight") return { kind: "bypass", room: room.name, reason: errand };
    if (config.phase === "suspended") return { kind: "bypass", room: room.name, reason: "suspended" };
    const visitor = { headers: input.headers, clientIp: input.clientIp, poll: input.headers.has(POLL) };
    const visit = { policy: room, config, visitor, now, waitUntil };
    const known = await line.inside(visit);
    const inside = known === "copied" ? null : known;
    const lost = known === "copied" ? known : null;
    const told = (standing: Standing | null, admitted: boolean, at = now): Told => ({
      policy: room,
      phase: config.phase,
      event: config.event,
      standing,
      message: settings?.message ?? null,
      admitted,
      language: languageOf(input.headers.get("accept-language")),
      now: at,
    });
    const later = (reason: NoPlace, ms: number): GateOutcome => {
      const response = waitingResponse(page, input, told(placeless(reason, now + ms), false), []);
      return { kind: "queued", room: room.name, reason, expectedWaitMs: null, response };
    };
    if (inside === null && config.phase === "sold-out") {
      const response = waitingResponse(page, input, told(null, false), []);
      return { kind: "queued", room: room.name, reason: "sold-out", expectedWaitMs: null, response };
    }
    if (inside === null && errand !== null) return later("errand", ERRAND_AGAIN_MS);
    const verdict: Verdict = inside ?? (await line.freeEntry(visit)) ?? (await line.queue(visit, lost));
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
        const { standing, cookies, at } = verdict;
        const expectedWaitMs = standing.turnAt === null ? null : Math.max(0, standing.turnAt - at);
        const response = waitingResponse(page, input, told(standing, false, at), cookies);
        return { kind: "queued", room: room.name, reason: "waiting", expectedWaitMs, response };
      }
      case "crowd":
        return later("crowd", verdict.againMs);
      default:
        return verdict satisfies never;
    }
  }

  function finish(
    outcome: GateOutcome,
    { said, headers }: { readonly said: Headers | null; readonly headers: Headers },
    decided: Readonly<Record<string, unknown>>,
    waitUntil: WaitUntil,
    now: number,
  ): void {
    if (outcome.room === null) return;
    const ended = said?.has(END) ?? false;
    headers.delete(END);
    headers.set(WAITING_ROOM, outcome.kind);
    if (outcome.kind !== "admitted") return;
    const room = rooms.find(({ name }) => name === outcome.room);
    // Whatever the origin says of its page: no cache on the way may hand one visitor's pass to others (RFC 9111 section 7.3).
    if (ended || outcome.setCookies.length > 0) headers.set("cache-control", "private, no-store");
    for (const cookie of ended ? [] : outcome.setCookies) headers.append("set-cookie", cookie);
    if (!ended || room === undefined) return;
    const config = roomConfig(room, settingsOf(decided, room.name), now);
    headers.append("set-cookie", line.passes.end(room, config, outcome.pass, waitUntil));
  }

  return {
    gate(input, decided, waitUntil, now) {
      const room = roomOf(rooms, input);
      return room === null ? NO_ROOM : enter(room, input, decided, waitUntil, now);
    },
    finish,
    desk: deskOf(rooms, ports),
  };
}
