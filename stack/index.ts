/**
 * The door of the stack: everything of the reference architecture that stands
 * behind the edge, on one machine. Storefront zones, checkout-api, Archive,
 * and the Datastore they share, embedded unless real servers are named.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { createArchive } from "./archive/index.ts";
import { openCatalog } from "./catalog/index.ts";
import { createCheckout, openOutbox, type Outbox } from "./checkout/index.ts";
import { listen, startService, type Listener, type Service } from "./compute.ts";
import {
  connectPostgres,
  connectRedis,
  migrate,
  openEmbeddedSql,
  openMemoryKeyValue,
  type KeyValue,
  type Sql,
} from "./datastore/index.ts";
import { createStorefront } from "./storefront/index.ts";

export { edgeSignal, startAutoscaler, type Autoscaler, type AutoscalerOptions } from "./autoscaler.ts";

export interface StackOptions {
  /** PostgreSQL, e.g. `postgres://user:secret@host/shop`; embedded PGlite without it. */
  readonly databaseUrl?: string;
  /** Redis, e.g. `redis://host:6379`; this process's memory without it. */
  readonly redisUrl?: string;
  /** Where the embedded database and made media are kept; in memory without it. */
  readonly dataDir?: string;
  /** Over all zones, at least one a zone; 2 by default. */
  readonly storefrontReplicas?: number;
  /** 2 by default. */
  readonly checkoutReplicas?: number;
  /** Zones of the storefront, each with an address of its own; 2 by default. */
  readonly zones?: number;
  /** Makes the edge forget what carries one of these tags; throws when it could not, and is then called again. */
  readonly edgePurge?: (tags: string[]) => Promise<void>;
  /** For absolute URLs; `https://store.acme.com` by default. */
  readonly publicOrigin?: string;
  /** Signs session ids; random by default, so that sessions end with the stack. */
  readonly sessionSecret?: string;
  /** Whether the Archive has large synthetic objects: `/media/test/large-<n>mb.bin`. */
  readonly testObjects?: boolean;
}

export type ServiceName = "storefront" | "checkout-api";

export interface Stack {
  /** One URL a zone. */
  readonly storefrontOrigins: string[];
  readonly archiveOrigins: string[];
  readonly checkoutUrl: string;
  /** How many replicas of the service serve, over all zones. */
  replicas(service: ServiceName): number;
  /** Starts or stops replicas until there are `count` (at least one a zone, unless it is 0); returns when it is so. */
  scale(service: ServiceName, count: number): Promise<void>;
  /** Stops a zone's address from answering, as when the zone is lost, until `restoreZone`. */
  failZone(zone: number): Promise<void>;
  restoreZone(zone: number): Promise<void>;
  close(): Promise<void>;
}

/** Starts everything on 127.0.0.1, on free ports, and returns when all of it serves. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const { sql, keyValue } = await openDatastore(options);
  const outbox = openOutbox({ sql, purge: options.edgePurge ?? (() => Promise.resolve()) });
  const zoneCount = Math.max(1, options.zones ?? 2);
  const catalog = openCatalog(sql, keyValue);

  const checkout = await startService(() => createCheckout(sql, outbox.wake), options.checkoutReplicas ?? 2);
  const storefront = {
    catalog,
    sessions: keyValue,
    checkoutUrl: checkout.url,
    sessionSecret: options.sessionSecret ?? randomBytes(32).toString("base64url"),
    publicOrigin: options.publicOrigin ?? "https://store.acme.com",
  };
  const shares = share(options.storefrontReplicas ?? zoneCount, zoneCount);
  const zones = await Promise.all(
    shares.map((count) => startService(() => createStorefront(storefront), count)),
  );
  const archive = await listen(
    createArchive({
      ...(options.dataDir === undefined ? {} : { directory: join(options.dataDir, "media") }),
      testObjects: options.testObjects ?? false,
    }).fetch,
  );
  return assemble({ zones, checkout, archive, outbox, sql, keyValue });
}

async function openDatastore(options: StackOptions): Promise<{ sql: Sql; keyValue: KeyValue }> {
  const { databaseUrl, redisUrl, dataDir } = options;
  const keyValue = redisUrl === undefined ? openMemoryKeyValue() : await connectRedis(redisUrl);
  const sql =
    databaseUrl === undefined
      ? await openEmbeddedSql(dataDir === undefined ? undefined : join(dataDir, "postgres"))
      : connectPostgres(databaseUrl);
  try {
    await migrate(sql);
    return { sql, keyValue };
  } catch (cause) {
    await Promise.all([sql.close(), keyValue.close()]);
    const where = databaseUrl === undefined ? (dataDir ?? "memory") : new URL(databaseUrl).host;
    throw new Error(`the database (${where}) cannot be used; is DATABASE_URL right?`, { cause });
  }
}

interface Parts {
  readonly zones: readonly Service[];
  readonly checkout: Service;
  readonly archive: Listener;
  readonly outbox: Outbox;
  readonly sql: Sql;
  readonly keyValue: KeyValue;
}

function assemble({ zones, checkout, archive, outbox, sql, keyValue }: Parts): Stack {
  const zone = (index: number): Service => {
    const service = zones[index];
    if (service === undefined)
      throw new RangeError(`there is no zone ${index}; the stack has ${zones.length}`);
    return service;
  };
  return {
    storefrontOrigins: zones.map(({ url }) => url),
    archiveOrigins: [archive.url],
    checkoutUrl: checkout.url,
    replicas: (service) =>
      service === "checkout-api" ? checkout.replicas : zones.reduce((sum, { replicas }) => sum + replicas, 0),
    async scale(service, count) {
      if (service === "checkout-api") return checkout.scale(count);
      const shares = share(count, zones.length);
      await Promise.all(zones.map((each, index) => each.scale(shares[index] ?? 1)));
    },
    failZone: (index) => zone(index).fail(),
    restoreZone: (index) => zone(index).restore(),
    async close() {
      await Promise.all([...zones.map((each) => each.close()), archive.close()]);
      await checkout.close();
      await outbox.close();
      await Promise.all([sql.close(), keyValue.close()]);
    },
  };
}

/** `count` replicas over `zones`, as evenly as it goes and at least one each: 5 over 2 is 3 and 2. 0 is none at all. */
function share(count: number, zones: number): number[] {
  const least = count > 0 ? 1 : 0;
  return Array.from({ length: zones }, (_, zone) => Math.max(least, Math.ceil((count - zone) / zones)));
}
