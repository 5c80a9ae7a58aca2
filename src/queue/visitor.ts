/** Who asks, as far as a request tells: enough to notice a copy, too little to follow anybody. */
import { parseAddress } from "../http/cidr.ts";
import { hash } from "./gates.ts";

export interface Visitor {
  readonly headers: Headers;
  readonly clientIp: string;
  /** The waiting page asks, not a navigation. */
  readonly poll: boolean;
}

const HOST_BITS = 64n;

/** An IPv4 address, or the /64 of an IPv6 address, however it is written (RFC 4291 section 2.2). */
export function networkOf(address: string): string {
  const parsed = address.includes(":") ? parseAddress(address) : null;
  return parsed?.family === 6 ? `${(parsed.value >> HOST_BITS).toString(16)}::/64` : address;
}

/** A short hash of the kind of browser; its version is left out, because browsers update themselves. */
export function browserOf(headers: Headers): string {
  return hash((headers.get("user-agent") ?? "").replace(/[\d._]+/g, "")).toString(36);
}

const MINUTE = 60_000;
const MAX_ADDRESSES = 20_000;

/** New tickets by network in the last minute, in this isolate. */
export class Newcomers {
  #taken = new Map<string, number>();
  #since = 0;

  /** Counts a newcomer; false where his network had `most` already. Who has a place is not counted. */
  mayTake(clientIp: string, most: number, now: number): boolean {
    if (now - this.#since >= MINUTE || this.#taken.size >= MAX_ADDRESSES) {
      this.#taken = new Map();
      this.#since = now;
    }
    const network = networkOf(clientIp);
    const taken = (this.#taken.get(network) ?? 0) + 1;
    this.#taken.set(network, taken);
    return taken <= most;
  }
}
