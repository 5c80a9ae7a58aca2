import { parseArgs } from "node:util";
import { type Fault, FaultList } from "../authoring/index.ts";
import { type Explanation, compileCache, explain } from "../cache/compile/index.ts";

const USAGE = `edge cache explain <url | curl line>   what the cache makes of a request
edge cache compile                     the compiled policy as JSON
  --rules <folder>   instead of RULES_DIR or rules/
  --header 'Name: value'   of the request, as often as needed
  --json   for programs
`;

/** `edge cache ...`; the exit code. @throws FaultList where rules/cache.yaml is faulty */
export async function cacheCommand(args: readonly string[]): Promise<number> {
  const [action, ...rest] = args;
  if (action === "explain") return explainCommand(rest);
  if (action === "compile") {
    process.stdout.write(`${JSON.stringify(policyOf(undefined), null, 1)}\n`);
    return 0;
  }
  process.stderr.write(USAGE);
  return 2;
}

function explainCommand(args: readonly string[]): number {
  const curl = requestOfCurl(args);
  const { values, positionals } = curl ?? plainRequest(args);
  const [address] = positionals;
  const url = address === undefined ? null : URL.parse(address, "https://store.acme.com");
  if (url === null) {
    process.stderr.write(USAGE);
    return 2;
  }
  const explanation = explain(policyOf(values.rules), url, headersOf(values.header ?? []));
  process.stdout.write(
    values.json === true ? `${JSON.stringify(Object.fromEntries(explanation))}\n` : table(explanation),
  );
  return 0;
}

interface ParsedRequest {
  readonly values: {
    readonly rules?: string | undefined;
    readonly header?: string[] | undefined;
    readonly json?: boolean | undefined;
  };
  readonly positionals: readonly string[];
}

function plainRequest(args: readonly string[]): ParsedRequest {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rules: { type: "string" },
      header: { type: "string", multiple: true, short: "H" },
      json: { type: "boolean" },
    },
  });
}

/** A line as browsers copy it ("Copy as cURL"), given whole or word by word: its URL and `-H`; all other options are passed over. */
function requestOfCurl(args: readonly string[]): ParsedRequest | undefined {
  const words = args.length === 1 ? shellWords(args[0] ?? "") : args;
  if (words[0] !== "curl") return undefined;
  const header: string[] = [];
  const positionals: string[] = [];
  for (let index = 1; index < words.length; index++) {
    const word = words[index] ?? "";
    if (word === "-H" || word === "--header") header.push(words[++index] ?? "");
    else if (/^https?:/.test(word)) positionals.push(word);
  }
  return { values: { header }, positionals };
}

function shellWords(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|"((?:[^"\\]|\\.)*)"|([^\s'"\\]+)/g)].map(
    (match) => match[1] ?? match[2] ?? match[3] ?? "",
  );
}

function headersOf(lines: readonly string[]): Headers {
  const headers = new Headers();
  for (const line of lines) {
    const cut = line.indexOf(":");
    if (cut > 0) headers.append(line.slice(0, cut), line.slice(cut + 1).trim());
  }
  return headers;
}

function policyOf(rules: string | undefined): Parameters<typeof explain>[0] {
  const { value, faults }: { value: Parameters<typeof explain>[0] | undefined; faults: readonly Fault[] } =
    compileCache(rules ?? process.env["RULES_DIR"] ?? "rules");
  if (value === undefined) throw new FaultList(faults);
  return value;
}

function table(explanation: Explanation): string {
  const width = Math.max(...explanation.map(([label]) => label.length));
  return explanation.map(([label, text]) => `${label.padEnd(width)}  ${text}\n`).join("");
}
