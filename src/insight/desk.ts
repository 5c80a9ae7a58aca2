/**
 * The desk: the one Insight object that remembers what must be remembered once,
 * whichever isolate asks: open alerts and messages not yet delivered, and the
 * autoscale recommendations of the last minutes. Delivery is at least once; the
 * receiver can tell a repetition by its Idempotency-Key.
 */
import { retryDelay, settleAlerts, type AlertMessage, type Firing, type OpenAlert } from "./alerts.ts";
import { STABILISE_MS, type Recommendation } from "./autoscale.ts";

/** What the desk answers over RPC. */
export interface DeskPort {
  /** Whether an evaluation is due: true for one caller a minute. */
  claimEvaluation(): Promise<boolean>;
  /** Settles what fires now and delivers what there is to tell; null as `webhook` only remembers it. */
  alert(firing: readonly Firing[], webhook: string | null): Promise<void>;
  openAlerts(): Promise<readonly OpenAlert[]>;
  /** Whether `ticket` was not spent before; it is from now on. */
  spend(ticket: string): Promise<boolean>;
  /** Recommendations of the last 300 s, after adding one where it is given. */
  recommendations(added: Recommendation | null): Promise<readonly Recommendation[]>;
}

interface Parcel {
  readonly message: AlertMessage;
  readonly webhook: string;
  readonly tries: number;
  readonly dueAt: number;
}

const EVALUATE_MS = 60_000;
const DELIVERY_DEADLINE_MS = 10_000;
const SPENT = "spent:";
/** Longer than any ticket is good for. */
const SPENT_KEPT_MS = 600_000;
/** Messages to deliver lie each under a key of its own: while one is sent, others may come. */
const PARCELS = "parcel:";

export class Desk {
  readonly #storage: DurableObjectStorage;
  readonly #underWay = new Set<string>();

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  claimEvaluation(): boolean {
    const now = Date.now();
    const last = this.#storage.kv.get<number>("evaluatedAt") ?? 0;
    if (now - last < EVALUATE_MS) return false;
    this.#storage.kv.put("evaluatedAt", now);
    return true;
  }

  async alert(firing: readonly Firing[], webhook: string | null): Promise<void> {
    const now = Date.now();
    const { open, messages } = settleAlerts(this.openAlerts(), firing, now);
    this.#storage.kv.put("openAlerts", open);
    if (webhook === null || messages.length === 0) return;
    for (const message of messages) {
      this.#storage.kv.put(`${PARCELS}${crypto.randomUUID()}`, {
        message,
        webhook,
        tries: 0,
        dueAt: now,
      } satisfies Parcel);
    }
    await this.deliver();
  }

  openAlerts(): readonly OpenAlert[] {
    return this.#storage.kv.get<readonly OpenAlert[]>("openAlerts") ?? [];
  }

  spend(ticket: string): boolean {
    const now = Date.now();
    const spent = [...this.#storage.kv.list<number>({ prefix: SPENT })];
    for (const [key, at] of spent) if (now - at > SPENT_KEPT_MS) this.#storage.kv.delete(key);
    if (spent.some(([key]) => key === SPENT + ticket)) return false;
    this.#storage.kv.put(SPENT + ticket, now);
    return true;
  }

  recommendations(added: Recommendation | null): readonly Recommendation[] {
    const kept = this.#storage.kv.get<readonly Recommendation[]>("recommendations") ?? [];
    if (added === null) return kept;
    const recent = [...kept, added].filter(({ at }) => added.at - at < STABILISE_MS);
    this.#storage.kv.put("recommendations", recent);
    return recent;
  }

  /** Sends what is due; what fails is due again later, from the object's alarm. */
  async deliver(): Promise<void> {
    const now = Date.now();
    const parcels = [...this.#storage.kv.list<Parcel>({ prefix: PARCELS })];
    for (const [key, parcel] of parcels) {
      if (parcel.dueAt > now || this.#underWay.has(key)) continue;
      this.#underWay.add(key);
      const arrived = await send(parcel);
      this.#underWay.delete(key);
      const delay = arrived ? null : retryDelay(parcel.tries);
      if (delay === null) this.#storage.kv.delete(key);
      else this.#storage.kv.put(key, { ...parcel, tries: parcel.tries + 1, dueAt: Date.now() + delay });
    }
    const left = [...this.#storage.kv.list<Parcel>({ prefix: PARCELS })].map(([, parcel]) => parcel.dueAt);
    if (left.length > 0) await this.#storage.setAlarm(Math.min(...left));
  }
}

async function send({ message, webhook }: Parcel): Promise<boolean> {
  try {
    const response = await fetch(webhook, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "idempotency-key": `${message.key}:${message.status}:${message.at}`,
      },
      body: JSON.stringify({
        ...message,
        since: new Date(message.since).toISOString(),
        at: new Date(message.at).toISOString(),
      }),
      redirect: "manual",
      signal: AbortSignal.timeout(DELIVERY_DEADLINE_MS),
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
