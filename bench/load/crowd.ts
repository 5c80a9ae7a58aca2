/** The visitors of the load test: browsers in line, as the waiting page's script and browsers without one behave. */
import { RawClient } from "../raw-http.ts";

export interface Visitor {
  readonly cookies: Map<string, string>;
  /** Whether the page's script runs; without it the page refreshes itself. */
  readonly script: boolean;
  /** The ticket's id and time of issue, ms; null: none yet. */
  ticket: { readonly id: string; readonly issuedAt: number } | null;
  /** ms; when he heard that he is in. 0: not yet. */
  admittedAt: number;
}

interface Answer {
  readonly status: number;
  readonly room: string | null;
  readonly setCookies: readonly string[];
  readonly retryAfter: number;
  readonly body: string;
}

/** Enough for requests that wait at a gate, without keeping thousands at the door. */
const CONNECTIONS = 256;
/** Nine in ten browsers run the page's script. */
const WITHOUT_SCRIPT = 10;
/** Browsers load a page again by themselves that could not be reached (Chromium's delays, ms). */
const RELOADS_MS = [1000, 5000, 30_000];
const BROWSER =
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0 Safari/537.36";

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class Crowd {
  readonly client = new RawClient(CONNECTIONS);
  readonly visitors: Visitor[] = [];
  /** ms by request, of those that were answered while the edge was up. */
  readonly latencies: number[] = [];
  /** Requests by what they were. */
  readonly requests = { pages: 0, polls: 0, entries: 0 };
  readonly failures = { down: 0, up: 0 };
  reached = 0;
  lostPlaces = 0;
  /** Answers that are not the room's, by status, and the cookies one was given to: there should be none. */
  readonly strange = new Map<number, { count: number; readonly cookies: string }>();
  /** Whether the edge's process is dead. */
  down = false;
  readonly #path: string;
  readonly #goal: string;
  readonly #untilMs: number;

  /**
   * @param goal the body of the page behind the room
   * @param untilMs by `performance.now()`: nobody waits longer
   */
  constructor(path: string, goal: string, untilMs: number) {
    this.#path = path;
    this.#goal = goal;
    this.#untilMs = untilMs;
  }

  get asked(): number {
    return this.requests.pages + this.requests.polls + this.requests.entries;
  }

  /** One visitor: the page first, then polls as the page makes them, then the store. */
  async visit(): Promise<void> {
    const script = this.visitors.length % WITHOUT_SCRIPT !== 0;
    const visitor: Visitor = { cookies: new Map(), script, ticket: null, admittedAt: 0 };
    this.visitors.push(visitor);
    let poll = false;
    for (let failed = 0; performance.now() < this.#untilMs;) {
      const answer = await this.#ask(visitor, poll ? "polls" : "pages");
      if (answer === null) {
        await sleep(poll ? scriptAgainMs(failed) : reloadAgainMs(failed));
        failed += 1;
        continue;
      }
      failed = 0;
      this.#keep(visitor, answer.setCookies);
      if (answer.room === "admitted") return this.#enter(visitor, answer);
      if (answer.room === null) this.#wonder(answer.status, visitor);
      if (answer.body.includes("new place")) this.lostPlaces += 1;
      await sleep(poll ? nextPollMs(answer) : this.#afterPage(visitor, answer));
      poll = visitor.script;
    }
  }

  #wonder(status: number, { cookies }: Visitor): void {
    const known = this.strange.get(status);
    if (known !== undefined) known.count += 1;
    else this.strange.set(status, { count: 1, cookies: cookieField(cookies) });
  }

  /** The page's own next poll: what its script reads from it, or its refresh. */
  #afterPage({ script }: Visitor, { body, retryAfter }: Answer): number {
    const next = script ? /data-next="(\d+)"/.exec(body)?.[1] : undefined;
    return next === undefined ? Math.max(1, retryAfter) * 1000 : Math.max(500, Number(next));
  }

  async #enter(visitor: Visitor, answer: Answer): Promise<void> {
    visitor.admittedAt = Date.now();
    let { body } = answer;
    for (let failed = 0; body !== this.#goal && performance.now() < this.#untilMs; failed++) {
      if (failed > 0) await sleep(reloadAgainMs(failed - 1));
      body = (await this.#ask(visitor, "entries"))?.body ?? "";
    }
    if (body === this.#goal) this.reached += 1;
  }

  async #ask(visitor: Visitor, kind: keyof Crowd["requests"]): Promise<Answer | null> {
    const cookie = cookieField(visitor.cookies);
    const poll = kind === "polls";
    const begun = performance.now();
    this.requests[kind] += 1;
    try {
      const { status, headers, setCookies, body } = await this.client.get(this.#path, {
        host: `127.0.0.1:${this.client.port}`,
        "user-agent": BROWSER,
        "accept-language": "en",
        accept: poll ? "application/json" : "text/html",
        ...(poll ? { "x-waiting-room-poll": "1" } : {}),
        ...(cookie === "" ? {} : { cookie }),
      });
      if (!this.down) this.latencies.push(performance.now() - begun);
      const room = headers.get("x-waiting-room") ?? null;
      if (status < 500)
        return { status, room, setCookies, retryAfter: Number(headers.get("retry-after") ?? 0), body };
    } catch {
      // Counted; the visitor tries again, as his browser does.
    }
    this.failures[this.down ? "down" : "up"] += 1;
    return null;
  }

  #keep(visitor: Visitor, setCookies: readonly string[]): void {
    for (const line of setCookies) {
      const [pair = ""] = line.split(";");
      const equals = pair.indexOf("=");
      const name = pair.slice(0, equals);
      const value = pair.slice(equals + 1);
      if (value === "") visitor.cookies.delete(name);
      else visitor.cookies.set(name, value);
      if (!name.startsWith("ticket") || value === "" || visitor.ticket !== null) continue;
      const [, , , id = "", issuedAt = "0"] = value.split(".");
      visitor.ticket = { id, issuedAt: Number.parseInt(issuedAt, 36) };
    }
  }
}

function cookieField(cookies: ReadonlyMap<string, string>): string {
  return [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
}

/** As in the page's script. */
function scriptAgainMs(failed: number): number {
  return Math.min(30_000, 4000 * 2 ** failed) * (0.6 + 0.8 * Math.random());
}

function reloadAgainMs(failed: number): number {
  return (RELOADS_MS[Math.min(failed, RELOADS_MS.length - 1)] ?? 0) * (1 + 0.2 * Math.random());
}

function nextPollMs({ body }: Answer): number {
  const told: { nextPollMs?: unknown } = JSON.parse(body);
  return Math.max(500, Number(told.nextPollMs ?? 3000));
}
