import { respelled } from "../../authoring/index.ts";
import { isRemembered, VARIABLES } from "../variables.ts";
import type { PackageReference, PackageTarget, PackageTemplate, Phase } from "../package.ts";

export interface ParsedTarget {
  readonly target: Omit<PackageTarget, "pattern">;
  /** Source of the expression that names must match. */
  readonly pattern: string | null;
  readonly phase: Phase;
}

/** Reads `name`, `name:entry`, `name:/expression/`, `!...` and `#...`; the text of what is wrong otherwise. */
export function parseTarget(text: string): ParsedTarget | string {
  const [, mark = "", name = "", , entry] = /^([!#]?)([^:]*)(:(.*))?$/s.exec(text) ?? [];
  const variable = isRemembered(name) ? undefined : VARIABLES.get(name);
  if (variable === undefined) return `unknown variable ${name}; ${respelled(name, NAMES)}`;
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

const NAMES = [...VARIABLES.keys()].filter((name) => !isRemembered(name));

/** Reads `%{variable}` and `%{variable:entry}` in a text; the text of what is wrong otherwise, null where there is none of them. */
export function parseTemplate(text: string): PackageTemplate | string | null {
  const parts: (string | PackageReference)[] = [];
  let from = 0;
  for (const { 0: all, 1: inner = "", index } of text.matchAll(/%\{([^}]*)\}/g)) {
    const parsed = parseTarget(inner);
    if (typeof parsed === "string") return parsed;
    const { target, pattern } = parsed;
    if (pattern !== null || target.count === true || target.not === true)
      return `%{${inner}} is not one value; name a variable, or one entry of it`;
    parts.push(text.slice(from, index), target);
    from = index + all.length;
  }
  if (parts.length === 0) return null;
  return [...parts, text.slice(from)].filter((part) => part !== "");
}
