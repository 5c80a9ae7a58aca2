import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const POLL_MS = 5;

/** Processes of this machine by their parent's id, as Linux lists them: id and command. */
function childrenOf(parent: number): { id: number; command: string }[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const [, command = "", ppid = ""] =
          /^\d+ \((.*)\) \S (\d+)/s.exec(readFileSync(`/proc/${name}/stat`, "utf8")) ?? [];
        return Number(ppid) === parent ? [{ id: Number(name), command }] : [];
      } catch {
        return []; // It ended in between.
      }
    });
}

function isRunning(id: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${id}/stat`, "utf8"));
  } catch {
    return false;
  }
}

it.skipIf(!existsSync("/proc/self/stat")).each(["SIGTERM", "SIGINT"] as const)(
  "%s while the edge is starting leaves no workerd behind",
  { timeout: 60_000 },
  async (signal) => {
    const origin = "http://127.0.0.1:9";
    const edge = spawn(process.execPath, [join(ROOT, "src/cli/main.ts"), "serve"], {
      cwd: ROOT,
      env: { ...process.env, PORT: "0", STOREFRONT_ORIGIN: origin, ARCHIVE_ORIGIN: origin },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let told = "";
    edge.stdout.on("data", (chunk: Buffer) => (told += chunk.toString()));
    const exited = once(edge, "exit");
    let workerd: { id: number } | undefined;
    while (workerd === undefined && edge.exitCode === null) {
      workerd = childrenOf(edge.pid ?? 0).find(({ command }) => command.startsWith("workerd"));
      await sleep(POLL_MS);
    }
    const early = !told.includes("ready");
    edge.kill(signal);
    const [status] = await exited;
    const left = workerd === undefined ? [] : [workerd.id].filter(isRunning);
    // Nothing of this test outlives it, whatever it finds.
    for (const id of left) process.kill(id, "SIGKILL");
    expect({ workerd: workerd !== undefined, early, status, left }).toEqual({
      workerd: true,
      early: true,
      status: 0,
      left: [],
    });
  },
);
