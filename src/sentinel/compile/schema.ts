import { z } from "zod";
import { respelled } from "../../authoring/index.ts";
import { OPERATORS } from "../operators/index.ts";
import { rawRequest } from "./raw-request.ts";
import { TRANSFORMATIONS } from "../transformations/index.ts";
import { isRemembered, VARIABLES } from "../variables.ts";

/** The YAML of rules/sentinel/: its shape. What needs more than shape (names, expressions, phases) is checked by the compiler. */
const WORD = z
  .string()
  .regex(/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/, "not a lower-case word; use letters, digits and single hyphens");

const OPERATOR_NAMES = [...OPERATORS.keys()];
/** How an operator is written, by what it takes. */
const WRITTEN = {
  none: (name: string) => `operator: ${name}`,
  expression: (name: string) => `operator: { ${name}: 'expression' }`,
  list: (name: string) => `operator: { ${name}: [one, two] }`,
  number: (name: string) => `operator: { ${name}: 10 }`,
};
const transformation = z.enum([...TRANSFORMATIONS.keys()], {
  error: ({ input }) =>
    `unknown transformation ${JSON.stringify(input)}; ${respelled(String(input), TRANSFORMATIONS.keys())}`,
});

const variable = z
  .string()
  .min(1)
  .meta({
    description: `a variable, \`name:entry\`, \`name:/expression/\`, \`!name:entry\` or \`#name\`: ${[...VARIABLES.keys()].filter((name) => !isRemembered(name)).join(", ")}`,
  });

const entries = z.union(
  [z.string(), z.number().transform(String), z.array(z.union([z.string(), z.number().transform(String)]))],
  {
    error: "not a text or a list of texts; give a text, a list, $list or file:name.txt",
  },
);

const positive = z.union([plainOperators(), argumentOperators()], { error: noOperator });
const operator = z.union([z.strictObject({ not: positive }), positive], { error: noOperator });

function noOperator({ input }: { readonly input?: unknown }): string {
  const given = JSON.stringify(input);
  const asked = input instanceof Object && "not" in input ? input.not : input;
  const names = asked instanceof Object ? Object.keys(asked) : [String(asked)];
  if (names.length > 1)
    return `${given} is more than one operator; keep one, and put the others under conditions:`;
  const [name = ""] = names;
  const argument = OPERATORS.get(name)?.argument;
  if (argument === undefined) return `unknown operator ${name}; ${respelled(name, OPERATOR_NAMES)}`;
  return `${given} is not how ${name} is written; write ${WRITTEN[argument](name)}`;
}

function plainOperators() {
  return z.enum(OPERATOR_NAMES.filter((name) => OPERATORS.get(name)?.argument === "none"));
}

function argumentOperators() {
  const of = (kind: string): string[] =>
    OPERATOR_NAMES.filter((name) => OPERATORS.get(name)?.argument === kind);
  const one = (names: string[], argument: z.ZodType<string | string[] | number>) =>
    names.map((name) => z.strictObject({ [name]: argument }));
  return z.union([
    ...one(of("expression"), z.string().min(1)),
    ...one(of("list"), entries),
    ...one(of("number"), z.number()),
  ]);
}

const severity = z.enum(["critical", "error", "warning", "notice"], {
  error: "not a severity; use critical (5 points), error (4), warning (3) or notice (2)",
});

const headers = z.record(
  z.string(),
  z.union([z.string(), z.number().transform(String), z.array(z.string()), z.null()]),
);

const exampleMap = z.strictObject({
  arg: z.string().optional(),
  form: z.record(z.string(), z.string()).optional(),
  json: z.json().optional(),
  cookie: z.record(z.string(), z.string()).optional(),
  method: z.string().optional(),
  path: z.string().optional(),
  headers: headers.optional(),
  body: z.string().optional(),
  body_base64: z.base64().optional(),
  ip: z.string().optional(),
  response: z
    .strictObject({
      status: z.int().min(100).max(599).optional(),
      headers: headers.optional(),
      body: z.string().optional(),
    })
    .optional(),
});
const example = z
  .union([z.string().min(1), exampleMap], {
    error:
      "not an example; write `METHOD /target`, a whole request, or a map with arg, form, json, cookie, method, path, headers, body",
  })
  .check(({ value, issues }) => {
    try {
      if (typeof value === "string") rawRequest(value);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      issues.push({ code: "custom", input: value, message });
    }
  });
const examples = z.array(example).min(1, "no example; give at least one request");

const condition = z.strictObject({
  variables: z.array(variable).min(1, "no variable; name what is looked at"),
  transform: z.array(transformation).optional(),
  operator,
  raw: z.boolean().optional(),
  capture: z.boolean().optional(),
});

const rule = z.strictObject({
  id: WORD,
  description: z.string().min(8, "too short; say in one line what the attack does"),
  variables: z.array(variable).min(1).optional(),
  transform: z.array(transformation).optional(),
  operator,
  raw: z.boolean().optional(),
  capture: z.boolean().optional(),
  conditions: z.array(condition).optional(),
  severity: severity.optional(),
  paranoia: z.int().min(1).max(4).optional(),
  tags: z.array(WORD).optional(),
  action: z.enum(["score", "block"]).optional(),
  shadow: z.boolean().optional(),
  hit: examples,
  miss: examples,
});

const path = z.string().startsWith("/", "not a path pattern; begin it with /, as /account/login or /api/**");

const rateKey = z
  .string()
  .regex(/^(?:ip|(?:header|cookie|arg):[^\s:]+)$/, "not a key; use ip, header:name, cookie:name or arg:name");

const rate = z.strictObject({
  id: WORD,
  description: z.string().min(8, "too short; say in one line what it holds back"),
  methods: z.array(z.string().regex(/^[A-Z]+$/, "not a method; write it in capitals")).optional(),
  paths: z.array(path).min(1, "no path; give at least one, such as /account/login or /api/**"),
  key: z.array(rateKey).min(1),
  limit: z
    .string()
    .regex(
      /^[A-Z][A-Z0-9_]*$/,
      "not a binding; use the name of a rate limit of wrangler.toml, such as RATE_5_60",
    ),
  action: z.enum(["block", "monitor"]).optional(),
  hit: examples,
  miss: examples,
});

const defaults = z.strictObject({
  variables: z.array(variable).min(1).optional(),
  transform: z.array(transformation).optional(),
  severity: severity.optional(),
  paranoia: z.int().min(1).max(4).optional(),
  tags: z.array(WORD).optional(),
  raw: z.boolean().optional(),
  shadow: z.boolean().optional(),
});
const list = z.array(z.union([z.string(), z.number().transform(String)])).min(1);
const macro = z.string().min(1);

export const ruleFileSchema = z.strictObject({
  class: WORD,
  description: z.string().optional(),
  defaults: defaults.optional(),
  lists: z.record(WORD, list).optional(),
  macros: z.record(WORD, macro).optional(),
  rules: z.array(rule).optional(),
  rates: z.array(rate).optional(),
});

const exclusion = z.strictObject({
  rules: z.array(z.string()).min(1).optional(),
  tags: z.array(WORD).min(1).optional(),
  paths: z.array(path).optional(),
  parameters: z.array(variable).optional(),
  reason: z.string().min(12, "no reason; say what was seen, when, and who decided"),
  expires: z.iso.date("not a date; write YYYY-MM-DD"),
});

export const exclusionsSchema = z.strictObject({ exclusions: z.array(exclusion) });

/** A rule whose shape is wrong: what others may say of it, so that they are not called wrong with it. */
const misshapen = z
  .object({
    misshapen: z.literal(true).default(true),
    id: z.string().catch(""),
    tags: z.array(z.string()).catch([]),
  })
  .catch({ misshapen: true, id: "", tags: [] });

/** A rule of which what it asks is sound: looked at further, with something harmless for what is not. */
const half = z.object({
  ...rule.shape,
  description: z.string().catch(""),
  variables: z.array(variable).min(1).catch(["path"]),
  severity: severity.optional().catch(undefined),
  paranoia: rule.shape.paranoia.catch(undefined),
  tags: z.array(z.string()).catch([]),
  action: rule.shape.action.catch(undefined),
  shadow: rule.shape.shadow.catch(undefined),
  hit: examples.catch([]),
  miss: examples.catch([]),
});

/** A rule file of which only the sound parts are left; what hangs on a faulty one finds a harmless one in its place. */
export const ruleFileRemnant = z.object({
  class: WORD.catch("misshapen"),
  defaults: defaults.optional().catch({ variables: ["path"] }),
  lists: z
    .record(z.string(), list.catch(["misshapen"]))
    .optional()
    .catch(undefined),
  macros: z.record(z.string(), macro.catch("misshapen")).optional().catch(undefined),
  rules: z
    .array(z.union([rule, half, misshapen]))
    .optional()
    .catch(undefined),
  rates: z
    .array(z.union([rate, misshapen]))
    .optional()
    .catch(undefined),
});

export const exclusionsRemnant = z.object({ exclusions: z.array(exclusion.nullable().catch(null)) });

export const settingsSchema = z.strictObject({
  thresholds: z
    .strictObject({ total: z.int().min(1).optional(), classes: z.record(WORD, z.int().min(1)).optional() })
    .optional(),
  paranoia: z.strictObject({ block: z.int().min(1).max(4), watch: z.int().min(1).max(4) }).optional(),
  limits: z
    .strictObject({
      body: z.int().min(1024).max(1_048_576).optional(),
      inflated: z.int().min(1024).max(4_194_304).optional(),
      head: z.int().min(1024).max(131_072).optional(),
      values: z.int().min(16).max(50_000).optional(),
      nesting: z.int().min(2).max(512).optional(),
      parts: z.int().min(1).max(10_000).optional(),
    })
    .optional(),
  beyond: z.enum(["pass", "reject"]).optional(),
});

export type RuleFile = z.output<typeof ruleFileRemnant>;
export type Misshapen = z.output<typeof misshapen>;
export type RuleSource = z.output<typeof rule>;
export type RateSource = z.output<typeof rate>;
export type ConditionSource = z.output<typeof condition>;
export type OperatorSource = z.output<typeof operator>;
export type ExclusionsFile = z.output<typeof exclusionsRemnant>;
export type SettingsSource = z.output<typeof settingsSchema>;
export type Example = z.output<typeof example>;
export type ExampleMap = z.output<typeof exampleMap>;
