/** Tickets as this isolate reads and writes them; what it signed itself it need not verify again. */
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

  constructor(keys: TicketKeys) {
    this.#keys = keys;
  }

  async read(value: string, expected: Expected, now: number): Promise<Ticket | TicketFault> {
    const own = this.#own.get(value);
    return own === undefined ? readTicket(this.#keys, value, expected, now) : judgeTicket(own, expected, now);
  }

  async write(ticket: Ticket): Promise<string> {
    const value = await writeTicket(this.#keys, ticket);
    this.#own.set(value, ticket);
    if (this.#own.size > REMEMBERED) {
      const [oldest] = this.#own.keys();
      if (oldest !== undefined) this.#own.delete(oldest);
    }
    return value;
  }
}
