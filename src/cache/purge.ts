import { canonicalize } from "../http/canonical.ts";
import { hashTag, hashText } from "./tags.ts";
import type { StoredHead } from "./stored.ts";

export type PurgeKind = "tag" | "url" | "prefix" | "all";

/** One purge as the control plane logs it. */
export interface Purge {
  readonly kind: PurgeKind;
  /** The tag; the URL (absolute, or from its path on); its beginning; empty for `all`. */
  readonly value: string;
  /** Soft: stale from now on (may be served while it is fetched anew); hard: gone. */
  readonly soft: boolean;
  /** When it was ordered, ms. */
  readonly at: number;
}

export type PurgeState = "none" | "soft" | "hard";

interface Times {
  soft: number;
  hard: number;
}

const NEVER: Times = { soft: -1, hard: -1 };

/**
 * Answers "was this purged since it was asked for?" in time that does not depend
 * on how many objects a purge hits: purges are judged when an object is read.
 */
export class PurgeView {
  readonly #tags = new Map<number, Times>();
  readonly #urls = new Map<number, Times>();
  /** By length, so that a target is held against each length once and not against every prefix. */
  readonly #prefixes = new Map<number, Map<string, Times>>();
  #latestPrefix = -1;
  readonly #all: Times = { soft: -1, hard: -1 };
  readonly #anyTag: Times = { soft: -1, hard: -1 };
  readonly #targetOf: (url: string) => string;
  #latest = -1;

  /** `targetOf`: the target that pages of a URL are kept under, as their keys have it. */
  constructor(log: readonly Purge[], targetOf: (url: string) => string = fromPath) {
    this.#targetOf = targetOf;
    for (const purge of log) this.add(purge);
  }

  add(purge: Purge): void {
    this.#latest = Math.max(this.#latest, purge.at);
    for (const times of this.#timesOf(purge)) {
      if (purge.soft) times.soft = Math.max(times.soft, purge.at);
      else times.hard = Math.max(times.hard, purge.at);
    }
  }

  #timesOf(purge: Omit<Purge, "soft">): Times[] {
    switch (purge.kind) {
      case "all":
        return [this.#all];
      case "url":
        return [entry(this.#urls, hashText(this.#targetOf(purge.value)))];
      case "tag":
        return [entry(this.#tags, hashTag(purge.value)), this.#anyTag];
      case "prefix": {
        const prefix = prefixOf(purge.value);
        this.#latestPrefix = Math.max(this.#latestPrefix, purge.at);
        const ofLength = this.#prefixes.get(prefix.length) ?? new Map<string, Times>();
        this.#prefixes.set(prefix.length, ofLength);
        return [entry(ofLength, prefix)];
      }
      default:
        return purge.kind satisfies never;
    }
  }

  /** A purge at the very millisecond of the request counts: better fetched twice than stale for ever. */
  stateOf(head: StoredHead): PurgeState {
    const since = head.requestTime;
    if (this.#latest < since) return "none";
    let soft = false;
    for (const times of this.#hitting(head)) {
      if (times.hard >= since) return "hard";
      soft ||= times.soft >= since;
    }
    return soft ? "soft" : "none";
  }

  *#hitting(head: StoredHead): Generator<Times> {
    yield this.#all;
    if (this.#urls.size > 0) yield this.#urls.get(hashText(head.target)) ?? NEVER;
    if (this.#latestPrefix >= head.requestTime) {
      for (const [length, ofLength] of this.#prefixes)
        yield ofLength.get(head.target.slice(0, length)) ?? NEVER;
    }
    if (this.#tags.size === 0) return;
    if (head.anyTag) yield this.#anyTag;
    for (const tag of head.tags) yield this.#tags.get(tag) ?? NEVER;
  }
}

/**
 * What an isolate takes for purged that has not heard of any purge yet because it
 * cannot reach the control plane: all that others stored before it began is stale.
 */
export function purgesUnknown(since: number): PurgeView {
  return new PurgeView([{ kind: "all", value: "", soft: true, at: since }]);
}

function entry<K>(map: Map<K, Times>, key: K): Times {
  const found = map.get(key) ?? { soft: -1, hard: -1 };
  map.set(key, found);
  return found;
}

/** A prefix as targets have it: its path canonical, a query as it stands. */
function prefixOf(value: string): string {
  const prefix = fromPath(value);
  return prefix.includes("?") ? prefix : canonicalize(`https://-${prefix}`).path;
}

/** An absolute URL from its path on, without a fragment: there is one host. */
export function fromPath(value: string): string {
  const authority = /^https?:\/\/[^/?#]*/i.exec(value)?.[0].length ?? 0;
  const [rest = ""] = value.slice(authority).split("#", 1);
  return rest.startsWith("/") ? rest : `/${rest}`;
}
