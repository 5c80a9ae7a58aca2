/**
 * The shards as one. A site always reports to the same shard; readers ask all of
 * them and add up. A shard that does not answer leaves a gap, which is said, not an error.
 */
import type { DeskPort } from "./desk.ts";
import type { Retention, ShardPort } from "./object.ts";
import type { Sample } from "./series.ts";
import type { Sighting } from "./sightings.ts";

export interface Shards {
  /** Reports of an isolate at `site` (an airport code). */
  add(
    site: string,
    samples: readonly Sample[],
    sightings: readonly Sighting[],
    keep: Retention,
  ): Promise<void>;
  /** The latest requests that a rule matched, newest first. */
  sightings(rule: string): Promise<readonly Sighting[]>;
  readonly desk: DeskPort;
  totals(): Promise<Sums>;
  /** One answer for each of `froms`. */
  windows(prefix: string, froms: readonly number[]): Promise<readonly Sums[]>;
  timeline(prefix: string, from: number): Promise<ReadonlyMap<number, ReadonlyMap<string, number>>>;
  recent(prefix: string, seconds: number): Promise<Sums>;
}

const SIGHTINGS_SHOWN = 10;

/** Numbers by series. */
export type Sums = ReadonlyMap<string, number>;

export function createShards(namespace: DurableObjectNamespace, count: number): Shards {
  const shard = (index: number): ShardPort =>
    // oxlint-disable-next-line typescript-eslint/no-unsafe-type-assertion -- it is InsightObject that wrangler.toml binds
    namespace.getByName(`shard-${index}`) as unknown as ShardPort;

  // oxlint-disable-next-line typescript-eslint/no-unsafe-type-assertion -- as above
  const desk = (): DeskPort => namespace.getByName("desk") as unknown as DeskPort;

  async function gather<T>(ask: (port: ShardPort) => Promise<readonly T[]>): Promise<T[]> {
    const asked = Array.from({ length: count }, (_, index) => ask(shard(index)));
    const answers = await Promise.allSettled(asked);
    const given = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
    if (given.length === 0) throw new Error("no shard of Insight answers");
    return given.flat();
  }

  return {
    // A stub belongs to the request that made it: workerd refuses to use it from another.
    get desk() {
      return desk();
    },
    add: async (site, samples, sightings, keep) => shard(indexOf(site, count)).add(samples, sightings, keep),
    async sightings(rule) {
      const found = await gather((port) => port.sightings(rule));
      return found.toSorted((a, b) => b.at - a.at).slice(0, SIGHTINGS_SHOWN);
    },
    totals: async () => sumUp(await gather((port) => port.totals())),
    async windows(prefix, froms) {
      const answers = await gather(async (port) => [await port.windows(prefix, froms)]);
      return froms.map((_, index) => sumUp(answers.flatMap((answer) => answer[index] ?? [])));
    },
    recent: async (prefix, seconds) => sumUp(await gather((port) => port.recent(prefix, seconds))),
    async timeline(prefix, from) {
      const minutes = new Map<number, Map<string, number>>();
      for (const [at, series, sum] of await gather((port) => port.timeline(prefix, from))) {
        const sums = minutes.get(at) ?? new Map<string, number>();
        minutes.set(at, sums);
        sums.set(series, (sums.get(series) ?? 0) + sum);
      }
      return minutes;
    },
  };
}

/** Adds up samples by series. */
export function sumUp(samples: Iterable<Sample>): Map<string, number> {
  const sums = new Map<string, number>();
  for (const [series, delta] of samples) sums.set(series, (sums.get(series) ?? 0) + delta);
  return sums;
}

function indexOf(site: string, count: number): number {
  let hash = 0;
  for (let index = 0; index < site.length; index++) hash = (hash * 31 + site.charCodeAt(index)) >>> 0;
  return hash % count;
}
