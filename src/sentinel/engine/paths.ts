import { percentDecode } from "../transformations/percent.ts";
import { normalizePath } from "../transformations/path.ts";

/** `*` is anything within a segment, `**` any number of segments (`/help/**` is `/help` too). */
export function pathPattern(pattern: string): RegExp {
  const parts = pattern.split(/(\/\*\*|\*)/).map((part) => {
    if (part === "/**") return "(?:/.*)?";
    return part === "*" ? "[^/]*" : part.replace(/[.+?^${}()|[\]\\*]/g, "\\$&");
  });
  return new RegExp(`^${parts.join("")}$`, "s");
}

/** Plain as they stand, as nearly all are: no escape, no empty or dot segment. */
const PLAIN = /^\/(?:[\w~-][\w.~-]*(?:\/|$))*$/;

/**
 * The path for matching patterns of trust (exclusions, overrides): null where
 * it is written in a way that the origin might read as another path.
 */
export function plainPath(target: string): string | null {
  const query = target.indexOf("?");
  const path = query < 0 ? target : target.slice(0, query);
  if (PLAIN.test(path)) return path;
  const decoded = percentDecode(path);
  if (/[%\\;\0]/.test(decoded) || normalizePath(decoded) !== decoded) return null;
  return decoded;
}
