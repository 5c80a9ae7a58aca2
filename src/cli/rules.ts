import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { FaultList } from "../authoring/index.ts";
import {
  type CompiledSentinel,
  compileSentinel,
  describe,
  explain,
  formatExplanation,
  parseRequestText,
  parseRequestWords,
  type CorpusScore,
  ruleJsonSchema,
  runInlineTests,
  scoreCorpus,
  type SentinelPackage,
} from "../sentinel/compile/index.ts";
import { checkPolicy } from "./compile.ts";
import { corpusEntries } from "./corpus.ts";
import { type PolicySources, policySources } from "./project.ts";
import { publishRules, rollbackRules } from "./publish.ts";
import { replayCommand } from "./replay.ts";
import { UsageError, wholeNumber } from "./usage.ts";

export const USAGE = `edge rules <command> [--rules DIR]
  check [--verbose]             compile all of rules/ and print every fault; --verbose: every expression's engine
  test                          run the examples beside the rules
  score FILE.jsonl... [--wrong N]   detection and false positives by set, and the rules to blame
  replay FILE.jsonl...          the same requests through the running edge: is its verdict these rules'?
  explain [--rule ID] [--entry N] REQUEST|FILE|-   a curl line, HAR entry or raw request: what each rule
                                saw, what matched, the score; --rule: everything that one rule saw;
                                --entry: which of a HAR with several
  publish [--reason TEXT]       put the rules in force on the running edge, without a deploy
  rollback [--to VERSION|built-in] [--reason TEXT]   back to the rules before
  schema [rules|exclusions|settings]   JSON Schema of these files, for editors`;

const OPTIONS = {
  rules: { type: "string" },
  verbose: { type: "boolean" },
  wrong: { type: "string" },
  rule: { type: "string" },
  entry: { type: "string" },
  reason: { type: "string" },
  to: { type: "string" },
} as const;

type Options = ReturnType<typeof readArgs>["values"];

/** `edge rules ...`: 0 when all is well. Throws `FaultList` with every fault, `UsageError` on an unknown command. */
export async function rulesCommand(args: string[]): Promise<number> {
  const { values, positionals } = readArgs(args);
  const [command, ...rest] = positionals;
  switch (command) {
    case "check":
      return check(values);
    case "test":
      return test(values);
    case "score":
      return score(rest, values);
    case "replay":
      return replayCommand(rest, compiled(values).value);
    case "explain":
      return explainCommand(rest, values);
    case "publish":
      return publishRules(sourcesOf(values), values.reason);
    case "rollback":
      return rollbackRules(values.to, values.reason);
    case "schema":
      return schema(rest);
    default:
      throw new UsageError(USAGE);
  }
}

/** Our options stand before a curl line that is given word by word; what follows `curl` is curl's. */
function readArgs(args: string[]) {
  const curl = args.indexOf("curl");
  const ours = curl < 0 ? args : args.slice(0, curl);
  const { values, positionals } = parseArgs({ args: ours, options: OPTIONS, allowPositionals: true });
  return { values, positionals: [...positionals, ...args.slice(ours.length)] };
}

function schema([kind = "rules", ...more]: readonly string[]): number {
  if ((kind !== "rules" && kind !== "exclusions" && kind !== "settings") || more.length > 0)
    throw new UsageError("usage: edge rules schema [rules|exclusions|settings]");
  print(JSON.stringify(ruleJsonSchema(kind), null, 2));
  return 0;
}

function check(options: Options): number {
  // Routes, cache and waiting rooms as well: one command, all faults of all files at once.
  const { policy, sentinel } = checkPolicy(sourcesOf(options));
  const { report } = sentinel;
  const { sentinel: value } = policy;
  const engines = new Map<string, number>();
  for (const { expression } of report.expressions)
    engines.set(expression.engine, (engines.get(expression.engine) ?? 0) + 1);
  for (const entry of report.expressions) {
    const { expression, proof, at, rule, literals } = entry;
    if (options.verbose !== true && expression.engine === "native") continue;
    print(
      `${at.file}:${at.line}: ${rule}: ${describe(proof)} -> ${expression.engine}${expression.limit > 0 ? ` up to ${expression.limit} chars` : ""}`,
    );
    if (options.verbose === true) print(`    literals: ${literals?.slice(0, 8).join(" | ") ?? "none"}`);
  }
  if (report.withoutLiterals.length > 0 && options.verbose === true) {
    print(`run on every value (no literal): ${report.withoutLiterals.join(", ")}`);
  }
  const summary = [...engines].map(([engine, count]) => `${count} ${engine}`).join(", ");
  print(
    `${report.rules} rules in ${report.files} files, expressions: ${summary || "none"}; ${report.withoutLiterals.length} rules without a literal; package ${value.version}, ${Math.ceil(JSON.stringify(value).length / 1024)} KiB`,
  );
  return 0;
}

async function test(options: Options): Promise<number> {
  const { value, tests } = compiled(options);
  const { run, faults } = await runInlineTests(value, tests);
  if (faults.length > 0) throw new FaultList(faults);
  print(`${run} examples of ${value.rules.length + value.rates.length} rules behave`);
  return 0;
}

async function score(files: string[], options: Options): Promise<number> {
  if (files.length === 0) throw new UsageError(USAGE);
  const wrong = wholeNumber("--wrong", options.wrong, 0) ?? 0;
  const { value } = compiled(options);
  const progress = (done: number): void => void process.stderr.write(`\r${done} requests`);
  const result = await scoreCorpus(value, corpusEntries(files), process.stderr.isTTY ? progress : undefined);
  if (process.stderr.isTTY) process.stderr.write("\r");
  printScore(result, wrong);
  return 0;
}

async function explainCommand(words: string[], options: Options): Promise<number> {
  const [only] = words;
  if (only === undefined) throw new UsageError(USAGE);
  const { value } = compiled(options);
  const { rule } = options;
  if (rule !== undefined && !value.rules.some(({ id }) => id === rule))
    throw new UsageError(`there is no rule ${rule}`);
  const explanation = await explain(
    value,
    requestFrom(words, options),
    rule === undefined ? {} : { only: rule },
  );
  for (const line of formatExplanation(explanation, value, rule !== undefined)) print(line);
  return 0;
}

/** The words as one text, or what the file (`-`: standard input) that they name holds. */
function requestFrom(words: readonly string[], options: Options): ReturnType<typeof parseRequestText> {
  const choice = { entry: wholeNumber("--entry", options.entry, 1) };
  const [first = ""] = words;
  try {
    if (words.length === 1 && (first === "-" || existsSync(first)))
      return parseRequestText(readFileSync(first === "-" ? 0 : first, "utf8"), choice);
    return parseRequestWords(words, choice);
  } catch (error) {
    throw new UsageError(
      `the request cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** Attack data is shown, and must not act on the terminal (control characters, C1 included). */
function shown(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

function printScore({ sets, lines }: CorpusScore, wrong: number): void {
  const width = Math.max(4, ...sets.map(({ set }) => set.length));
  print(
    `${"set".padEnd(width)}  expect  ${"total".padStart(6)}  ${"right".padStart(6)}  ${"%".padStart(6)}  ms each  to blame`,
  );
  for (const set of sets.toSorted((a, b) => a.expect.localeCompare(b.expect) || a.set.localeCompare(b.set))) {
    const percent = ((100 * set.correct) / set.total).toFixed(2);
    const blame = [...set.blame]
      .toSorted((a, b) => b[1] - a[1])
      .slice(0, 5)
      .map(([rule, count]) => `${rule} ${count}`);
    print(
      `${set.set.padEnd(width)}  ${set.expect.padEnd(6)}  ${String(set.total).padStart(6)}  ${String(set.correct).padStart(6)}  ${percent.padStart(6)}  ${(set.milliseconds / set.total).toFixed(3).padStart(7)}  ${blame.join(", ")}`,
    );
    for (const entry of set.wrong.slice(0, wrong))
      print(`    ${shown(entry.id)}: ${shown(entry.request)}  [${entry.matched.join(", ")}]`);
  }
  print(`${lines} requests`);
}

/** `--rules`, `RULES_DIR` or rules/, and the blueprint. */
function sourcesOf({ rules }: Options): PolicySources {
  return { ...policySources(), ...(rules === undefined ? {} : { rulesDir: resolve(rules) }) };
}

/** Sentinel's rules alone, whatever is wrong with other files. */
function compiled(options: Options): CompiledSentinel & { readonly value: SentinelPackage } {
  const result = compileSentinel(sourcesOf(options).rulesDir);
  const { value } = result;
  if (value === undefined) throw new FaultList(result.faults);
  return { ...result, value };
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
