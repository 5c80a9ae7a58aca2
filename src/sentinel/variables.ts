import type { Phase } from "./package.ts";

/** What a variable is made of: the collections whose values it stands for, and when they are known. */
export interface Variable {
  readonly collections: readonly Collection[];
  readonly phase: Phase;
  /** Whether its values have names, so that `name:entry` means something. */
  readonly named: boolean;
}

/** What rules remember of a request: their own variables, and the values on which the conditions of the rule that runs held. */
const REMEMBERED = ["tx", "matched", "matched.names", "matched.last", "matched.last.name"] as const;

export type Remembered = (typeof REMEMBERED)[number];

/** Where a value came from; each value belongs to exactly one collection. */
export const COLLECTIONS = [
  "method",
  "protocol",
  "client.ip",
  "target",
  "path",
  "query",
  "filename",
  "args.query",
  "args.body",
  "args.query.names",
  "args.body.names",
  "headers",
  "headers.free",
  "headers.names",
  "cookies",
  "cookies.names",
  "body",
  "body.kind",
  "body.faults",
  "body.size",
  "files",
  "files.fields",
  "files.types",
  "files.content",
  "graphql.depth",
  "graphql.fields",
  "graphql.aliases",
  "response.status",
  "response.headers",
  "response.headers.names",
  "response.body",
  ...REMEMBERED,
] as const;

export type Collection = (typeof COLLECTIONS)[number];

const NAMED: ReadonlySet<Collection> = new Set([
  "args.query",
  "args.body",
  "headers",
  "headers.free",
  "cookies",
  "files",
  "files.types",
  "files.content",
  "response.headers",
  "tx",
  "matched",
]);
const REMEMBERED_NAMES: ReadonlySet<string> = new Set(REMEMBERED);

/** Whether values of this name are made while rules run; under it only sequenced rules can ask for them. */
export function isRemembered(name: string): name is Remembered {
  return REMEMBERED_NAMES.has(name);
}

/** Every variable by the name that rules use. */
export const VARIABLES: ReadonlyMap<string, Variable> = new Map<string, Variable>([
  ...COLLECTIONS.map((name): [string, Variable] => [
    name,
    { collections: [name], phase: phaseOf(name), named: NAMED.has(name) },
  ]),
  ["args", { collections: ["args.query", "args.body"], phase: 2, named: true }],
  ["headers", { collections: ["headers", "headers.free"], phase: 1, named: true }],
  ["args.names", { collections: ["args.query.names", "args.body.names"], phase: 2, named: false }],
  // What a condition before this one captured: group 1 is `capture:1`.
  ["capture", { collections: ["tx"], phase: 1, named: true }],
]);

/** Collections that an inspection of an answer has (response.ts), and what its rules' own conditions captured. */
const OF_ANSWERS: ReadonlySet<Collection> = new Set([
  "method",
  "path",
  ...COLLECTIONS.filter((name) => name.startsWith("response.")),
  "tx",
]);

/** Whether a rule over `response.*` can look at the variable. */
export function isOfAnswers(name: string): boolean {
  return VARIABLES.get(name)?.collections.every((collection) => OF_ANSWERS.has(collection)) === true;
}

function phaseOf(collection: Collection): Phase {
  if (collection === "response.body") return 4;
  if (collection.startsWith("response.")) return 3;
  return /^(?:args\.body|body|files|graphql)/.test(collection) ? 2 : 1;
}
