import type { Collection } from "../variables.ts";
import { ownCopy } from "./byte-strings.ts";
import { Value } from "./view.ts";

const MAX_LENGTH = 256;
/** Cookies of so few chars are settings that many clients share; longer ones may be one client's own. */
const MAX_COOKIE = 8;
/** Values that mostly repeat what other requests said, by their longest; bodies and arguments do not. */
const LONGEST: ReadonlyMap<Collection, number> = new Map<Collection, number>([
  ["method", MAX_LENGTH],
  ["protocol", MAX_LENGTH],
  ["path", MAX_LENGTH],
  ["filename", MAX_LENGTH],
  ["cookies", MAX_COOKIE],
  ["cookies.names", MAX_LENGTH],
  ["args.query.names", MAX_LENGTH],
  ["args.body.names", MAX_LENGTH],
  ["body.kind", MAX_LENGTH],
]);
/** Never remembered: what only one client should know. */
const SECRET: ReadonlySet<string> = new Set(["authorization", "cookie", "proxy-authorization"]);
const MAX_ENTRIES = 4_096;

/** A header field as values: itself, and its name. */
export interface FieldValues {
  readonly field: Value;
  readonly name: Value;
}

/**
 * Values of requests that other requests repeat, so that the browser's same ten
 * headers are read and looked at once an isolate and not once a request. By
 * exact text; forgets everything when full, so that what an attacker sends
 * cannot make it grow.
 */
export class SeenValues {
  private readonly values = new Texts<Value>();
  private readonly fields = new Texts<FieldValues>();

  /** Whether a value is one to remember. */
  remembers(collection: Collection, name: string, text: string): boolean {
    return text.length <= (LONGEST.get(collection) ?? -1) && name.length <= MAX_LENGTH;
  }

  /** A value to remember, made where it was not seen before; of texts of its own, for those at hand are parts of a request. */
  value(collection: Collection, name: string, text: string): Value {
    const place = name === "" ? collection : `${collection}:${name}`;
    const known = this.values.get(place, text);
    if (known !== undefined) return known;
    const value = new Value(collection, ownCopy(name), ownCopy(text), true, null, true);
    return this.values.keep(ownCopy(place), value.text, value);
  }

  /** A header field as it came; `name` in lower case, as one that is not is another. */
  field(name: string, text: string, make: (shared: boolean) => FieldValues): FieldValues {
    const remembers =
      text.length <= MAX_LENGTH && name.length <= MAX_LENGTH && !SECRET.has(name.toLowerCase());
    if (!remembers) return make(false);
    return this.fields.get(name, text) ?? this.fields.keep(name, text, make(true));
  }
}

/** What was made of texts, by the place they stood in; bounded. */
class Texts<T> {
  private places = new Map<string, Map<string, T>>();
  private size = 0;

  get(place: string, text: string): T | undefined {
    return this.places.get(place)?.get(text);
  }

  keep(place: string, text: string, made: T): T {
    if (this.size >= MAX_ENTRIES) {
      this.places = new Map();
      this.size = 0;
    }
    let texts = this.places.get(place);
    if (texts === undefined) this.places.set(place, (texts = new Map()));
    texts.set(text, made);
    this.size++;
    return made;
  }
}
