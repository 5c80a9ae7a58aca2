import type { Collection } from "../variables.ts";
import type { Condition } from "./plan.ts";
import type { Value } from "./view.ts";

/** A rule's first condition that held on a value, and the form of it that it held on. */
export interface Held {
  readonly condition: Condition;
  readonly text: string;
}

const MAX_LENGTH = 256;
/** Cookies of so few chars are settings that many clients share; longer ones may be one client's own. */
const MAX_COOKIE = 8;
/** Values that mostly repeat what other requests said, by their longest; bodies and arguments do not. */
const LONGEST: ReadonlyMap<Collection, number> = new Map<Collection, number>([
  ["method", MAX_LENGTH],
  ["protocol", MAX_LENGTH],
  ["path", MAX_LENGTH],
  ["filename", MAX_LENGTH],
  ["headers", MAX_LENGTH],
  ["headers.free", MAX_LENGTH],
  ["headers.names", MAX_LENGTH],
  ["cookies", MAX_COOKIE],
  ["cookies.names", MAX_LENGTH],
  ["args.query.names", MAX_LENGTH],
  ["args.body.names", MAX_LENGTH],
  ["body.kind", MAX_LENGTH],
]);
/** Never remembered: what only one client should know. */
const SECRET: ReadonlySet<string> = new Set(["authorization", "cookie", "proxy-authorization"]);
const MAX_ENTRIES = 4_096;
const MAX_HELD = 8;

/**
 * Remembers which first conditions held on a value, mostly none, so that the
 * browser's same ten headers are looked at once an isolate and not once a
 * request. Exact text only, bound to one plan and one set of running rules;
 * forgets everything when full, so that what an attacker sends cannot make it grow.
 */
export class SeenValues {
  private places = new Map<Collection, Map<string, Map<string, readonly Held[]>>>();
  private size = 0;

  /** Whether the value is one that may be remembered. */
  remembers({ collection, name, text }: Value): boolean {
    return text.length <= (LONGEST.get(collection) ?? -1) && !SECRET.has(name);
  }

  /** What held on the value; undefined where it was not seen before. */
  heldOn({ collection, name, text }: Value): readonly Held[] | undefined {
    return this.places.get(collection)?.get(name)?.get(text);
  }

  add({ collection, name, text }: Value, held: readonly Held[]): void {
    if (held.length > MAX_HELD) return;
    if (this.size >= MAX_ENTRIES) {
      this.places = new Map();
      this.size = 0;
    }
    let names = this.places.get(collection);
    if (names === undefined) this.places.set(collection, (names = new Map()));
    let texts = names.get(name);
    if (texts === undefined) names.set(name, (texts = new Map()));
    texts.set(text, held);
    this.size++;
  }
}
