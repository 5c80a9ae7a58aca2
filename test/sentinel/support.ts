import type { PackageCondition, PackageRule, SentinelPackage } from "../../src/sentinel/package.ts";
import { DEFAULT_SETTINGS } from "../../src/sentinel/package.ts";
import type { InspectionRequest, Verdict } from "../../src/sentinel/index.ts";

/** A package made by hand, as the compiler would make it, without literals. */
export function packageOf(
  rules: readonly (Partial<PackageRule> & { readonly id: string })[],
  parts: Partial<SentinelPackage> = {},
): SentinelPackage {
  return {
    format: 1,
    version: "test",
    settings: DEFAULT_SETTINGS,
    rules: rules.map((rule) => ({
      class: "test",
      description: "a test",
      phase: 2,
      severity: "critical",
      score: 5,
      paranoia: 1,
      tags: [],
      action: "score",
      shadow: false,
      conditions: [],
      ...rule,
    })),
    expressions: [],
    literals: [],
    lists: [],
    exclusions: [],
    rates: [],
    ...parts,
  };
}

/** A condition on variables; `list` is the index of the operator's list. */
export function condition(
  variables: readonly string[],
  name: string,
  rest: Partial<PackageCondition> & { list?: number; number?: number; negate?: boolean } = {},
): PackageCondition {
  const { list, number, negate = false, ...parts } = rest;
  return {
    targets: variables.map(target),
    transforms: [],
    peel: true,
    operator: {
      name,
      negate,
      ...(list === undefined ? {} : { list }),
      ...(number === undefined ? {} : { number }),
    },
    literals: null,
    ...parts,
  };
}

function target(text: string): PackageCondition["targets"][number] {
  const [, mark, variable = "", entry] = /^([!#]?)([^:]*)(?::(.*))?$/.exec(text) ?? [];
  return {
    variable,
    ...(entry === undefined ? {} : { entry }),
    ...(mark === "#" ? { count: true as const } : {}),
    ...(mark === "!" ? { not: true as const } : {}),
  };
}

export function requestOf(
  parts: Partial<Omit<InspectionRequest, "body">> & { readonly body?: string | Uint8Array } = {},
): InspectionRequest {
  const { body = "", ...rest } = parts;
  return {
    method: "GET",
    target: "/",
    protocol: "HTTP/1.1",
    headers: [["host", "store.acme.com"]],
    bodyComplete: true,
    clientIp: "203.0.113.7",
    ...rest,
    body: typeof body === "string" ? latin1Bytes(body) : body,
  };
}

/** One byte a char. */
export function latin1Bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

export function ids(verdict: Verdict): string[] {
  return verdict.matches.map(({ rule }) => rule);
}
