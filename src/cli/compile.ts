import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { unstable_readConfig } from "wrangler";
import { z } from "zod";
import { type Fault, FaultList, readBlueprint } from "../authoring/index.ts";
import { compileCache } from "../cache/compile/index.ts";
import { compileRoutes } from "../gateway/compile/index.ts";
import type { Policy } from "../policy.ts";
import { compileQueue } from "../queue/compile/index.ts";
import { compileSentinel } from "../sentinel/compile/index.ts";
import { GENERATED, ROOT, type PolicySources, policySources } from "./project.ts";

/**
 * Compiles all policy files into the one value the Worker hydrates.
 * @throws FaultList with every fault of every file; there is no partial policy
 */
export async function compilePolicy(sources: PolicySources): Promise<Policy> {
  const folder = folderFaults(sources.rulesDir);
  if (folder.length > 0) throw new FaultList(folder);
  const blueprint = readBlueprint(sources.blueprint);
  const routes = compileRoutes(sources.rulesDir);
  const cache = compileCache(sources.rulesDir);
  const queue = compileQueue(sources.rulesDir);
  const sentinel = compileSentinel(sources.rulesDir);
  const limits = limitFaults(sentinel.value?.rates ?? [], sources.rulesDir);
  const faults = [...[blueprint, routes, cache, queue, sentinel].flatMap((part) => part.faults), ...limits];
  if (
    faults.length > 0 ||
    blueprint.value === undefined ||
    routes.value === undefined ||
    cache.value === undefined ||
    queue.value === undefined ||
    sentinel.value === undefined
  ) {
    throw new FaultList(faults);
  }
  const parts = {
    blueprint: blueprint.value,
    routes: routes.value,
    cache: cache.value,
    queue: queue.value,
    sentinel: sentinel.value,
  };
  const version = createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);
  return { version, ...parts };
}

const limitsSchema = z.object({ ratelimits: z.array(z.object({ name: z.string() })).optional() });

/** A rate rule can only name a limit that wrangler.toml binds. */
function limitFaults(
  rates: readonly { readonly id: string; readonly limit: string }[],
  rulesDir: string,
): Fault[] {
  const { ratelimits = [] } = limitsSchema.parse(
    unstable_readConfig({ config: join(ROOT, "wrangler.toml") }, { hideWarnings: true }),
  );
  const bound = ratelimits.map(({ name }) => name);
  return rates
    .filter(({ limit }) => !bound.includes(limit))
    .map(({ id, limit }) => ({
      file: join(rulesDir, "sentinel"),
      line: 0,
      column: 0,
      message: `${id}: wrangler.toml binds no rate limit ${limit}`,
      remedy: `name one of ${bound.join(", ")}, or add [[ratelimits]] to wrangler.toml`,
    }));
}

function folderFaults(rulesDir: string): Fault[] {
  if (existsSync(rulesDir)) return [];
  return [
    {
      file: rulesDir,
      line: 0,
      column: 0,
      message: "there is no such folder",
      remedy: "set RULES_DIR to a rules/ folder, or unset it",
    },
  ];
}

/** Writes the generated module; left untouched where nothing changed, so that a watcher does not run in circles. */
export function writeGenerated(policy: Policy): void {
  const text = JSON.stringify(policy);
  if (existsSync(GENERATED) && readFileSync(GENERATED, "utf8") === text) return;
  mkdirSync(dirname(GENERATED), { recursive: true });
  const temporary = `${GENERATED}.${process.pid}`;
  writeFileSync(temporary, text);
  renameSync(temporary, GENERATED);
}

/** `edge compile`: wrangler's build command. */
export async function compileCommand(): Promise<number> {
  const policy = await compilePolicy(policySources());
  writeGenerated(policy);
  process.stdout.write(`policy ${policy.version} compiled\n`);
  return 0;
}
