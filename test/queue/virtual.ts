import { vi } from "vitest";
import { cookieValue } from "../../src/http/headers.ts";
import { type GateOutcome, type Queue, queueOf } from "../../src/queue/index.ts";
import { GateKeeper } from "../../src/queue/keeper.ts";
import type { GatePort, RoomPort } from "../../src/queue/ports.ts";
import type { RoomPolicy } from "../../src/queue/room-config.ts";
import { Room } from "../../src/queue/room.ts";
import { cookiesOf, keys, START } from "./rig.ts";

/** A small fast generator, so that runs can be repeated. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

/** Virtual time: it stands still while anything runs, and jumps to the next who sleeps when nothing does. */
class Clock {
  now = START;
  #running = 0;
  #sleeping: { readonly at: number; readonly wake: () => void }[] = [];

  /** To be called by what runs. */
  sleep(ms: number): Promise<void> {
    this.#running -= 1;
    return new Promise((resolve) => {
      const at = Math.round(this.now + Math.max(0, ms));
      const wake = (): void => {
        this.#running += 1;
        resolve();
      };
      const index = this.#sleeping.findIndex((other) => other.at > at);
      this.#sleeping.splice(index === -1 ? this.#sleeping.length : index, 0, { at, wake });
    });
  }

  /** Counts work as running until it is done. */
  run(work: Promise<unknown>): void {
    this.#running += 1;
    void this.#done(work);
  }

  async #done(work: Promise<unknown>): Promise<void> {
    await work.catch(() => undefined);
    this.#running -= 1;
  }

  /** Until nothing is left to happen. */
  async finish(): Promise<void> {
    while (this.#running > 0 || this.#sleeping.length > 0) {
      const next = this.#running > 0 ? undefined : this.#sleeping.shift();
      if (next !== undefined) {
        this.now = next.at;
        next.wake();
      }
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }
}

export interface Served {
  readonly cameAt: number;
  readonly admittedAt: number;
  /** When he knew that he is in line, ms. */
  readonly toldAt: number;
}

/**
 * Rooms with one gate each in virtual time: the queue as it runs in an isolate, and
 * objects that do what theirs do. Messages between them take up to `latencyMs`.
 */
export class VirtualRooms {
  readonly clock = new Clock();
  readonly queue: Queue;
  readonly #random: () => number;
  readonly #latencyMs: number;

  constructor(policies: readonly RoomPolicy[], latencyMs: number, random: () => number) {
    this.#random = random;
    this.#latencyMs = latencyMs;
    vi.spyOn(Math, "random").mockImplementation(random);
    vi.stubGlobal("scheduler", { wait: (ms: number) => this.clock.sleep(ms) });
    const gates = new Map(policies.map(({ name }) => [name, this.#gate(name)]));
    const ports = {
      gate: (room: string) => gates.get(room)?.port ?? missing(room),
      room: (room: string) => gates.get(room)?.room ?? missing(room),
    };
    this.queue = queueOf({ rooms: policies, page: { html: "", csp: "" } }, ports, {
      keys,
      cacheApi: null,
      secure: true,
      capacity: { threshold: 65, replicasMin: 2 },
    });
  }

  #send(): Promise<void> {
    return this.clock.sleep(this.#random() * this.#latencyMs);
  }

  /** As GateObject and RoomObject do it. */
  #gate(name: string): { readonly port: GatePort; readonly room: RoomPort } {
    let keeper: GateKeeper | null = null;
    let known: Room | null = null;
    let syncing = false;
    const at = (): number => this.clock.now;
    const report = async (): Promise<void> => {
      if (syncing) return;
      syncing = true;
      await this.clock.sleep(500);
      syncing = false;
      if (keeper !== null) known?.hear(keeper.report(at()), at());
    };
    const later = (): void => this.clock.run(report());
    const port: GatePort = {
      ask: async (config, index, ask) => {
        await this.#send();
        keeper ??= new GateKeeper(index, config, {}, at());
        const since = at();
        for (;;) {
          keeper.adopt(config, at());
          const decision = keeper.decide(ask, at(), since);
          later();
          if (decision.kind === "admit") {
            const admittedAt = at();
            await this.#send();
            return { kind: "admit", admittedAt, repeated: false };
          }
          if (decision.kind === "wait") {
            await this.#send();
            return decision;
          }
          await this.clock.sleep(decision.ms);
        }
      },
      collect: async (config, index, deltas) => {
        await this.#send();
        keeper ??= new GateKeeper(index, config, {}, at());
        keeper.collect(deltas);
        later();
      },
      renew: () => missing(name),
      end: () => missing(name),
      claim: () => missing(name),
      lend: () => missing(name),
      giveBack: () => missing(name),
      follow: () => missing(name),
    };
    const room: RoomPort = {
      read: async (config) => {
        await this.#send();
        known ??= new Room(config, null, at());
        known.adopt(config, at());
        const snapshot = known.snapshot({ commitment: null, seed: null }, at());
        await this.#send();
        return snapshot;
      },
      hear: () => missing(name),
      alone: () => missing(name),
      ready: () => missing(name),
    };
    return { port, room };
  }

  /** A visitor of the room who comes after `ms`, and again when told, until he is in. */
  visit(room: string, ms: number): Promise<Served> {
    const visit = this.#visit(room, ms);
    this.clock.run(visit);
    return visit;
  }

  async #visit(room: string, ms: number): Promise<Served> {
    await this.clock.sleep(ms);
    let cookies = "";
    let cameAt = 0;
    let toldAt = 0;
    for (;;) {
      const outcome = await this.#ask(`/${room}`, cookies);
      if (outcome.kind === "bypass") throw new Error(`not in room ${room}`);
      if (outcome.kind === "admitted") {
        const { admittedAt } = outcome.pass;
        return { cameAt: cameAt || admittedAt, admittedAt, toldAt };
      }
      cookies = cookiesOf(outcome) || cookies;
      cameAt ||= issuedAt(room, cookies);
      toldAt ||= this.clock.now;
      await this.clock.sleep(Number(outcome.response.headers.get("retry-after")) * 1000);
    }
  }

  async #ask(path: string, cookies: string): Promise<GateOutcome> {
    await this.#send();
    const headers = new Headers(cookies === "" ? {} : { cookie: cookies });
    const input = {
      path,
      foldedPath: path,
      method: "GET",
      headers,
      clientIp: "192.0.2.1",
      private: false,
      verifiedBot: false,
    };
    const outcome = await this.queue.gate(input, {}, (work) => this.clock.run(work), this.clock.now);
    await this.#send();
    return outcome;
  }
}

function issuedAt(room: string, cookies: string): number {
  const ticket = cookieValue(new Headers({ cookie: cookies }), `__Host-ticket.${room}`) ?? "";
  return Number.parseInt(ticket.split(".")[4] ?? "", 36);
}

function missing(what: string): never {
  throw new Error(`${what} was not expected to be asked`);
}
