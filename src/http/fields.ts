/**
 * Header fields as plain data. Each look into a platform `Headers` is a call out
 * of the engine, and every stage of the line looks: so a request's fields are
 * read out once, and what follows reads plain strings.
 */

/** A lower-case name and its value, several lines of one name joined as the platform does. */
export type Field = readonly [name: string, value: string];

/** What a reader of single fields needs: `Fields` and `Headers` both are one. */
export interface FieldReader {
  /** null where there is none; `name` is lower-case. */
  get(name: string): string | null;
  has(name: string): boolean;
}

export class Fields implements FieldReader {
  readonly list: readonly Field[];

  constructor(list: readonly Field[]) {
    this.list = list;
  }

  static of(headers: Headers): Fields {
    const list: Field[] = [];
    // Half the price of iterating: one call back a field.
    headers.forEach((value, name) => list.push([name, value]));
    return new Fields(list);
  }

  get(name: string): string | null {
    // Taking a pair apart costs more than comparing it.
    for (const field of this.list) if (field[0] === name) return field[1];
    return null;
  }

  has(name: string): boolean {
    return this.get(name) !== null;
  }

  /** The fields whose names `drop` does not want gone; these themselves where that is all of them. */
  without(drop: (name: string) => boolean): Fields {
    return this.list.some(([name]) => drop(name))
      ? new Fields(this.list.filter(([name]) => !drop(name)))
      : this;
  }

  /** These with one more value, or another; null takes the field away. */
  with(name: string, value: string | null): Fields {
    const others = this.list.filter(([field]) => field !== name);
    return new Fields(value === null ? others : [...others, [name, value]]);
  }

  /** As the platform wants them, for a request that is sent on. */
  toHeaders(): Headers {
    // A list of pairs is read several times slower.
    return new Headers(Object.fromEntries(this.list));
  }

  /** Bytes of all lines as on an HTTP/1.1 wire: name, ": ", value, CRLF. */
  get bytes(): number {
    let bytes = 0;
    for (const field of this.list) bytes += field[0].length + field[1].length + 4;
    return bytes;
  }
}
