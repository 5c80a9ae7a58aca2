import type { Located, PolicyFile } from "../../authoring/index.ts";
import type { PackageCondition, PackageRate, PackageRule, Phase, RateKeyPart, Severity } from "../package.ts";
import type { PackageBuilder } from "./builder.ts";
import { compileCondition, type ConditionContext } from "./conditions.ts";
import { isOfAnswers } from "../variables.ts";
import type { Example, RateSource, RuleFile, RuleSource } from "./schema.ts";

/** An example beside a rule, for `rules test`. */
export interface InlineTest {
  readonly rule: string;
  readonly kind: "hit" | "miss";
  readonly example: Example;
  readonly at: Located;
}

export interface CompiledFile {
  readonly rules: PackageRule[];
  readonly rates: PackageRate[];
  readonly tests: InlineTest[];
  /** All rules of the file, those with faults too: what an exclusion can name. */
  readonly named: { readonly id: string; readonly tags: readonly string[] }[];
}

const SCORES: Readonly<Record<Severity, number>> = { critical: 5, error: 4, warning: 3, notice: 2 };

/** What the files of a folder share. */
export interface FolderContext {
  readonly dataDir: string;
  readonly builder: PackageBuilder;
  /** Ids of all files so far, with where they stand. */
  readonly ids: Map<string, Located>;
  /** Names of the rate limits there are; undefined: any. */
  readonly rateLimits: readonly string[] | undefined;
}

/** Compiles one rule file. */
export function compileFile(
  policy: PolicyFile<RuleFile>,
  { dataDir, builder, ids, rateLimits }: FolderContext,
): CompiledFile {
  const file = policy.value;
  const compiled: CompiledFile = { rules: [], rates: [], tests: [], named: [] };
  if (file === undefined) return compiled;
  const claim = (id: string, at: Located): void => {
    if (id === "") return;
    const other = ids.get(id);
    if (other === undefined) ids.set(id, at);
    else
      builder.fault(
        at,
        `${id}: the id is taken (${other.file}:${other.line})`,
        "give the rule an id of its own",
      );
    if (id === "block")
      builder.fault(at, "block is the blocking decision and no rule's id", "rename the rule");
  };
  (file.rules ?? []).forEach((rule, index) => {
    const path = ["rules", index];
    claim(rule.id, policy.locate([...path, "id"]));
    compiled.named.push({ id: rule.id, tags: [...(file.defaults?.tags ?? []), ...(rule.tags ?? [])] });
    if ("misshapen" in rule) return;
    const made = compileRule(rule, {
      file,
      dataDir,
      builder,
      locate: (key) => policy.locate([...path, ...key]),
    });
    if (made !== undefined) compiled.rules.push(made);
    compiled.tests.push(...testsOf(rule, path, policy));
  });
  (file.rates ?? []).forEach((rate, index) => {
    const path = ["rates", index];
    claim(rate.id, policy.locate([...path, "id"]));
    if ("misshapen" in rate) return;
    if (rateLimits !== undefined && !rateLimits.includes(rate.limit))
      builder.fault(
        policy.locate([...path, "limit"]),
        `${rate.id}: wrangler.toml binds no rate limit ${rate.limit}`,
        `name one of ${rateLimits.join(", ")}, or add [[ratelimits]] to wrangler.toml`,
      );
    compiled.rates.push(compileRate(rate));
    compiled.tests.push(...testsOf(rate, path, policy));
  });
  return compiled;
}

function compileRule(rule: RuleSource, context: Omit<ConditionContext, "rule">): PackageRule | undefined {
  const { file, builder, locate } = context;
  const defaults = file.defaults ?? {};
  const variables = rule.variables ?? defaults.variables;
  if (variables === undefined) {
    builder.fault(
      locate(["id"]),
      `${rule.id}: no variables`,
      "name them in the rule or in the file's defaults",
    );
    return undefined;
  }
  const sources = [
    {
      variables,
      transform: rule.transform ?? defaults.transform ?? [],
      operator: rule.operator,
      raw: rule.raw ?? defaults.raw ?? false,
      capture: rule.capture ?? false,
      path: [] as PropertyKey[],
    },
    ...(rule.conditions ?? []).map((condition, index) => ({
      variables: condition.variables,
      transform: condition.transform ?? [],
      operator: condition.operator,
      raw: condition.raw ?? false,
      capture: condition.capture ?? false,
      path: ["conditions", index],
    })),
  ];
  const made = sources.map(({ path, ...input }, index) => {
    const captured = sources.slice(0, index).some(({ capture }) => capture);
    return compileCondition(
      { ...input, before: index === 0 ? null : { captured } },
      { ...context, rule: rule.id, locate: (key) => locate([...path, ...key]) },
    );
  });
  const conditions: PackageCondition[] = [];
  let phase: Phase = 1;
  for (const part of made) {
    if (part === undefined) return undefined;
    conditions.push(part.condition);
    if (part.phase > phase) phase = part.phase;
  }
  if (phase >= 3 && !isWithinAnswers(rule.id, conditions, sources, context)) return undefined;
  const severity = rule.severity ?? defaults.severity ?? "critical";
  return {
    id: rule.id,
    class: file.class,
    description: rule.description,
    phase,
    severity,
    score: SCORES[severity],
    paranoia: rule.paranoia ?? defaults.paranoia ?? 1,
    tags: [...new Set([...(defaults.tags ?? []), ...(rule.tags ?? [])])],
    action: rule.action ?? "score",
    shadow: rule.shadow ?? defaults.shadow ?? false,
    conditions,
  };
}

/** A rule over `response.*` is asked of answers: what it names of the request's other values would never be looked at. */
function isWithinAnswers(
  id: string,
  conditions: readonly PackageCondition[],
  sources: readonly { readonly path: readonly PropertyKey[] }[],
  { builder, locate }: Omit<ConditionContext, "rule">,
): boolean {
  const strangers = conditions.flatMap(({ targets, operator }, index) => {
    const path = sources[index]?.path ?? [];
    const read = (operator.templates ?? []).flat().filter((part) => typeof part !== "string");
    return [
      ...targets.map(({ variable }, at) => ({ variable, key: [...path, "variables", at] })),
      ...read.map(({ variable }) => ({ variable, key: [...path, "operator"] })),
    ].filter(({ variable }) => !isOfAnswers(variable));
  });
  for (const { variable, key } of strangers)
    builder.fault(
      locate(key),
      `${id}: ${variable} is not there when answers are looked at`,
      "leave it out (beside response.* only method and path can stand), or make a rule of its own of it",
    );
  return strangers.length === 0;
}

function compileRate(rate: RateSource): PackageRate {
  return {
    id: rate.id,
    description: rate.description,
    methods: rate.methods ?? [],
    paths: rate.paths,
    key: rate.key.map(rateKey),
    limit: rate.limit,
    action: rate.action ?? "block",
  };
}

function rateKey(text: string): RateKeyPart {
  const [kind, name = ""] = text.split(":");
  switch (kind) {
    case "header":
      return { from: "header", name: name.toLowerCase() };
    case "cookie":
    case "arg":
      return { from: kind, name };
    default:
      return { from: "ip", name: "" };
  }
}

function testsOf(
  rule: { id: string; hit: readonly Example[]; miss: readonly Example[] },
  path: readonly PropertyKey[],
  policy: PolicyFile<RuleFile>,
): InlineTest[] {
  const of = (kind: "hit" | "miss"): InlineTest[] =>
    rule[kind].map((example, index) => ({
      rule: rule.id,
      kind,
      example,
      at: policy.locate([...path, kind, index]),
    }));
  return [...of("hit"), ...of("miss")];
}
