import { discard, responseOf } from "../http/answer.ts";
import { canonicalize } from "../http/canonical.ts";
import type { Forwarded } from "./cache-status.ts";
import { bypass, fromEntry, onlyIfCached } from "./answers.ts";
import { type Classified, Classifier } from "./classify.ts";
import type { CompiledCachePolicy, FragmentRules } from "./compiled.ts";
import type { Note } from "./conditions.ts";
import { type Directives, parseCacheControl } from "./directives.ts";
import type { Observe } from "./events.ts";
import { Fetches, isFailure } from "./fetches.ts";
import { FragmentError, MAX_FRAGMENTS, composed } from "./fragments.ts";
import { timeToLive } from "./freshness.ts";
import { invalidatedBy } from "./invalidation.ts";
import { Invalidations } from "./invalidations.ts";
import { keptQuery, keyOf, targetOf } from "./key.ts";
import { CONDITIONS, originHeaders } from "./origin-request.ts";
import {
  type BypassReason,
  type CacheDependencies,
  type CacheInput,
  type FetchOrigin,
  type Passage,
  type Served,
  inputOf,
  isOwn,
} from "./passage.ts";
import { fromPath, type Purge, type PurgeState, PurgeView } from "./purge.ts";
import { reuseOf, standsInForError } from "./reuse.ts";
import { Shelf } from "./shelf.ts";
import { CacheApiStore, MemoryStore } from "./store.ts";
import type { StoredHead, StoredResponse } from "./stored.ts";
import { Together } from "./together.ts";
import { Until } from "./until.ts";

const REMEMBERED_KEYS = 10_000;
/** After a failure stale answers are given for so long without asking again. */
const FAILURE_MS = 1_000;
const NO_DIRECTIVES: Directives = new Map();

/**
 * The HTTP cache of one isolate.
 *
 * What it promises of collapsing: within an isolate, requests for one key that
 * may share an answer cause one origin request. Between isolates they share what
 * the Cache API has already stored, not what is under way.
 */
export class EdgeCache {
  readonly memory: MemoryStore;
  readonly #classifier: Classifier;
  readonly #fragmentRules: FragmentRules;
  readonly #now: () => number;
  readonly #observe: Observe;
  readonly #note: Note;
  readonly #publish: CacheDependencies["publish"];
  readonly #shelf: Shelf;
  readonly #fetches: Fetches;
  readonly #together: Together;
  readonly #failing = new Until(REMEMBERED_KEYS);
  /** Invalidations by unsafe requests that this isolate has seen. */
  readonly #invalidations = new Invalidations();

  constructor(policy: CompiledCachePolicy, dependencies: CacheDependencies) {
    const { now, random, cacheApi, host } = dependencies;
    this.#fragmentRules = policy.fragments;
    this.memory = new MemoryStore(dependencies.memoryBytes ?? policy.memoryBytes);
    this.#classifier = new Classifier(policy);
    this.#now = now;
    this.#publish = dependencies.publish;
    this.#observe = dependencies.observe;
    this.#note = (part) => dependencies.observe({ kind: "malformed", part, from: "client" });
    const beneath = cacheApi === null ? undefined : new CacheApiStore(cacheApi, host);
    this.#shelf = new Shelf(this.memory, beneath, () => `${now().toString(36)}.${random().toString(36)}`);
    this.#fetches = new Fetches(this.#shelf, dependencies, policy.objectBytes);
    this.#together = new Together(this.#shelf, this.#fetches, now);
  }

  /** The control plane's purges, by what pages are kept under: any spelling of a URL that leads to a page names it. */
  purgesOf(log: readonly Purge[]): PurgeView {
    return new PurgeView(log, (url) => {
      const { path, query } = canonicalize(`https://-${fromPath(url)}`);
      const { rules } = this.#classifier.classOf(path);
      return targetOf(path, rules === undefined ? query : keptQuery(query, rules.query));
    });
  }

  /**
   * Answers a request from the cache or the origin; what memory holds, at once.
   * Rejects only with what `fetchOrigin` throws and EdgeErrors for a failing origin.
   */
  serve(input: CacheInput, fetchOrigin: FetchOrigin): Served | Promise<Served> {
    const { method, headers, host, path, query } = input;
    const classified = this.#classifier.classOf(path);
    if (method !== "GET" && method !== "HEAD") return this.#unsafe(input, fetchOrigin, classified);
    const { rules } = classified;
    if (rules === undefined) return bypass(input, fetchOrigin, classified, classReason(classified));
    const reason = requestReason(input);
    if (reason !== undefined) return bypass(input, fetchOrigin, classified, reason);
    const known = this.#classifier.dimensions;
    const key = keyOf(host, path, query, headers, rules, known);
    if (key === undefined) return bypass(input, fetchOrigin, classified, "key-too-long");
    const asked = rules.clientDirectives ? parseCacheControl(headers.get("cache-control")) : NO_DIRECTIVES;
    let forOrigin: Headers | undefined;
    return this.#cacheable({
      input,
      fetchOrigin,
      rules,
      key,
      asked,
      authorized: headers.has("authorization"),
      note: this.#note,
      headers: () => (forOrigin ??= originHeaders(input.request.headers, rules, key, known)),
      isFresh: (head) => reuseOf(head, asked, this.#purgeState(head, input.purges), this.#now()) === "fresh",
      purgeState: (head) => this.#purgeState(head, input.purges),
    });
  }

  #cacheable(passage: Passage): Served | Promise<Served> {
    const held = this.#shelf.peek(passage.key.text, passage.headers);
    return held === undefined ? this.#search(passage) : this.#reuse(passage, held);
  }

  async #search(passage: Passage): Promise<Served> {
    const { text } = passage.key;
    // What is not for sharing is hardly in the tier beneath; its requests do not wait to look there.
    const deep = (): boolean => !this.#fetches.isUnshared(text);
    const { entry, varies } = await this.#shelf.find(text, passage.headers, deep);
    if (entry !== undefined) return this.#reuse(passage, entry);
    return this.#forward(passage, undefined, varies ? "vary-miss" : "uri-miss");
  }

  /** With what is stored, where it may be; else with what the origin says of it. */
  #reuse(passage: Passage, entry: StoredResponse): Served | Promise<Served> {
    const { input, asked } = passage;
    const now = this.#now();
    const purged = this.#purgeState(entry.head, input.purges);
    const reuse = reuseOf(entry.head, asked, purged, now);
    if (reuse === "gone") return this.#forward(passage, undefined, "uri-miss");
    if (isOwn(passage)) return this.#forward(passage, entry, "request");
    if (reuse === "fresh") return fromEntry(passage, entry, "hit", purged, now);
    if (reuse === "stale-while-revalidate") {
      this.#refresh(passage, entry);
      return fromEntry(passage, entry, "stale", purged, now, "stale-while-revalidate");
    }
    const stale = entry.head.noCache || purged === "soft" || timeToLive(entry.head, now) <= 0;
    return this.#forward(passage, entry, stale ? "stale" : "request");
  }

  #purgeState(head: StoredHead, purges: PurgeView): PurgeState {
    const ordered = purges.stateOf(head);
    return this.#invalidations.hits(head) ? "hard" : ordered;
  }

  /** Asks the origin, alone or together with those who want the same; a failing origin is stood in for where that is allowed. */
  async #forward(passage: Passage, entry: StoredResponse | undefined, why: Forwarded): Promise<Served> {
    const { input, key, asked } = passage;
    if (asked.has("only-if-cached")) return onlyIfCached(passage);
    const purged = entry === undefined ? "hard" : this.#purgeState(entry.head, input.purges);
    const standIn =
      entry !== undefined && standsInForError(entry.head, purged, this.#now()) ? entry : undefined;
    if (standIn !== undefined && this.#failing.holds(key.text, this.#now()))
      return this.#inPlaceOfError(passage, standIn, purged);
    try {
      const served = await this.#together.answer(passage, entry, standIn !== undefined, why);
      if (standIn === undefined || !isFailure(served.answer)) return served;
      await discard(served.answer);
    } catch (error) {
      if (standIn === undefined) throw error;
    }
    this.#failing.set(key.text, this.#now() + FAILURE_MS);
    return this.#inPlaceOfError(passage, standIn, this.#purgeState(standIn.head, input.purges));
  }

  #inPlaceOfError(passage: Passage, entry: StoredResponse, purged: PurgeState): Served {
    return fromEntry(passage, entry, "stale-error", purged, this.#now(), "stale-if-error");
  }

  /** Fetches anew behind a stale answer; at most one at a time for a key. */
  #refresh(passage: Passage, entry: StoredResponse): void {
    const { key, input } = passage;
    if (this.#fetches.under(key.text) !== undefined || this.#failing.holds(key.text, this.#now())) return;
    const keepsOld = standsInForError(entry.head, "none", this.#now());
    const failed = (): void => this.#failing.set(key.text, this.#now() + FAILURE_MS);
    const refreshed = this.#fetches.ask(passage, entry, keepsOld, key.text).then(async (landing) => {
      if (landing.phase !== "alone") return;
      if (isFailure(landing.response)) failed();
      await landing.response.body?.cancel();
    }, failed);
    input.waitUntil(refreshed);
  }

  /**
   * Puts the fragments into a page that `serve` gave out with `fragments` set;
   * any other is returned as it is. Each include is a request of its own through
   * the cache, in its own class, with the visitor's headers.
   */
  compose(page: Served, input: CacheInput, fetchOrigin: FetchOrigin): Served {
    if (!page.fragments) return page;
    const fetchFragment = async (url: URL, depth: number, signal: AbortSignal): Promise<Response> => {
      // A path with two readings may be another one to the origin.
      if (this.#classifier.classOf(url.pathname).reason === "ambiguous-path")
        throw new FragmentError("elsewhere");
      const request = new Request(url, { headers: fragmentHeaders(input.request.headers) });
      const fragment = await this.serve(
        { ...input, ...inputOf(request), path: url.pathname, query: url.search.slice(1), signal },
        fetchOrigin,
      );
      return responseOf(fragment.fragments ? composed(fragment.answer, composition, depth) : fragment.answer);
    };
    const composition = {
      base: new URL(input.request.url),
      rules: this.#fragmentRules,
      fetchFragment,
      observe: this.#observe,
      left: this.#fragmentRules.count,
      room: MAX_FRAGMENTS,
    };
    return { ...page, answer: composed(page.answer, composition, 0), fragments: false };
  }

  /** RFC 9111 section 4.4: an unsafe request that the origin took makes what is stored for its URL invalid. */
  async #unsafe(input: CacheInput, fetchOrigin: FetchOrigin, classified: Classified): Promise<Served> {
    const served = await bypass(input, fetchOrigin, classified, "method", "method");
    const safe = input.method === "OPTIONS" || input.method === "TRACE";
    if (safe || served.answer.status >= 400) return served;
    const invalidated = invalidatedBy(input, served.answer, (path) => this.#classifier.classOf(path).rules);
    for (const each of invalidated) this.#invalidations.add(each, this.#now());
    if (invalidated.length > 0) this.#publish(invalidated, input.waitUntil);
    return served;
  }
}

/** What an include inherits of the visitor: not what concerns the page's own body. */
function fragmentHeaders(visitor: Headers): Headers {
  const headers = new Headers(visitor);
  for (const name of [...CONDITIONS, "content-length"]) headers.delete(name);
  return headers;
}

function classReason({ reason }: Classified): BypassReason {
  return reason === "matched" || reason === "shadow-of-never" ? "class-never" : reason;
}

/** What of a request makes its answer its own. */
function requestReason({ headers, hasBody }: CacheInput): BypassReason | undefined {
  // A body on GET is not in the key; an origin that reads it could be made to answer for it (fat GET).
  if (hasBody || Number(headers.get("content-length") ?? 0) > 0) return "request-body";
  // Any other offer ends at this hop (RFC 9110 section 7.8), and the page is the same.
  return headers.get("upgrade")?.toLowerCase() === "websocket" ? "upgrade" : undefined;
}
