import type { Transaction } from "../engine/transaction.ts";
import { latin1 } from "../engine/byte-strings.ts";
import { addArg, addArgs, addJson } from "./arguments.ts";
import { addGraphql } from "./graphql.ts";
import { looksLikeJson } from "./json.ts";
import { addMultipart } from "./multipart.ts";
import { formPairs } from "./urlencoded.ts";
import { addXml, looksLikeXml } from "./xml.ts";

export { encodingsOf, inflate } from "./inflate.ts";

export interface BodyInput {
  readonly headers: readonly (readonly [string, string])[];
  /** Decompressed. */
  readonly bytes: Uint8Array;
  readonly complete: boolean;
}

export type BodyKind = "none" | "form" | "multipart" | "json" | "xml" | "graphql" | "text" | "binary";

/** Upload prefix that rules see of a body that is one file. */
const FILE_PREFIX = 4096;

/**
 * Adds what a body holds, by its declared kind and, where it plainly is of
 * another, by that as well: an origin may go by either. Throws `Exceeded`.
 */
export function addBody({ headers, bytes, complete }: BodyInput, tx: Transaction): void {
  const type = headers.find(([name]) => name.toLowerCase() === "content-type")?.[1] ?? "";
  const text = decodeCharset(bytes, type, tx);
  const declared = text === "" ? "none" : (tx.readAs ?? declaredKind(type.toLowerCase()));
  const actual = declared === null ? sniff(text) : null;
  const kind = declared ?? actual ?? (isBinary(text) ? "binary" : "text");
  tx.add("body.kind", "", kind);
  tx.add("body.size", "", String(bytes.length));
  if (!complete) tx.fault("truncated");
  if (text === "") return;
  // A form says in its parameters all that it says; JSON does so but for what spans its leaves.
  if (kind === "json") tx.addPlain("body", "", text);
  else if (kind === "xml" || kind === "text" || kind === "graphql") tx.add("body", "", text);
  addKind(kind, text, type, complete, tx);
  const other = mislabelled(kind, text);
  if (other === null) return;
  tx.fault("mislabelled");
  addKind(other, text, type, complete, tx);
}

function addKind(kind: BodyKind, text: string, type: string, complete: boolean, tx: Transaction): void {
  switch (kind) {
    case "form":
      return addArgs(tx, "args.body", formPairs(text));
    case "json":
      return addJsonBody(text, complete, tx);
    case "multipart":
      return addMultipart(text, type, complete, tx);
    case "xml":
      return addXml(text, complete, tx);
    case "graphql":
      if (addGraphql(tx, "args.body", "query", text)) return;
      tx.fault("malformed-graphql");
      return tx.add("args.body", "", text);
    case "binary":
      return tx.add("files.content", "", text.slice(0, FILE_PREFIX));
    case "text":
      return addArg(tx, "args.body", "", text, 0);
    case "none":
      return;
    default:
      kind satisfies never;
  }
}

/** What follows the point where it stops being JSON is a value, so that nothing goes unseen. */
function addJsonBody(text: string, complete: boolean, tx: Transaction): void {
  const { at, sound } = addJson(tx, "args.body", "", text, 0);
  if (!sound && complete) tx.fault("malformed-json");
  if (at < text.length) tx.add("args.body", "", at < BARELY_READ ? text : text.slice(at));
}

/** JSON that ends so early was none: all of it is one value. */
const BARELY_READ = 3;

function declaredKind(type: string): BodyKind | null {
  if (type.trim().startsWith("multipart/")) return "multipart";
  if (type.includes("x-www-form-urlencoded")) return "form";
  if (/[/+]json\b|[/+]x-ndjson\b|csp-report/.test(type)) return "json";
  if (/[/+]xml\b/.test(type) && !type.includes("svg")) return "xml";
  if (/application\/graphql(?:;|$)/.test(type)) return "graphql";
  if (
    /^\s*(?:image|video|audio|font)\/|octet-stream|\/(?:zip|gzip|pdf|protobuf|x-protobuf|wasm|msgpack)\b/.test(
      type,
    )
  )
    return "binary";
  return null;
}

/** Bodies of no declared kind, or of text/plain as beacons send them. */
function sniff(text: string): BodyKind | null {
  return sniffMarkup(text) ?? (looksLikeForm(text) ? "form" : null);
}

function sniffMarkup(text: string): BodyKind | null {
  if (looksLikeJson(text)) return "json";
  return looksLikeXml(text) ? "xml" : null;
}

function looksLikeForm(text: string): boolean {
  return /^[\w.%~[\]-]{1,200}=[^\s<>"{}]*$/.test(text);
}

const SNIFFED = 512;
const CONTROL = /[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]/g;

/** Whether a body of a kind that nobody knows is no text: a twentieth of its beginning are bytes that no text has. */
function isBinary(text: string): boolean {
  const head = text.slice(0, SNIFFED);
  return (head.match(CONTROL)?.length ?? 0) * 20 > head.length;
}

/** The kind that the text plainly is though it was read as another; null where there is no doubt. */
function mislabelled(kind: BodyKind, text: string): BodyKind | null {
  if (kind === "none" || kind === "text" || kind === "graphql" || kind === "multipart") return null;
  // JSON and XML in a form's first name are seen as a parameter; a form in place of JSON is what frameworks with body guessing accept.
  const actual = kind === "form" ? sniffMarkup(text) : sniff(text);
  return actual === kind ? null : actual;
}

/** Charsets in which markup and quotes are other bytes than in ASCII; nobody sends them but to hide. */
const HIDING = /^(?:ibm|cp0?(?:37|273|424|500|87\d|93\d)$|cp1(?:02|04|14)\d|ebcdic|utf-?7|utf-?32|ucs)/;

/** Text as one char a byte; UTF-16 becomes UTF-8 first, since origins that honour the charset do that. */
function decodeCharset(bytes: Uint8Array, type: string, tx: Transaction): string {
  if (bytes.length === 0 && type === "") return "";
  const charset = /charset\s{0,4}=\s{0,4}["']?([\w.:-]{1,40})/i.exec(type)?.[1]?.toLowerCase();
  if (charset === undefined || /^(?:utf-?8|us-ascii|ascii|iso-8859-1|latin1|windows-1252)$/.test(charset))
    return latin1(bytes);
  tx.fault(HIDING.test(charset) ? "hidden-charset" : "charset");
  if (!/^utf-?16/.test(charset)) return latin1(bytes);
  const text = new TextDecoder(charset.includes("be") ? "utf-16be" : "utf-16le").decode(bytes);
  return latin1(new TextEncoder().encode(text));
}
