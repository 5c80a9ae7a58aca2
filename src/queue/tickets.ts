/**
 * Tickets as this isolate reads and writes them: what it signed itself it need not
 * verify again, and an older cookie of a ticket stands for the latest, so that one
 * cookie shown again and again is one visitor in the count of the line.
 */
import type { TicketKeys } from "./signing.ts";
import {
  type Expected,
  judgeTicket,
  readTicket,
  type Ticket,
  type TicketFault,
  writeTicket,
} from "./ticket.ts";

const REMEMBERED = 10_000;

export class Tickets {
  readonly #keys: TicketKeys;
  readonly #own = new Map<string, Ticket>();
  readonly #latest = new Map<string, Ticket>();

  constructor(keys: TicketKeys) {
    this.#keys = keys;
  }

  async read(value: string, expected: Expected, now: number): Promise<Ticket | TicketFault> {
    const own = this.#own.get(value);
    const read =
      own === undefined
        ? await readTicket(this.#keys, value, expected, now)
        : judgeTicket(own, expected, now);
    if (typeof read === "string") return read;
    const latest = this.#latest.get(read.id);
    return latest !== undefined && latest.dueAt > read.dueAt ? latest : read;
  }

  /** The first that is a place in line; else what is wrong with the first; null: there is none. */
  async readFirst(
    values: readonly string[],
    expected: Expected,
    now: number,
  ): Promise<Ticket | TicketFault | null> {
    let fault: TicketFault | null = null;
    for (const value of values) {
      const read = await this.read(value, expected, now);
      if (typeof read === "object") return read;
      fault ??= read;
    }
    return fault;
  }

  async write(ticket: Ticket): Promise<string> {
    const value = await writeTicket(this.#keys, ticket);
    remember(this.#own, value, ticket);
    remember(this.#latest, ticket.id, ticket);
    return value;
  }
}

/** Sets the newest entry; over `REMEMBERED` the oldest goes. */
function remember(map: Map<string, Ticket>, key: string, ticket: Ticket): void {
  map.delete(key);
  map.set(key, ticket);
  if (map.size <= REMEMBERED) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
