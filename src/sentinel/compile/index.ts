/**
 * Sentinel's compiler: rules/sentinel/ to a package. Node only. Fails closed: a
 * folder with a fault yields no package, and all faults are given at once.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { type Fault, type Located, type PolicyFile, readPolicy, readSound } from "../../authoring/index.ts";
import { DEFAULT_SETTINGS, type PackageSettings, type SentinelPackage } from "../package.ts";
import { type ExpressionReport, PackageBuilder } from "./builder.ts";
import { compileExclusions } from "./exclusions.ts";
import { filesOf } from "./folder.ts";
import { proofCache } from "./proofs.ts";
import { compileFile, type InlineTest } from "./rules.ts";
import {
  type ExclusionsFile,
  exclusionsRemnant,
  exclusionsSchema,
  type RuleFile,
  ruleFileRemnant,
  ruleFileSchema,
  type SettingsSource,
  settingsSchema,
} from "./schema.ts";

export { type InlineTest } from "./rules.ts";
export { describe } from "./expressions.ts";
export { type ExpressionReport } from "./builder.ts";
export { runInlineTests } from "./inline-tests.ts";
export { ruleJsonSchema } from "./json-schema.ts";
export { type CorpusEntry, type CorpusScore, parseEntry, requestOf, scoreCorpus } from "./corpus.ts";
export type { SentinelPackage } from "../package.ts";
export type { InspectionRequest } from "../verdict.ts";
export { explain, type Explanation, formatExplanation } from "./explain.ts";
export { parseRequestText, parseRequestWords, type RequestChoice } from "./request-formats.ts";
export { exchangeOf } from "./examples.ts";
export { rawRequest } from "./raw-request.ts";

export interface CompileReport {
  readonly files: number;
  readonly rules: number;
  readonly expressions: readonly ExpressionReport[];
  /** Rules whose first condition has no literal, so that it runs on every value. */
  readonly withoutLiterals: readonly string[];
}

export interface CompiledSentinel {
  readonly value: SentinelPackage | undefined;
  readonly faults: readonly Fault[];
  readonly report: CompileReport;
  /** The examples beside the rules, for `runInlineTests`. */
  readonly tests: readonly InlineTest[];
}

export interface CompileOptions {
  /** Milliseconds since the epoch: what is expired. */
  readonly now?: number;
  /** Where proofs of linearity are kept. */
  readonly proofs?: string;
  /** Names of the rate limits that the Worker has; absent: a rate rule may name any. */
  readonly rateLimits?: readonly string[];
}

/** Compiles `<rulesDir>/sentinel/`; a folder that is absent or empty is an empty rule set. Never throws on what is in it. */
export function compileSentinel(rulesDir: string, options: CompileOptions = {}): CompiledSentinel {
  const dir = join(rulesDir, "sentinel");
  const { rateLimits } = options;
  const builder = new PackageBuilder(
    proofCache(options.proofs ?? "node_modules/.cache/sentinel/proofs.json"),
  );
  const { names, faults: strays } = filesOf(dir);
  builder.faults.push(...strays);
  const ruleFiles = names.filter((name) => name !== "exclusions.yaml" && name !== "settings.yaml");
  const ids = new Map<string, Located>();
  const files = ruleFiles.map((name) => {
    const policy = readSound<RuleFile>(join(dir, name), ruleFileSchema, ruleFileRemnant);
    builder.faults.push(...policy.faults);
    return compileFile(policy, { dataDir: join(dir, "data"), builder, ids, rateLimits });
  });
  const rules = files.flatMap((file) => file.rules);
  const optional = <T>(name: string, read: (path: string) => PolicyFile<T>): PolicyFile<T> | undefined => {
    if (!names.includes(name)) return undefined;
    const policy = read(join(dir, name));
    builder.faults.push(...policy.faults);
    return policy;
  };
  const settings = optional("settings.yaml", (path) => readPolicy(path, settingsSchema));
  const exclusions = optional("exclusions.yaml", (path) =>
    readSound<ExclusionsFile>(path, exclusionsSchema, exclusionsRemnant),
  );
  const content = {
    settings: mergeSettings(settings?.value),
    rules,
    expressions: builder.expressions,
    literals: builder.literals,
    lists: builder.lists,
    exclusions:
      exclusions === undefined
        ? []
        : compileExclusions(
            exclusions,
            files.flatMap((file) => file.named),
            builder,
            options.now ?? Date.now(),
          ),
    rates: files.flatMap((file) => file.rates),
  };
  builder.proofs.save();
  const report = {
    files: names.length,
    rules: rules.length,
    expressions: builder.reports,
    withoutLiterals: rules.filter((rule) => rule.conditions[0]?.literals === null).map(({ id }) => id),
  };
  const value =
    builder.faults.length > 0 ? undefined : { format: 1 as const, version: versionOf(content), ...content };
  return { value, faults: builder.faults, report, tests: files.flatMap((file) => file.tests) };
}

function mergeSettings(source: SettingsSource | undefined): PackageSettings {
  const { thresholds, paranoia, limits, beyond } = DEFAULT_SETTINGS;
  const { body, inflated, head, values, nesting, parts } = source?.limits ?? {};
  return {
    thresholds: {
      total: source?.thresholds?.total ?? thresholds.total,
      classes: source?.thresholds?.classes ?? thresholds.classes,
    },
    paranoia: source?.paranoia ?? paranoia,
    limits: {
      body: body ?? limits.body,
      inflated: inflated ?? limits.inflated,
      head: head ?? limits.head,
      values: values ?? limits.values,
      nesting: nesting ?? limits.nesting,
      parts: parts ?? limits.parts,
      work: limits.work,
    },
    beyond: source?.beyond ?? beyond,
  };
}

function versionOf(content: Omit<SentinelPackage, "format" | "version">): string {
  return createHash("sha256").update(JSON.stringify(content)).digest("hex").slice(0, 16);
}
