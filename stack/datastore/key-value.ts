/**
 * The key-value port, for sessions and the catalog cache: Redis when there is
 * a server, the memory of this process otherwise. Values expire; records are
 * hashes whose fields change one by one, so that two clicks at once in one
 * cart both count.
 */
import { createClient } from "redis";

export interface KeyValue {
  get(key: string): Promise<string | undefined>;
  /** Stores `value` for `seconds`. */
  set(key: string, value: string, seconds: number): Promise<void>;
  /** All fields of the record; empty when there is none. */
  fields(key: string): Promise<Record<string, string>>;
  /** Sets one field and lets the record live for `seconds` from now. */
  setField(key: string, field: string, value: string, seconds: number): Promise<void>;
  /** Adds to a whole number (0 when absent) atomically and returns the sum; the record lives for `seconds` from now. */
  addToField(key: string, field: string, amount: number, seconds: number): Promise<number>;
  removeFields(key: string, fields: readonly string[]): Promise<void>;
  /** Forgets a value or a record. */
  remove(key: string): Promise<void>;
  close(): Promise<void>;
}

/** Milliseconds a command may take: a page without its cart count is better than a page that never comes. */
const COMMAND_DEADLINE = 1_000;
/** Milliseconds that a Redis which was too slow is left alone. */
const REST = 1_000;
/** Milliseconds between tries to reach a Redis that was lost. */
const RECONNECT = 250;

/**
 * Connects to Redis, e.g. `redis://127.0.0.1:6379`. Keys get the prefix `acme:`.
 * Throws when it cannot be reached now. When it is lost later, commands fail at
 * once (where it hangs, one a while waits for its deadline) until it is back.
 */
export async function connectRedis(redisUrl: string): Promise<KeyValue> {
  let reached = false;
  const client = createClient({
    url: redisUrl,
    keyPrefix: "acme:",
    disableOfflineQueue: true,
    socket: {
      connectTimeout: 5_000,
      reconnectStrategy: (_tries, cause) => (reached ? RECONNECT : cause),
    },
  });
  // Whoever sent a command learns of the loss; there is nobody else to tell.
  client.on("error", () => undefined);
  await client.connect().catch((cause: unknown) => {
    throw new Error(`Redis at ${new URL(redisUrl).host} cannot be reached; is REDIS_URL right?`, { cause });
  });
  reached = true;
  const within = impatient();
  return {
    get: async (key) => (await within(() => client.get(key))) ?? undefined,
    async set(key, value, seconds) {
      await within(() => client.set(key, value, { expiration: { type: "EX", value: seconds } }));
    },
    fields: async (key) => ({ ...(await within(() => client.hGetAll(key))) }),
    async setField(key, field, value, seconds) {
      await within(() => client.multi().hSet(key, field, value).expire(key, seconds).exec());
    },
    async addToField(key, field, amount, seconds) {
      const [sum] = await within(() =>
        client.multi().hIncrBy(key, field, amount).expire(key, seconds).execTyped(),
      );
      return sum;
    },
    async removeFields(key, fields) {
      if (fields.length > 0) await within(() => client.hDel(key, [...fields]));
    },
    async remove(key) {
      await within(() => client.del(key));
    },
    async close() {
      client.destroy();
    },
  };
}

/** Runs commands within the deadline; after one that was late, the next ones fail at once for a while. */
function impatient(): <Result>(command: () => Promise<Result>) => Promise<Result> {
  let restUntil = 0;
  return async (command) => {
    if (Date.now() < restUntil) throw new Error("Redis did not answer a moment ago");
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      restUntil = Date.now() + REST;
      late.reject(new Error("Redis did not answer in time"));
    }, COMMAND_DEADLINE);
    try {
      return await Promise.race([command(), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  };
}

interface Entry {
  readonly value: string | Map<string, string>;
  readonly expires: number;
}

/** Entries the in-process store holds; beyond it the oldest written goes. */
const MEMORY_ENTRIES = 100_000;

/** The same port in the memory of this process; `now` (ms) makes expiry testable. */
export function openMemoryKeyValue(now: () => number = Date.now, capacity = MEMORY_ENTRIES): KeyValue {
  const entries = new Map<string, Entry>();

  const read = (key: string): Entry["value"] | undefined => {
    const entry = entries.get(key);
    if (entry === undefined || entry.expires > now()) return entry?.value;
    entries.delete(key);
    return undefined;
  };
  const write = (key: string, value: Entry["value"], seconds: number): void => {
    entries.delete(key);
    entries.set(key, { value, expires: now() + seconds * 1_000 });
    if (entries.size <= capacity) return;
    const [oldest] = entries.keys();
    if (oldest !== undefined) entries.delete(oldest);
  };
  const record = (key: string): Map<string, string> => {
    const value = read(key);
    return value instanceof Map ? value : new Map<string, string>();
  };

  return {
    async get(key) {
      const value = read(key);
      return typeof value === "string" ? value : undefined;
    },
    async set(key, value, seconds) {
      write(key, value, seconds);
    },
    async fields(key) {
      return Object.fromEntries(record(key));
    },
    async setField(key, field, value, seconds) {
      write(key, record(key).set(field, value), seconds);
    },
    async addToField(key, field, amount, seconds) {
      const fields = record(key);
      const sum = Number(fields.get(field) ?? "0") + amount;
      write(key, fields.set(field, String(sum)), seconds);
      return sum;
    },
    async removeFields(key, fields) {
      const held = record(key);
      for (const field of fields) held.delete(field);
    },
    async remove(key) {
      entries.delete(key);
    },
    async close() {
      entries.clear();
    },
  };
}
