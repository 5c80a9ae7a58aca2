import { parseArgs } from "node:util";
import { FaultList, readBlueprint } from "../authoring/index.ts";
import { type ExplainedRequest, type Explanation, compileCache, explain } from "../cache/compile/index.ts";
import { compileRoutes, refusals } from "../gateway/compile/index.ts";
import { parseRequestWords } from "../sentinel/compile/index.ts";
import { policySources } from "./project.ts";
import { UsageError, wholeNumber } from "./usage.ts";

export const USAGE = `edge cache explain URL|PATH|REQUEST   what the cache makes of a request: an address, a curl line
                                      (quoted or not), a HAR entry or a raw request
edge cache compile                    the compiled policy as JSON
  --rules FOLDER         instead of RULES_DIR or rules/
  --header 'Name: value' of the request, as often as needed
  --method METHOD        of the request; GET where nothing is said
  --entry N              of a HAR with several, from 1
  --json                 for programs`;

/**
 * `edge cache ...`; the exit code.
 * @throws FaultList where rules/cache.yaml, rules/routes.yaml or the blueprint is faulty
 * @throws UsageError
 */
export async function cacheCommand(args: readonly string[]): Promise<number> {
  const [action, ...rest] = args;
  if (action === "explain") return explainCommand(rest);
  if (action === "compile") {
    const { values } = parseArgs({ args: rest, options: { rules: { type: "string" } } });
    process.stdout.write(`${JSON.stringify(policyOf(values.rules), null, 1)}\n`);
    return 0;
  }
  throw new UsageError(
    action === undefined ? `what of the cache?\n${USAGE}` : `no such thing as cache ${action}\n${USAGE}`,
  );
}

function explainCommand(args: readonly string[]): number {
  const { options, words } = optionsOf(args);
  const policy = policyOf(options.rules);
  const routes = compileRoutes(options.rules ?? policySources().rulesDir);
  if (routes.value === undefined) throw new FaultList(routes.faults);
  const { value: blueprint, faults } = readBlueprint(policySources().blueprint);
  if (blueprint === undefined) throw new FaultList(faults);
  const { domain } = blueprint;
  const request = withOptions(requestOf(words, domain, options), options);
  const explanation = explain(policy, domain, request, refusals(routes.value));
  process.stdout.write(
    options.json ? `${JSON.stringify(Object.fromEntries(explanation))}\n` : table(explanation),
  );
  return 0;
}

interface Options {
  readonly rules: string | undefined;
  readonly header: readonly string[];
  readonly method: string | undefined;
  readonly json: boolean;
  readonly entry: number | undefined;
}

/** Our options stand before a curl line that is given word by word; what follows `curl` is curl's. */
function optionsOf(args: readonly string[]): {
  readonly options: Options;
  readonly words: readonly string[];
} {
  const curl = args.indexOf("curl");
  const ours = curl < 0 ? args : args.slice(0, curl);
  const { values, positionals } = parseArgs({
    args: [...ours],
    allowPositionals: true,
    options: {
      rules: { type: "string" },
      header: { type: "string", multiple: true, short: "H" },
      method: { type: "string", short: "X" },
      json: { type: "boolean" },
      entry: { type: "string" },
    },
  });
  const { rules, header = [], method, json = false } = values;
  const entry = wholeNumber("--entry", values.entry, 1);
  return {
    options: { rules, header, method, json, entry },
    words: [...positionals, ...args.slice(ours.length)],
  };
}

/** @throws UsageError */
function requestOf(words: readonly string[], domain: string, { entry }: Options): ExplainedRequest {
  const [first = ""] = words;
  if (first.trim() === "") throw new UsageError(`no request; give an address or a curl line\n${USAGE}`);
  if (words.length === 1 && /^(?:https?:\/\/|\/)\S*$/i.test(first)) return get(absolute(first, domain));
  const text = words.join(" ");
  try {
    const { method, target, headers, body } = parseRequestWords(words, { entry });
    const host = /https?:\/\/([^\s/?#'"]+)/i.exec(text)?.[1] ?? domain;
    const fields = new Headers();
    for (const [name, value] of headers) fields.append(name, value);
    return { method, url: `https://${host}${target}`, headers: fields, hasBody: body.byteLength > 0 };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`the request cannot be read: ${reason}; an address begins with / or https://`);
  }
}

function get(url: string): ExplainedRequest {
  return { method: "GET", url, headers: new Headers(), hasBody: false };
}

/** A path is the store's own; `new URL` would tidy up what the edge gets to see. */
function absolute(address: string, domain: string): string {
  return address.startsWith("/") ? `https://${domain}${address}` : address;
}

/** @throws UsageError */
function withOptions(request: ExplainedRequest, { header, method }: Options): ExplainedRequest {
  const headers = new Headers(request.headers);
  for (const line of header) {
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):\s*(.*)$/.exec(line) ?? [];
    if (name === undefined) throw new UsageError(`--header '${line}' is no header; write 'Name: value'`);
    headers.append(name, value ?? "");
  }
  return { ...request, method: method?.toUpperCase() ?? request.method, headers };
}

function policyOf(rules: string | undefined): Parameters<typeof explain>[0] {
  const { value, faults } = compileCache(rules ?? policySources().rulesDir);
  if (value === undefined) throw new FaultList(faults);
  return value;
}

function table(explanation: Explanation): string {
  const width = Math.max(...explanation.map(([label]) => label.length));
  return explanation.map(([label, text]) => `${label.padEnd(width)}  ${text}\n`).join("");
}
