/**
 * Rate rules: which limits a request takes from. Decides nothing that could fail;
 * the limits themselves fail open (a limit that cannot be asked limits nobody).
 */
import { foldedPathOf } from "../http/canonical.ts";
import { formPairs } from "./bodies/urlencoded.ts";
import { pathPattern } from "./engine/paths.ts";
import type { PackageRate, RateKeyPart } from "./package.ts";
import type { InspectionRequest, SentinelSettings } from "./verdict.ts";

/** What the edge asks a rate-limit binding: one key a rule that is about this request. */
export interface RateKey {
  readonly rule: string;
  /** Name of the binding. */
  readonly binding: string;
  readonly key: string;
  readonly action: "block" | "monitor";
}

type Head = Pick<InspectionRequest, "method" | "target" | "headers" | "clientIp">;

const ALL: readonly RateKey["action"][] = ["block", "monitor"];

/**
 * Compiles rate rules to a function that is pure: no limit is touched here.
 * Operators' overrides come first: `actions` are those that the rules have in the end.
 */
export function rateMatcher(
  rates: readonly PackageRate[],
): (request: Head, settings: SentinelSettings, actions?: readonly RateKey["action"][]) => RateKey[] {
  const compiled = rates.map((rate) => ({
    rate,
    paths: rate.paths.map((path) => pathPattern(withoutEnd(path.toLowerCase()))),
  }));
  return (request, { rules }, actions = ALL) => {
    let path: string | null = null;
    const keys: RateKey[] = [];
    for (const { rate, paths } of compiled) {
      const action = rules[rate.id] ?? rate.action;
      if (action === "off" || !actions.includes(action)) continue;
      if (rate.methods.length > 0 && !rate.methods.includes(request.method)) continue;
      // Unlike trust, a limit follows the path however it is spelled: as the most lenient origin would read it.
      path ??= withoutEnd(foldedPathOf(request.target));
      if (matchesAny(paths, path))
        keys.push({ rule: rate.id, binding: rate.limit, key: keyOf(rate, request), action });
    }
    return keys;
  };
}

function matchesAny(patterns: readonly RegExp[], path: string): boolean {
  return patterns.some((pattern) => pattern.test(path));
}

/** Without trailing slashes and blanks, which frameworks ignore. */
function withoutEnd(path: string): string {
  let end = path.length;
  while (end > 1 && /[\s/]/.test(path.charAt(end - 1))) end--;
  return path.slice(0, end);
}

function keyOf({ id, key }: PackageRate, request: Head): string {
  return [id, ...key.map((part) => partOf(part, request))].map(encodeURIComponent).join("|");
}

function partOf({ from, name }: RateKeyPart, { target, headers, clientIp }: Head): string {
  switch (from) {
    case "ip":
      return clientIp;
    case "header":
      return headers.find(([header]) => header.toLowerCase() === name)?.[1] ?? "";
    case "cookie":
      return cookie(headers, name);
    default: {
      const query = target.indexOf("?");
      for (const [arg, value] of query < 0 ? [] : formPairs(target.slice(query + 1)))
        if (arg === name) return value;
      return "";
    }
  }
}

function cookie(headers: Head["headers"], name: string): string {
  const line = headers.filter(([header]) => header.toLowerCase() === "cookie").map(([, value]) => value);
  const found = line
    .join("; ")
    .split(/[;,] ?/)
    .find((part) => part.startsWith(`${name}=`));
  return found?.slice(name.length + 1) ?? "";
}
