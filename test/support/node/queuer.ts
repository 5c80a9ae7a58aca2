/** A browser without JavaScript in a waiting room's line: keeps cookies, comes back when Retry-After says. */

export interface Queued {
  /** When the edge saw the visitor first, ms, by its clock: his place. */
  readonly cameAt: number;
  /** When he knew that he is in line, ms; Infinity: he never was. */
  readonly toldAt: number;
  /** When the gate let him in, ms, as the pass says. */
  readonly admittedAt: number;
  /** His requests: when each was due, and when it was really sent. */
  readonly requests: readonly { readonly dueAt: number; readonly sentAt: number }[];
  /** Body behind the room. */
  readonly body: string;
}

/** Waits in line until he is in. @throws Error where an answer is not the room's or may be cached */
export async function queueUp(address: string, room = "flash-sale"): Promise<Queued> {
  const cookies = new Map<string, string>();
  const requests: { dueAt: number; sentAt: number }[] = [];
  const field = (kind: string, index: number): number =>
    Number.parseInt((cookies.get(`${kind}.${room}`) ?? "").split(".")[index] ?? "", 36);
  let cameAt = 0;
  let toldAt = Infinity;
  for (let dueAt = Date.now(); ;) {
    requests.push({ dueAt, sentAt: Date.now() });
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(address, { headers: { accept: "text/html", cookie } });
    const body = await response.text();
    for (const line of response.headers.getSetCookie()) {
      const [pair = ""] = line.split(";");
      cookies.set(pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1));
    }
    const state = response.headers.get("x-waiting-room");
    if (state === "admitted") {
      const admittedAt = field("pass", 4);
      return { cameAt: cameAt || admittedAt, toldAt, admittedAt, requests, body };
    }
    const wait = Number(response.headers.get("retry-after"));
    if (state !== "queued" || response.headers.get("cache-control") !== "no-store" || !(wait > 0))
      throw new Error(`not an answer to somebody in line: ${response.status} ${state}`);
    cameAt ||= field("ticket", 4);
    toldAt = Math.min(toldAt, Date.now());
    dueAt = Date.now() + wait * 1000;
    await new Promise((resolve) => setTimeout(resolve, wait * 1000));
  }
}

/** A stall of the machine or the way: less is no excuse. */
const STALL_MS = 500;

/**
 * Those among `others` who were overtaken by `later`: in line before him, told so
 * before he came in, and not away when they were due. Requests that are under way
 * together may meet the gate in any order.
 */
export function overtakenBy(later: Queued, others: readonly Queued[]): Queued[] {
  return others.filter(
    (earlier) =>
      earlier.cameAt < later.cameAt &&
      earlier.admittedAt > later.admittedAt &&
      earlier.toldAt < later.admittedAt &&
      !wasLate(earlier, later.admittedAt),
  );
}

/** Whether the visitor was due at `at` and had not come: then his turn may go to the next. */
function wasLate({ requests }: Queued, at: number): boolean {
  const next = requests.find(({ sentAt }) => sentAt > at - STALL_MS);
  return next !== undefined && next.dueAt < at - STALL_MS;
}

/** Most times (sorted, ms) within any `ms`. */
export function mostWithin(times: readonly number[], ms: number): number {
  let most = 0;
  let first = 0;
  for (const [last, time] of times.entries()) {
    while (time - (times[first] ?? time) >= ms) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
