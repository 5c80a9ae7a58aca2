import type { EdgeBlueprint } from "./blueprint.ts";
import type { CompiledCachePolicy } from "./cache/index.ts";
import type { CompiledRoutes } from "./gateway/index.ts";
import text from "./generated/policy.txt";
import type { CompiledQueuePolicy } from "./queue/index.ts";
import type { SentinelPackage } from "./sentinel/index.ts";

/** Everything that rules/ and blueprint.json say, checked and compiled: plain JSON. */
export interface Policy {
  /** Hash of the content, 16 hexadecimal digits. */
  readonly version: string;
  readonly blueprint: EdgeBlueprint;
  readonly routes: CompiledRoutes;
  readonly cache: CompiledCachePolicy;
  readonly queue: CompiledQueuePolicy;
  readonly sentinel: SentinelPackage;
}

/** The policy this bundle was built with. The compiler checked it, and only it writes the generated module. */
export function builtPolicy(): Policy {
  const policy: Policy = JSON.parse(text);
  return policy;
}
