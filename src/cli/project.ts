import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's root folder, wherever the command was started. */
export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** The generated module of the Worker: text, hydrated once an isolate. */
export const GENERATED = join(ROOT, "src/generated/policy.txt");

export interface PolicySources {
  /** A whole rules/ folder. */
  readonly rulesDir: string;
  /** Path of the blueprint. */
  readonly blueprint: string;
}

/** `RULES_DIR` and `BLUEPRINT`, or the project's own. */
export function policySources(environment: NodeJS.ProcessEnv = process.env): PolicySources {
  return {
    rulesDir: resolve(environment["RULES_DIR"] || join(ROOT, "rules")),
    blueprint: resolve(environment["BLUEPRINT"] || join(ROOT, "blueprint.json")),
  };
}

/** The Worker as wrangler uploads it: script modules, and the policy apart, so that `serve` can put another in its place. */
export interface WorkerBundle {
  /** File name of the entry module. */
  readonly main: string;
  /** Source text by file name, the policy module left out. */
  readonly scripts: Readonly<Record<string, string>>;
  /** File name of the policy's text module. */
  readonly policyModule: string;
}
