import { VARIABLES } from "../variables.ts";
import type { PackageTarget, Phase } from "../package.ts";

export interface ParsedTarget {
  readonly target: Omit<PackageTarget, "pattern">;
  /** Source of the expression that names must match. */
  readonly pattern: string | null;
  readonly phase: Phase;
}

/** Reads `name`, `name:entry`, `name:/expression/`, `!...` and `#...`; the text of what is wrong otherwise. */
export function parseTarget(text: string): ParsedTarget | string {
  const [, mark = "", name = "", , entry] = /^([!#]?)([^:]*)(:(.*))?$/s.exec(text) ?? [];
  const variable = VARIABLES.get(name);
  if (variable === undefined) {
    return `unknown variable ${name}; use one of ${[...VARIABLES.keys()].join(", ")}`;
  }
  if (entry !== undefined && !variable.named) return `${name} has no entries; leave out :${entry}`;
  if (entry === "") return `no entry after the colon; write ${name}:entry or ${name}`;
  if (mark === "!" && entry === undefined) return `!${name} would leave out everything; name an entry`;
  const pattern = entry === undefined ? null : (/^\/(.+)\/$/s.exec(entry)?.[1] ?? null);
  const target = {
    variable: name,
    ...(entry !== undefined && pattern === null ? { entry: entry.toLowerCase() } : {}),
    ...(mark === "#" ? { count: true as const } : {}),
    ...(mark === "!" ? { not: true as const } : {}),
  };
  return { target, pattern, phase: variable.phase };
}
