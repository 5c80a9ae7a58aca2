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
import { type CompiledSentinel, compileSentinel } from "../sentinel/compile/index.ts";
import { GENERATED, ROOT, type PolicySources, policySources } from "./project.ts";

/** A policy without a fault, and what its rules' author is told about them. */
export interface CheckedPolicy {
  readonly policy: Policy;
  readonly sentinel: CompiledSentinel;
}

/**
 * Compiles all policy files into the one value the Worker hydrates.
 * @throws FaultList with every fault of every file; there is no partial policy
 */
export async function compilePolicy(sources: PolicySources): Promise<Policy> {
  return checkPolicy(sources).policy;
}

/** The same for whoever also asks after the rules' expressions and examples. */
export function checkPolicy(sources: PolicySources): CheckedPolicy {
  const folder = folderFaults(sources.rulesDir);
  if (folder.length > 0) throw new FaultList(folder);
  const blueprint = readBlueprint(sources.blueprint);
  const routes = compileRoutes(sources.rulesDir);
  const cache = compileCache(sources.rulesDir);
  const queue = compileQueue(sources.rulesDir);
  const sentinel = compileSentinel(sources.rulesDir, { rateLimits: boundLimits() });
  const faults = [blueprint, routes, cache, queue, sentinel].flatMap((part) => part.faults);
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
  return { policy: { version, ...parts }, sentinel };
}

const limitsSchema = z.object({ ratelimits: z.array(z.object({ name: z.string() })).optional() });

/** Names of the rate limits that wrangler.toml binds: those that a rate rule can name. */
function boundLimits(): string[] {
  const { ratelimits = [] } = limitsSchema.parse(
    unstable_readConfig({ config: join(ROOT, "wrangler.toml") }, { hideWarnings: true }),
  );
  return ratelimits.map(({ name }) => name);
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
