import { type MemoryStore, type Store } from "./store.ts";
import type { StoredObject, StoredResponse, VariantIndex } from "./stored.ts";
import { lengthPrefixed, variantOf } from "./vary.ts";

const MAX_NAME_LISTS = 4;

/** What the shelf holds for a request. */
export interface Found {
  readonly entry: StoredResponse | undefined;
  /** Whether responses of other variants are there. */
  readonly varies: boolean;
}

/**
 * The two tiers as one: memory first, then the Cache API; variants under their
 * index. Both may lose anything at any time.
 */
export class Shelf {
  readonly #memory: MemoryStore;
  readonly #beneath: Store | undefined;
  readonly #epoch: () => string;

  constructor(memory: MemoryStore, beneath: Store | undefined, epoch: () => string) {
    this.#memory = memory;
    this.#beneath = beneath;
    this.#epoch = epoch;
  }

  /** `headers` as the origin would get them; asked for only where responses vary. `deep`: whether to look in the tier beneath, too. */
  async find(key: string, headers: () => Headers, deep: () => boolean): Promise<Found> {
    const object = this.#memory.peek(key) ?? (deep() ? await this.#fromBeneath(key) : undefined);
    if (object?.kind !== "index") return { entry: object, varies: false };
    for (const names of object.names) {
      const variantKey = keyOfVariant(key, object.epoch, names, variantOf(names, headers()));
      const variant = this.#memory.peek(variantKey) ?? (await this.#fromBeneath(variantKey));
      if (variant?.kind === "response") return { entry: variant, varies: true };
    }
    return { entry: undefined, varies: true };
  }

  /** As `find`, of what memory holds at this moment. */
  peek(key: string, headers: () => Headers): StoredResponse | undefined {
    const object = this.#memory.peek(key);
    if (object?.kind !== "index") return object;
    for (const names of object.names) {
      const variant = this.#memory.peek(keyOfVariant(key, object.epoch, names, variantOf(names, headers())));
      if (variant?.kind === "response") return variant;
    }
    return undefined;
  }

  /** What another isolate has put into the tier beneath since `than`. */
  async newer(
    key: string,
    headers: () => Headers,
    than: StoredResponse,
  ): Promise<StoredResponse | undefined> {
    const { vary } = than.head;
    const index = vary.length === 0 ? undefined : this.#memory.peek(key);
    if (vary.length > 0 && index?.kind !== "index") return undefined;
    const storedKey =
      index?.kind === "index" ? keyOfVariant(key, index.epoch, vary, variantOf(vary, headers())) : key;
    const object = await this.#beneath?.get(storedKey);
    if (object?.kind !== "response" || object.head.responseTime <= than.head.responseTime) return undefined;
    await this.#memory.put(storedKey, object);
    return object;
  }

  async #fromBeneath(key: string): Promise<StoredObject | undefined> {
    const object = await this.#beneath?.get(key);
    if (object !== undefined) await this.#memory.put(key, object);
    return object;
  }

  /** Stores in memory at once; resolves when the tier beneath has it too. */
  async keep(key: string, entry: StoredResponse, now: number): Promise<void> {
    const { vary, variant } = entry.head;
    if (vary.length === 0) return this.#write(key, entry, now);
    const present = this.#memory.peek(key);
    const index = withNames(present?.kind === "index" ? present : undefined, vary, this.#epoch);
    const written = this.#write(keyOfVariant(key, index.epoch, vary, variant), entry, now);
    if (index !== present) await this.#write(key, index, now);
    return written;
  }

  async #write(key: string, object: StoredObject, now: number): Promise<void> {
    // Before anything is awaited: the next request of this isolate finds it.
    const kept = this.#memory.put(key, object);
    await this.#beneath?.put(key, object, now);
    return kept;
  }

  async forget(key: string): Promise<void> {
    this.#memory.remove(key);
    await this.#beneath?.delete(key);
  }
}

function withNames(
  present: VariantIndex | undefined,
  names: readonly string[],
  epoch: () => string,
): VariantIndex {
  if (present === undefined) return { kind: "index", epoch: epoch(), names: [names] };
  const [first] = present.names;
  if (first?.join() === names.join()) return present;
  const others = present.names.filter((known) => known.join() !== names.join());
  return { ...present, names: [names, ...others].slice(0, MAX_NAME_LISTS) };
}

function keyOfVariant(key: string, epoch: string, names: readonly string[], variant: string): string {
  return [key, epoch, names.join(), variant].map(lengthPrefixed).join("");
}
