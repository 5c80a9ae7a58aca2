import { foldedPathOf } from "../../src/http/canonical.ts";
import type { GatePort, RoomPort } from "../../src/queue/ports.ts";
import { type PassRecord, renewal } from "../../src/queue/renewal.ts";
import { type GateInput, type GateOutcome, queueOf } from "../../src/queue/index.ts";
import { GateKeeper } from "../../src/queue/keeper.ts";
import { Room } from "../../src/queue/room.ts";
import { GRANT_MS } from "../../src/queue/grants.ts";
import type {
  CompiledQueuePolicy,
  PathPattern,
  RoomConfig,
  RoomPolicy,
} from "../../src/queue/room-config.ts";
import { passEnd } from "../../src/queue/ticket.ts";
import { ticketKeys } from "../../src/queue/signing.ts";

export const KEY = `test:${"A".repeat(43)}`;
export const keys = ticketKeys(KEY);
export const START = Date.UTC(2026, 10, 27, 10);

/** A path as policies write it, compiled. */
export function pathPattern(path: string): PathPattern {
  const prefix = path.endsWith("*");
  const text = prefix ? path.slice(0, -1) : path;
  return { text, folded: text.toLowerCase(), prefix };
}

/** A room policy with the given differences. */
export function roomPolicy(over: Partial<RoomPolicy> = {}): RoomPolicy {
  return {
    name: "sale",
    title: "The <Sale>",
    paths: [pathPattern("/sale*")],
    bypass: [pathPattern("/sale/terms")],
    state: "open",
    rate: 60,
    auto: { headroom: 0.8, requestsPerVisitor: 60 },
    freePerIsolate: 30,
    gates: 1,
    activeCap: null,
    passIdleMs: 20 * 60_000,
    passMaxMs: 4 * 3_600_000,
    returnWithinMs: 10 * 60_000,
    ticketsPerAddress: 1000,
    statusPage: 200,
    statusJson: 429,
    events: [],
    ...over,
  };
}

const PAGE = {
  html: "<html lang={{language}}><h1>{{heading}}</h1><p>{{status}}</p>{{#notice}}<b>{{notice}}</b>{{/notice}}<i>{{room}}</i>{{#refreshSeconds}}<meta content={{refreshSeconds}}>{{/refreshSeconds}}{{message}}",
  csp: "default-src 'none'",
};

/** The queue on a clock of its own, with the real decisions and objects that are plain memory. */
export class Rig {
  now = START;
  /** Calls of objects so far. */
  calls = 0;
  down = { room: false, gate: false };
  rooms: Record<string, unknown> = {};
  readonly policy: CompiledQueuePolicy;
  readonly queue;
  #keeper: GateKeeper | null = null;
  #room: Room | null = null;
  readonly #visits = new Map<string, PassRecord & { readonly admittedAt: number }>();
  #work: Promise<unknown>[] = [];

  constructor(over: Partial<RoomPolicy> = {}) {
    this.policy = { rooms: [roomPolicy(over)], page: PAGE };
    const gate: GatePort = {
      ask: async (config, index, ask) => {
        this.#call("gate");
        const visit = this.#visits.get(ask.id);
        if (visit !== undefined) {
          return this.now - visit.admittedAt > 60_000
            ? { kind: "spent" }
            : { kind: "admit", admittedAt: visit.admittedAt, repeated: true };
        }
        const decision = this.#keeperFor(config, index).decide({ ...ask, patient: false }, this.now);
        if (decision.kind === "hold") throw new Error("nobody is patient here");
        if (decision.kind === "wait") return decision;
        const record = { renewedFrom: 0, renewedAt: 0, browser: "", network: "" };
        const expiresAt = passEnd(config, this.now, this.now);
        this.#visits.set(ask.id, { admittedAt: this.now, expiresAt, ...record });
        return { kind: "admit", admittedAt: this.now, repeated: false };
      },
      collect: async (config, index, deltas) => {
        this.#call("gate");
        this.#keeperFor(config, index).collect(deltas);
      },
      renew: async (config, index, shown) => {
        this.#call("gate");
        const known = this.#visits.get(shown.id) ?? null;
        const { answer, record, revokedBefore } = renewal(known, shown, config, this.now);
        if (record !== null) this.#visits.set(shown.id, { admittedAt: shown.admittedAt, ...record });
        if (revokedBefore !== null) this.#keeperFor(config, index).revoke(shown.id, revokedBefore);
        return answer;
      },
      end: async (config, index, id) => {
        this.#call("gate");
        const visit = this.#visits.get(id);
        if (visit !== undefined) this.#visits.set(id, { ...visit, expiresAt: 0, renewedFrom: 0 });
        this.#keeperFor(config, index).revoke(id, this.now + config.passMaxMs);
      },
      claim: async () => true,
      lend: async (config, index, isolate) => {
        this.#call("gate");
        const until = this.now + GRANT_MS;
        return this.#keeperFor(config, index).lend(isolate, until, this.now) ? GRANT_MS : 0;
      },
      giveBack: async (config, index, isolate) => {
        this.#call("gate");
        this.#keeperFor(config, index).giveBack(isolate, this.now);
      },
      follow: async (config, index, told) => this.#keeperFor(config, index).follow(told, this.now),
    };
    const room: RoomPort = {
      read: async (config) => {
        this.#call("room");
        this.#room ??= new Room(config, null, this.now);
        this.#room.adopt(config, this.now);
        if (this.#keeper !== null) this.#room.hear(this.#keeper.report(this.now), this.now);
        return this.#room.snapshot({ commitment: "hash", seed: "A".repeat(43) }, this.now);
      },
      hear: async () => null,
      alone: async () => true,
      ready: async (config, replicas) => {
        this.#call("room");
        this.#room ??= new Room(config, null, this.now);
        this.#room.adopt(config, this.now);
        this.#room.follow(replicas, this.now);
        const told = this.#room.toldRate(this.now);
        if (told !== null) this.#keeperFor(config, 0).follow(told, this.now);
      },
    };
    this.queue = queueOf(
      this.policy,
      { gate: () => gate, room: () => room },
      { keys, cacheApi: null, secure: true, capacity: { threshold: 65, replicasMin: 2 } },
    );
  }

  #keeperFor(config: RoomConfig, index: number): GateKeeper {
    this.#keeper ??= new GateKeeper(index, config, {}, this.now);
    this.#keeper.adopt(config, this.now);
    return this.#keeper;
  }

  #call(object: "room" | "gate"): void {
    this.calls += 1;
    if (this.down[object]) throw new Error(`${object} is down`);
  }

  /** One request; what it left to do is done before this returns. */
  async gate(
    over: Partial<GateInput> & { readonly cookies?: string; readonly accept?: string } = {},
  ): Promise<GateOutcome> {
    const { cookies, accept, ...input } = over;
    const headers = new Headers(input.headers);
    if (cookies !== undefined) headers.set("cookie", cookies);
    if (accept !== undefined) headers.set("accept", accept);
    const full: GateInput = {
      path: "/sale",
      foldedPath: foldedPathOf(over.path ?? "/sale"),
      method: "GET",
      clientIp: "192.0.2.1",
      private: false,
      verifiedBot: false,
      ...input,
      headers,
    };
    const outcome = await this.queue.gate(full, this.rooms, (work) => this.#work.push(work), this.now);
    await this.settle();
    return outcome;
  }

  async settle(): Promise<void> {
    const work = this.#work;
    this.#work = [];
    await Promise.all(work);
  }
}

/** Set-Cookie values of an outcome as the browser sends them back. */
export function cookiesOf(outcome: GateOutcome): string {
  const lines =
    outcome.kind === "admitted"
      ? outcome.setCookies
      : outcome.kind === "queued"
        ? outcome.response.headers.getSetCookie()
        : [];
  return lines
    .filter((line) => !line.includes("Max-Age=0"))
    .map((line) => line.split(";")[0] ?? "")
    .join("; ");
}
