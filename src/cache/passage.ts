import type { Answer } from "../http/answer.ts";
import type { FieldReader } from "../http/fields.ts";
import type { CacheOutcome } from "./cache-status.ts";
import type { Directives } from "./directives.ts";
import type { CacheKey } from "./key.ts";
import type { CacheClass } from "./compiled.ts";
import type { PurgeState, PurgeView } from "./purge.ts";
import type { Note } from "./conditions.ts";
import type { Observe } from "./events.ts";
import type { StoredHead } from "./stored.ts";
import type { NotStoredReason } from "./store-head.ts";

export interface CacheDependencies {
  /** The platform's cache, or null to live in memory alone. */
  readonly cacheApi: Cache | null;
  /** Host under which the Cache API keeps what is stored. */
  readonly host: string;
  /** Over the policy's, in bytes. */
  readonly memoryBytes?: number;
  /** A body from the origin that stands still for this long is cut at the gateway, which may notice as late as after twice that, ms. */
  readonly originStallMs: number;
  readonly now: () => number;
  /** 0 to 1. */
  readonly random: () => number;
  /** Told of what could not be read or composed; must not throw. */
  readonly observe: Observe;
  /** Told what an accepted unsafe request made invalid here, so that it may be so everywhere. */
  readonly publish: (invalidated: readonly Invalidated[], waitUntil: CacheInput["waitUntil"]) => void;
}

/** What is no longer right: a URL from its path on, as keyed, or a tag. */
export interface Invalidated {
  readonly kind: "tag" | "url";
  readonly value: string;
}

export interface CacheInput {
  readonly method: string;
  /** The request's fields, clean. */
  readonly headers: FieldReader;
  readonly hasBody: boolean;
  readonly host: string;
  /** The request under its canonical URL with those fields. It may be made when it is asked for: a hit has no need of it. */
  readonly request: Request;
  /** Its canonical path. */
  readonly path: string;
  /** Its query, canonical, without `?`. */
  readonly query: string;
  /** The control plane's purges. */
  readonly purges: PurgeView;
  /** How long the origin may take to its first byte over all tries, ms. */
  readonly originMs: number;
  /** Aborted when the answer is not wanted any more. What others wait for, or what is being stored, goes on. */
  readonly signal?: AbortSignal;
  readonly waitUntil: (promise: Promise<unknown>) => void;
}

/** What an input says of a request that is at hand already. */
export function inputOf(
  request: Request,
): Pick<CacheInput, "method" | "headers" | "hasBody" | "host" | "request"> {
  const { method, headers, body, url } = request;
  return { method, headers, hasBody: body !== null, host: new URL(url).host, request };
}

/**
 * Asks the origin. Throws where it cannot be reached; what it resolves to has been
 * inspected, and its bytes are what its Content-Encoding says. `signal`: aborted
 * when nobody waits for the answer any more.
 */
export type FetchOrigin = (request: Request, signal?: AbortSignal) => Promise<Response>;

/** Why nothing was read from the cache: a closed union. */
export type BypassReason =
  | "ambiguous-path"
  | "class-never"
  | "key-too-long"
  | "method"
  | "range"
  | "head"
  | "request-body"
  | "unmatched"
  | "upgrade";

export interface Served {
  readonly answer: Answer;
  readonly outcome: CacheOutcome;
  /** Class of the path; `none` where no class matches. */
  readonly className: string;
  /** Why it went past the cache or was not stored. */
  readonly reason: BypassReason | NotStoredReason | undefined;
  /** Whether the body is a template to compose. */
  readonly fragments: boolean;
}

/** A request on its way through a cacheable class. */
export interface Passage {
  readonly input: CacheInput;
  readonly fetchOrigin: FetchOrigin;
  readonly rules: CacheClass;
  readonly key: CacheKey;
  /** The client's directives, where the class follows them. */
  readonly asked: Directives;
  readonly authorized: boolean;
  /** As the origin gets them; made when first needed, never changed. */
  readonly headers: () => Headers;
  /** Told of the client's fields that could not be read. */
  readonly note: Note;
  /** Whether a stored response may answer this request as it is. */
  readonly isFresh: (head: StoredHead) => boolean;
  readonly purgeState: (head: StoredHead) => PurgeState;
}

/** Whether the answer is this request's own, and says nothing of what is stored for others: strangers send credentials and `no-store` as they like. */
export function isOwn({ authorized, asked }: Passage): boolean {
  return authorized || asked.has("no-store");
}

/** The origin's URL for what the key says, and nothing else. */
export function originUrl(request: Request, key: CacheKey): string {
  const { url } = request;
  return url.slice(0, url.indexOf("/", url.indexOf("//") + 2)) + key.target;
}
