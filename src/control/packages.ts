/** Rules packages in SQLite: the version is the content's hash, the content lies in rows under the 2 MB a row may have. */

const CHUNK_BYTES = 1_000_000;
/** Older packages go when newer ones come; an active one never does. */
const KEPT_PACKAGES = 20;

export interface PackageInfo {
  /** SHA-256 of the content, hex. */
  readonly version: string;
  readonly bytes: number;
  readonly at: number;
  readonly actor: string;
}

export const PACKAGE_TABLES = [
  "CREATE TABLE IF NOT EXISTS packages (version TEXT PRIMARY KEY, bytes INTEGER, at INTEGER, actor TEXT)",
  "CREATE TABLE IF NOT EXISTS package_chunks (version TEXT, part INTEGER, bytes BLOB, PRIMARY KEY (version, part))",
];

/** Version of a content: SHA-256, hex. */
export async function packageVersion(content: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Stores a content unless it is there, and drops the oldest beyond what is kept. Call inside a transaction. */
export function storePackage(
  sql: SqlStorage,
  info: PackageInfo,
  content: Uint8Array,
  active: string | null,
): void {
  if (hasPackage(sql, info.version)) return;
  sql.exec("INSERT INTO packages VALUES (?, ?, ?, ?)", info.version, info.bytes, info.at, info.actor);
  for (let part = 0; part * CHUNK_BYTES < content.byteLength; part++) {
    const chunk = content.slice(part * CHUNK_BYTES, (part + 1) * CHUNK_BYTES);
    sql.exec("INSERT INTO package_chunks VALUES (?, ?, ?)", info.version, part, chunk.buffer);
  }
  const surplus = listPackages(sql)
    .slice(KEPT_PACKAGES)
    .filter(({ version }) => version !== active);
  for (const { version } of surplus) {
    sql.exec("DELETE FROM packages WHERE version = ?", version);
    sql.exec("DELETE FROM package_chunks WHERE version = ?", version);
  }
}

export function hasPackage(sql: SqlStorage, version: string): boolean {
  return sql.exec("SELECT 1 FROM packages WHERE version = ?", version).toArray().length > 0;
}

/** All packages, newest first. */
export function listPackages(sql: SqlStorage): PackageInfo[] {
  return sql
    .exec<{ version: string; bytes: number; at: number; actor: string }>(
      "SELECT version, bytes, at, actor FROM packages ORDER BY at DESC, rowid DESC",
    )
    .toArray();
}

/** Content of a package; null where it is unknown. */
export function loadPackage(sql: SqlStorage, version: string): Uint8Array | null {
  if (!hasPackage(sql, version)) return null;
  const rows = sql
    .exec<{ bytes: ArrayBuffer }>("SELECT bytes FROM package_chunks WHERE version = ? ORDER BY part", version)
    .toArray();
  const content = new Uint8Array(rows.reduce((sum, row) => sum + row.bytes.byteLength, 0));
  let offset = 0;
  for (const { bytes } of rows) {
    content.set(new Uint8Array(bytes), offset);
    offset += bytes.byteLength;
  }
  return content;
}
