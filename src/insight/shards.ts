/**
 * The shards as one. A site always reports to the same shard; readers ask all of
 * them and add up. A shard that does not answer leaves a gap, which is said, not an error.
 */
import type { Retention, ShardPort } from "./object.ts";
import type { Sample } from "./series.ts";

export interface Shards {
  /** Reports of an isolate at `site` (an airport code). */
  add(site: string, samples: readonly Sample[], keep: Retention): Promise<void>;
  totals(): Promise<Sums>;
  window(prefix: string, from: number): Promise<Sums>;
  timeline(prefix: string, from: number): Promise<ReadonlyMap<number, ReadonlyMap<string, number>>>;
  recent(prefix: string, seconds: number): Promise<Sums>;
}

/** Numbers by series. */
export type Sums = ReadonlyMap<string, number>;

export function createShards(namespace: DurableObjectNamespace, count: number): Shards {
  const shard = (index: number): ShardPort =>
    // oxlint-disable-next-line typescript-eslint/no-unsafe-type-assertion -- it is InsightObject that wrangler.toml binds
    namespace.getByName(`shard-${index}`) as unknown as ShardPort;

  async function gather<T>(ask: (port: ShardPort) => Promise<readonly T[]>): Promise<T[]> {
    const asked = Array.from({ length: count }, (_, index) => ask(shard(index)));
    const answers = await Promise.allSettled(asked);
    const given = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
    if (given.length === 0) throw new Error("no shard of Insight answers");
    return given.flat();
  }

  return {
    add: async (site, samples, keep) => shard(indexOf(site, count)).add(samples, keep),
    totals: async () => sumUp(await gather((port) => port.totals())),
    window: async (prefix, from) => sumUp(await gather((port) => port.window(prefix, from))),
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
