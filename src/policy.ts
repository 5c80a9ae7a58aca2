// The compiled forms themselves and not the doors: the compilers, which run without workerd, share them.
import type { EdgeBlueprint } from "./blueprint.ts";
import type { CompiledCachePolicy } from "./cache/compiled.ts";
import type { CompiledRoutes } from "./gateway/compiled.ts";
import text from "./generated/policy.txt";
import type { CompiledQueuePolicy } from "./queue/room-config.ts";
import type { SentinelPackage } from "./sentinel/package.ts";

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

/** A published rules package, as the control plane keeps it. The CLI compiled and tested it before. */
export function readRulesPackage(content: Uint8Array): SentinelPackage {
  const pkg: SentinelPackage = JSON.parse(new TextDecoder().decode(content));
  return pkg;
}
