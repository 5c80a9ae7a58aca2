/** The door of the Datastore: SQL for orders and inventory, key-value for sessions and the catalog cache. */
export { connectRedis, openMemoryKeyValue, type KeyValue } from "./key-value.ts";
export { migrate } from "./schema.ts";
export { connectPostgres, openEmbeddedSql, type Queries, type Sql } from "./sql.ts";
