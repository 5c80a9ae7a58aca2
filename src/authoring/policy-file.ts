import { readFileSync } from "node:fs";
import { relative } from "node:path";
import {
  LineCounter,
  type Document,
  isMap,
  isNode,
  isScalar,
  parseDocument,
  visit,
  type YAMLError,
} from "yaml";
import type { z } from "zod";
import type { Fault, Located } from "./faults.ts";
import { keysAt, respelled } from "./spelling.ts";
import { decodeUtf8 } from "./utf8.ts";

/** A policy file after parsing: its value if it has no fault, and where each value stands. */
export interface PolicyFile<T> {
  readonly file: string;
  readonly value: T | undefined;
  readonly faults: readonly Fault[];
  /** Where the value at `path` stands; of the nearest ancestor where it does not exist. */
  locate(path: readonly PropertyKey[]): Located;
}

/** Reads and checks a YAML or JSON file (JSON is YAML 1.2); a file that cannot be read is a fault, not an exception. */
export function readPolicy<S extends z.ZodType>(path: string, schema: S): PolicyFile<z.output<S>> {
  const file = shownPath(path);
  const unreadable = (fault: Fault): PolicyFile<z.output<S>> => ({
    file,
    value: undefined,
    faults: [fault],
    locate: () => ({ file, line: 0, column: 0 }),
  });
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const remedy = "create the file or correct its path";
    return unreadable({ file, line: 0, column: 0, message: `cannot be read: ${reason}`, remedy });
  }
  const text = decodeUtf8(file, bytes);
  return typeof text === "string" ? parsePolicy(file, text, schema) : unreadable(text);
}

/**
 * Reads a file whose sound parts are looked at further even where others are
 * not: all faults by `schema`, and where there is one, the value by `remnant`,
 * which puts something harmless in the place of what is faulty.
 */
export function readSound<T>(path: string, schema: z.ZodType<T>, remnant: z.ZodType<T>): PolicyFile<T> {
  const strict = readPolicy(path, schema);
  return strict.value === undefined ? { ...readPolicy(path, remnant), faults: strict.faults } : strict;
}

/** Checks YAML or JSON text against a schema; YAML faults and schema faults carry line and column. */
export function parsePolicy<S extends z.ZodType>(
  file: string,
  text: string,
  schema: S,
): PolicyFile<z.output<S>> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  const at = (offset: number): Located => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  const locate = (path: readonly PropertyKey[]): Located => at(offsetOf(document, path));
  const unreadable: Fault[] = document.errors.map((error) => ({ ...at(error.pos[0]), ...syntax(error) }));
  for (const offset of droppedKeys(document))
    unreadable.push({ ...at(offset), message: "__proto__ cannot be a key", remedy: "give it another name" });
  if (unreadable.length > 0) return { file, value: undefined, faults: unreadable, locate };
  const content = contentOf(document);
  if (content instanceof Error) {
    const fault = { ...at(0), message: content.message, remedy: "write out what its aliases (*name) repeat" };
    return { file, value: undefined, faults: [fault], locate };
  }
  const parsed = schema.safeParse(content);
  if (parsed.success) return { file, value: parsed.data, faults: [], locate };
  const faults = parsed.error.issues.flatMap((issue) => issueFaults(issue, schema, locate));
  return { file, value: undefined, faults, locate };
}

/** What is wrong where YAML itself cannot be read, and what authors of rules mean there. */
function syntax({ code, message }: YAMLError): Pick<Fault, "message" | "remedy"> {
  const what = `not valid YAML: ${message}`;
  switch (code) {
    case "TAB_AS_INDENT":
      return { message: what, remedy: "indent with spaces" };
    case "DUPLICATE_KEY":
      return { message: what, remedy: "keep one of the two" };
    case "BAD_DQ_ESCAPE":
      return {
        message: what,
        remedy: "write expressions in 'single quotes': there a backslash is a backslash",
      };
    case "MULTIPLE_DOCS":
      return {
        message: "not valid YAML: a second document begins here",
        remedy: "move it to a file of its own, or remove the ---",
      };
    default:
      return { message: what, remedy: "correct the syntax here" };
  }
}

/** Where keys stand that no JavaScript object shows: they would be skipped without a word. */
function droppedKeys(document: Document): number[] {
  const offsets: number[] = [];
  visit(document, {
    Pair: (_index, { key }) => {
      if (isScalar(key) && key.value === "__proto__") offsets.push(key.range?.[0] ?? 0);
    },
  });
  return offsets;
}

/** The values of a document without faults; an Error where its aliases grow without bound. */
function contentOf(document: Document): unknown {
  try {
    return document.toJS();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Relative to the working folder where the file is in it, so that editors and people find it. */
export function shownPath(path: string): string {
  const near = relative(process.cwd(), path);
  return near === "" || near.startsWith("..") ? path : near;
}

function issueFaults(
  issue: z.core.$ZodIssue,
  schema: z.ZodType,
  locate: (path: readonly PropertyKey[]) => Located,
): Fault[] {
  if (issue.code === "unrecognized_keys") {
    const known = keysAt(schema, issue.path);
    return issue.keys.map((key) => ({
      ...locate([...issue.path, key]),
      message: `${pathText([...issue.path, key])}: unknown key`,
      remedy: respelled(key, known, "remove it or correct its spelling"),
    }));
  }
  const { what, remedy } = explained(issue);
  const message = issue.path.length > 0 ? `${pathText(issue.path)}: ${what}` : what;
  return [{ ...locate(issue.path), message, remedy }];
}

interface Explained {
  readonly what: string;
  readonly remedy: string;
}

/** What is wrong and what to do: a schema's own words where it has some ("what is wrong; what to do"). */
function explained(issue: z.core.$ZodIssue): Explained {
  const [what = "", own] = issue.message.split("; ", 2);
  if (own !== undefined) return { what, remedy: own };
  const unclear = { what, remedy: "correct the value to what the schema asks for" };
  switch (issue.code) {
    case "invalid_type":
      return ofType(issue);
    case "too_small":
      return {
        what: `${SIZES[issue.origin]?.small ?? "is below"} ${issue.minimum}`,
        remedy: `write ${issue.minimum}${SIZES[issue.origin]?.unit ?? ""} or more`,
      };
    case "too_big":
      return {
        what: `${SIZES[issue.origin]?.big ?? "is above"} ${issue.maximum}`,
        remedy: `write ${issue.maximum}${SIZES[issue.origin]?.unit ?? ""} or less`,
      };
    case "invalid_format":
      return issue.format === "starts_with" && "prefix" in issue
        ? {
            what: `does not begin with "${String(issue.prefix)}"`,
            remedy: `begin it with "${String(issue.prefix)}"`,
          }
        : unclear;
    case "invalid_value":
      return {
        what: "is none of what may stand here",
        remedy: `write ${issue.values.map(String).join(" or ")}`,
      };
    case "invalid_key": {
      const [inner] = issue.issues;
      return inner === undefined ? unclear : explained(inner);
    }
    default:
      return unclear;
  }
}

/** How a size that is wrong is spoken of, by what has it; numbers have none. */
const SIZES: Readonly<
  Record<string, { readonly small: string; readonly big: string; readonly unit: string }>
> = {
  string: {
    small: "is shorter in characters than",
    big: "is longer in characters than",
    unit: " characters",
  },
  array: { small: "has fewer entries than", big: "has more entries than", unit: " entries" },
};

const TYPES: Readonly<Record<string, Explained>> = {
  string: {
    what: "text",
    remedy: 'write text; what looks like a number or a word of YAML stands in "quotes"',
  },
  array: { what: "a list", remedy: "write it as [a, b], or as one `- item` a line" },
  object: { what: "a mapping", remedy: "write its keys below it, indented" },
  record: { what: "a mapping", remedy: "write its keys below it, indented" },
  number: { what: "a number", remedy: "write a number without a unit" },
  int: { what: "a whole number", remedy: "write a whole number without a unit" },
  boolean: { what: "true or false", remedy: "write true or false" },
};

function ofType(issue: z.core.$ZodIssueInvalidType): Explained {
  const { what, remedy } = TYPES[issue.expected] ?? {
    what: issue.expected,
    remedy: `write ${issue.expected}`,
  };
  return issue.message.endsWith("received undefined")
    ? { what: `is missing (${what})`, remedy: `add it: ${remedy}` }
    : { what: `is not ${what}`, remedy };
}

function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    return text === "" ? String(part) : `${text}.${String(part)}`;
  }, "");
}

/** Offset of the value at `path` (of its key, for a map entry); of the deepest existing ancestor otherwise. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let depth = path.length; depth > 0; depth--) {
    const parent = depth === 1 ? document.contents : document.getIn(path.slice(0, depth - 1), true);
    const key = path[depth - 1];
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isNode(item.key) && String(item.key) === String(key));
      if (pair && isNode(pair.key) && pair.key.range) return pair.key.range[0];
    }
    const node = document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}
