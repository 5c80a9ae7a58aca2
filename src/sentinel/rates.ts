/**
 * Rate rules: which limits a request takes from. Decides nothing that could fail;
 * the limits themselves fail open (a limit that cannot be asked limits nobody).
 */
import { formPairs } from "./bodies/urlencoded.ts";
import { pathPattern, plainPath } from "./engine/paths.ts";
import type { PackageRate, RateKeyPart } from "./package.ts";
import { normalizePath } from "./transformations/path.ts";
import { percentDecode } from "./transformations/percent.ts";
import type { InspectionRequest } from "./verdict.ts";

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

/** Compiles rate rules to a function that is pure: no limit is touched here. */
export function rateMatcher(
  rates: readonly PackageRate[],
): (request: Head, actions?: readonly RateKey["action"][]) => RateKey[] {
  const compiled = rates.map((rate) => ({ rate, paths: rate.paths.map(pathPattern) }));
  return (request, actions = ALL) => {
    const candidates = compiled.filter(
      ({ rate }) =>
        actions.includes(rate.action) && (rate.methods.length === 0 || rate.methods.includes(request.method)),
    );
    if (candidates.length === 0) return [];
    // Unlike trust, a limit follows the path however it is written.
    const path = followedPath(request.target).toLowerCase();
    return candidates
      .filter(({ paths }) => paths.some((pattern) => pattern.test(path)))
      .map(({ rate }) => ({
        rule: rate.id,
        binding: rate.limit,
        key: keyOf(rate, request),
        action: rate.action,
      }));
  };
}

function followedPath(target: string): string {
  return plainPath(target) ?? normalizePath(percentDecode(target.split("?", 1)[0] ?? ""));
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
