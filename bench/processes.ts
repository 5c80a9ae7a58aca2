/** What workerd processes below this one use, as Linux tells it, and a workerd whose log costs nobody else anything. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PAGE_BYTES = 4096;
/** Linux counts processor time in hundredths of a second. */
const TICK_US = 10_000;

/** Process ids of the workerds below this process. */
export function workerds(): Set<number> {
  return new Set(below(process.pid).filter((pid) => nameOf(pid) === "workerd"));
}

function below(pid: number): number[] {
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks)) return [];
  const children = readdirSync(tasks).flatMap((task) => {
    const list = readFileSync(`${tasks}/${task}/children`, "utf8").trim();
    return list === "" ? [] : list.split(" ").map(Number);
  });
  return [...children, ...children.flatMap(below)];
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    // It has ended since.
    return "";
  }
}

/** Processor time that a process has used, in microseconds, in all its threads. */
export function cpuMicros(pid: number): number {
  const fields = (readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1] ?? "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

/** Resident bytes of all workerds below this process. */
export function residentBytes(): number {
  let pages = 0;
  for (const pid of workerds()) pages += Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
  return pages * PAGE_BYTES;
}

/** Path of a workerd that writes its log to /dev/null, for Miniflare's MINIFLARE_WORKERD_PATH. */
export function quietWorkerd(): string {
  const path: unknown = createRequire(createRequire(import.meta.url).resolve("miniflare"))("workerd").default;
  const script = join(mkdtempSync(join(tmpdir(), "edge-bench-")), "workerd");
  writeFileSync(script, `#!/bin/sh\nexec '${String(path)}' "$@" >/dev/null\n`);
  chmodSync(script, 0o755);
  return script;
}
