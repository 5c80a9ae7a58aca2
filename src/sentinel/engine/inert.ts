import type { Collection } from "../variables.ts";
import type { Value } from "./view.ts";

/** Values of requests that mostly repeat what other requests said; bodies and arguments do not. */
const REPEATING: ReadonlySet<Collection> = new Set([
  "method",
  "protocol",
  "path",
  "filename",
  "headers",
  "headers.free",
  "headers.names",
  "cookies.names",
  "args.query.names",
  "args.body.names",
]);
/** Never remembered: what only one client should know. */
const SECRET: ReadonlySet<string> = new Set(["authorization", "cookie", "proxy-authorization"]);
const MAX_LENGTH = 256;
const MAX_ENTRIES = 4_096;

/**
 * Remembers values on which no condition held, so that the browser's same ten
 * headers are looked at once an isolate and not once a request. Exact text only,
 * bound to one set of running rules; forgets everything when full, so that what
 * an attacker sends cannot make it grow.
 */
export class InertValues {
  private places = new Map<Collection, Map<string, Set<string>>>();
  private size = 0;

  /** Whether the value is one that may be remembered. */
  remembers({ collection, name, text }: Value): boolean {
    return text.length <= MAX_LENGTH && REPEATING.has(collection) && !SECRET.has(name);
  }

  has({ collection, name, text }: Value): boolean {
    return this.places.get(collection)?.get(name)?.has(text) === true;
  }

  add({ collection, name, text }: Value): void {
    if (this.size >= MAX_ENTRIES) {
      this.places = new Map();
      this.size = 0;
    }
    let names = this.places.get(collection);
    if (names === undefined) this.places.set(collection, (names = new Map()));
    let texts = names.get(name);
    if (texts === undefined) names.set(name, (texts = new Set()));
    texts.add(text);
    this.size++;
  }
}
