/**
 * Who is inside. A pass costs no object call until it is renewed, or until
 * something says that it was copied: another kind of browser, two networks in
 * turn, or news from a gate. Fails open: a gate that is down throws nobody out.
 */
import type { Cookies } from "./cookies.ts";
import { gatesFor } from "./gates.ts";
import type { GatePort } from "./ports.ts";
import type { RoomConfig, RoomPolicy } from "./room-config.ts";
import type { TicketKeys } from "./signing.ts";
import { withDeadline } from "./site.ts";
import { type Pass, passEnd, readPass, renewedPass, writePass } from "./ticket.ts";
import { browserOf, networkOf, type Visitor } from "./visitor.ts";
import type { Renewal, RoomSnapshot } from "./messages.ts";

const PATIENCE_MS = 2500;
const REMEMBERED = 5000;

/** A pass that this isolate has seen, and from where. */
interface Seen {
  readonly pass: Pass;
  network: string;
  networkBefore: string | null;
  userAgent: string;
}

export type Held =
  | { readonly kind: "inside"; readonly pass: Pass; readonly cookies: readonly string[] }
  /** A pass that is one no longer: a copy, or ended. */
  | { readonly kind: "dead" }
  | { readonly kind: "none" };

export class Passes {
  readonly #gate: (room: string, index: number) => GatePort;
  readonly #keys: TicketKeys;
  readonly #cookies: Cookies;
  readonly #seen = new Map<string, Seen>();
  #revoked: { readonly of: RoomSnapshot | null; readonly before: ReadonlyMap<string, number> } = {
    of: null,
    before: new Map(),
  };

  constructor(gate: (room: string, index: number) => GatePort, keys: TicketKeys, cookies: Cookies) {
    this.#gate = gate;
    this.#keys = keys;
    this.#cookies = cookies;
  }

  /**
   * The pass the visitor holds, renewed where it is time.
   * @param line the room as this isolate knows it; null where it knows of no line
   */
  async held(
    policy: RoomPolicy,
    config: RoomConfig,
    visitor: Visitor,
    line: RoomSnapshot | null,
    now: number,
  ): Promise<Held> {
    const seen = await this.#shown(policy, config, visitor, now);
    if (seen === null) return { kind: "none" };
    const { pass } = seen;
    const renewed = renewedPass(pass, policy, now);
    const strict = line !== null && this.#looksCopied(seen, visitor, line);
    // While nobody waits a pass from an isolate is worth nothing to copy; from then on its gate answers for it.
    const unknown = pass.gate === null && line !== null;
    const inside: Held = { kind: "inside", pass, cookies: [] };
    if (renewed === null && !strict && !unknown) return inside;
    if (pass.gate === null && line === null) return this.#inside(policy, renewed ?? pass);
    const renewal = await this.#renew(config, pass, visitor, strict);
    if (renewal.kind === "dead") return renewal;
    if (renewal.kind === "unclear") return inside;
    const { expiresAt } = renewal;
    const browser = browserOf(visitor.headers);
    return this.#inside(policy, { ...pass, gate: gateOf(pass, config), expiresAt, browser });
  }

  /** A new pass. @param gate who let the visitor in; null: this isolate */
  async admit(
    policy: RoomPolicy,
    config: RoomConfig,
    visitor: Visitor,
    { id, admittedAt, gate }: Pick<Pass, "id" | "admittedAt" | "gate">,
  ): Promise<Extract<Held, { kind: "inside" }>> {
    const expiresAt = passEnd(policy, admittedAt, admittedAt);
    const browser = browserOf(visitor.headers);
    const { name: room } = policy;
    return this.#inside(policy, { room, epoch: config.epoch, id, admittedAt, expiresAt, gate, browser });
  }

  /** The pass' visitor is done: his place inside is free. @returns the cookie that takes the pass away */
  end(
    policy: RoomPolicy,
    config: RoomConfig,
    pass: Pass,
    waitUntil: (work: Promise<unknown>) => void,
  ): string {
    const index = gateOf(pass, config);
    const ended = this.#gate(config.room, index).end(config, index, pass.id);
    waitUntil(ended.catch(() => undefined));
    return this.#cookies.set("pass", policy.name, "", 0);
  }

  async #inside(policy: RoomPolicy, pass: Pass): Promise<Extract<Held, { kind: "inside" }>> {
    const value = await writePass(this.#keys, pass);
    const cookie = this.#cookies.set("pass", policy.name, value, Math.ceil(policy.passMaxMs / 1000));
    return { kind: "inside", pass, cookies: [cookie] };
  }

  /** The first of the visitor's passes that is one. */
  async #shown(policy: RoomPolicy, config: RoomConfig, visitor: Visitor, now: number): Promise<Seen | null> {
    for (const value of this.#cookies.readAll(visitor.headers, "pass", policy.name)) {
      const seen = await this.#read(value, config, visitor);
      if (seen !== null && seen.pass.expiresAt > now) return seen;
    }
    return null;
  }

  async #read(value: string, config: RoomConfig, { headers, clientIp }: Visitor): Promise<Seen | null> {
    const known = this.#seen.get(value);
    if (known !== undefined && known.pass.room === config.room && known.pass.epoch === config.epoch)
      return known;
    const pass = await readPass(this.#keys, value, config);
    if (pass === null) return null;
    if (this.#seen.size >= REMEMBERED) this.#seen.clear();
    const userAgent = browserOf(headers) === pass.browser ? (headers.get("user-agent") ?? "") : "";
    const seen = { pass, network: networkOf(clientIp), networkBefore: null, userAgent };
    this.#seen.set(value, seen);
    return seen;
  }

  /** Another kind of browser, a network that was left a moment ago, or a gate that says so. */
  #looksCopied(seen: Seen, { headers, clientIp }: Visitor, line: RoomSnapshot): boolean {
    const userAgent = headers.get("user-agent") ?? "";
    if (userAgent !== seen.userAgent) {
      if (browserOf(headers) !== seen.pass.browser) return true;
      seen.userAgent = userAgent;
    }
    const network = networkOf(clientIp);
    if (network !== seen.network) {
      const returned = network === seen.networkBefore;
      seen.networkBefore = seen.network;
      seen.network = network;
      if (returned) return true;
    }
    if (this.#revoked.of !== line) this.#revoked = { of: line, before: new Map(line.revoked) };
    return seen.pass.expiresAt < (this.#revoked.before.get(seen.pass.id) ?? 0);
  }

  async #renew(config: RoomConfig, pass: Pass, visitor: Visitor, strict: boolean): Promise<Renewal> {
    const index = gateOf(pass, config);
    const { id, admittedAt, expiresAt } = pass;
    const shown = {
      id,
      admittedAt,
      expiresAt,
      unknown: pass.gate === null,
      browser: browserOf(visitor.headers),
      network: networkOf(visitor.clientIp),
      strict,
    };
    try {
      return await withDeadline(this.#gate(config.room, index).renew(config, index, shown), PATIENCE_MS);
    } catch {
      // The visitor is inside; a gate that is down is not his fault. The old pass goes on until it ends.
      return { kind: "unclear" };
    }
  }
}

/** The gate that answers for a pass: the one that gave it. */
function gateOf(pass: Pass, config: RoomConfig): number {
  return pass.gate ?? gatesFor(pass.id, config.gates)[0] ?? 0;
}
