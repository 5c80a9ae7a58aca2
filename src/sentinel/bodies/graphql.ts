import { Exceeded, type Transaction } from "../engine/transaction.ts";
import { unescapeJson } from "./json.ts";

const BEGINNING = /^[\s\ufeff,]{0,64}(?:(?:query|mutation|subscription|fragment)\b|\{|#)/;

/** Whether a parameter could be a GraphQL document: by its name and how it begins. */
export function looksLikeGraphql(name: string, text: string): boolean {
  return (name === "query" || name.endsWith(".query")) && BEGINNING.test(text);
}

/**
 * Adds a GraphQL document (October 2021): its strings and comments as values,
 * since nothing else of it is free text, and its depth, fields and aliases as
 * numbers. False, with nothing added, where the text is no document.
 */
export function addGraphql(
  tx: Transaction,
  collection: "args.query" | "args.body",
  name: string,
  text: string,
): boolean {
  const found = readDocument(text, tx.limits.nesting);
  if (found === null) return false;
  for (const value of found.texts) tx.add(collection, `${name}.argument`, value);
  tx.add("graphql.depth", "", String(found.depth));
  tx.add("graphql.fields", "", String(found.fields));
  tx.add("graphql.aliases", "", String(found.aliases));
  return true;
}

interface Document {
  readonly texts: readonly string[];
  readonly depth: number;
  readonly fields: number;
  readonly aliases: number;
}

/** One token at a time (sticky, each alternative linear): string, block string, comment, name, number, punctuation, ignored. */
const TOKEN =
  /("""(?:[^"\\]|\\"""|\\|"{1,2}(?!"))*""")|("(?:[^"\\\n]|\\.)*")|(#[^\n]*)|(\$?[A-Za-z_][A-Za-z0-9_]*)|(-?[0-9][0-9.eE+-]{0,40})|(\.\.\.|[!$&():=@[\]{}|])|[\s,\ufeff]+/y;

/** Checks brackets and what may follow what only as far as free text could hide; null where it is no document. */
function readDocument(text: string, nesting: number): Document | null {
  const texts: string[] = [];
  const open: string[] = [];
  let depth = 0;
  let deepest = 0;
  let fields = 0;
  let aliases = 0;
  let previous = "";
  let sets = 0;
  for (TOKEN.lastIndex = 0; TOKEN.lastIndex < text.length;) {
    const token = TOKEN.exec(text);
    if (token === null) return null;
    const [whole, block, string, comment, name, number, mark] = token;
    const quoted = block ?? string;
    if (quoted !== undefined)
      texts.push(block === undefined ? unescapeJson(quoted.slice(1, -1)) : quoted.slice(3, -3));
    if (comment !== undefined) texts.push(comment.slice(1));
    const selecting = open.at(-1) === "{" && depth > 0;
    // Names in selection sets; numbers and strings only inside arguments and defaults.
    if ((quoted !== undefined || number !== undefined) && open.length === 0) return null;
    if (name !== undefined && selecting && previous !== "..." && previous !== "@" && previous !== ":")
      fields++;
    if (mark === ":" && selecting) aliases++;
    if (mark === "{" && !open.includes("(")) {
      depth++;
      sets++;
    }
    if (mark === "}" && !open.includes("(")) depth--;
    if (depth > deepest) deepest = depth;
    if (mark !== undefined && !bracket(open, mark)) return null;
    if (open.length > nesting) throw new Exceeded("nesting");
    if (comment === undefined && whole.trim() !== "") previous = whole;
  }
  const closed = open.length === 0 && sets > 0 && fields > 0;
  return closed ? { texts, depth: deepest, fields, aliases } : null;
}

const CLOSES: Readonly<Record<string, string>> = { "}": "{", ")": "(", "]": "[" };

/** Opens or closes a bracket; false where it does not fit. */
function bracket(open: string[], mark: string): boolean {
  if (mark === "{" || mark === "(" || mark === "[") open.push(mark);
  const opening = CLOSES[mark];
  return opening === undefined || open.pop() === opening;
}
