import { Exceeded, type Transaction } from "../engine/transaction.ts";
import { percentDecode } from "../transformations/percent.ts";
import { base64Decode } from "../transformations/base64.ts";
import { addArg } from "./arguments.ts";

/** How much of an upload rules see. */
const FILE_PREFIX = 4096;

/**
 * Adds the parts of a multipart body (RFC 2046, RFC 7578): fields as parameters,
 * uploads as file name, type and first bytes. What parsers read differently is
 * read in every way and named as a fault: bare line feeds, several `name`s,
 * `filename*`, folded headers, transfer encodings, text outside of parts.
 */
export function addMultipart(text: string, contentType: string, complete: boolean, tx: Transaction): void {
  const boundary = boundaryOf(contentType, text, tx);
  if (boundary === null) {
    tx.fault("malformed-multipart");
    addArg(tx, "args.body", "", text, 0);
    return;
  }
  const pieces = split(text, boundary);
  const [preamble = "", ...parts] = pieces.parts;
  if (preamble.trim() !== "") outside(preamble, tx);
  if (pieces.epilogue.trim() !== "") outside(pieces.epilogue, tx);
  if (parts.length === 0 || (complete && !pieces.closed)) tx.fault("malformed-multipart");
  if (parts.length > tx.limits.parts) throw new Exceeded("parts");
  for (const part of parts) addPart(part, tx);
}

function outside(text: string, tx: Transaction): void {
  tx.fault("malformed-multipart");
  addArg(tx, "args.body", "", text, 0);
}

/** RFC 2046, 5.1.1: 1 to 70 chars of a small set; a second boundary, or one of other chars, is a fault. Without one the body's first line tells. */
function boundaryOf(contentType: string, text: string, tx: Transaction): string | null {
  const found = [
    ...contentType.matchAll(/boundary\s{0,8}=\s{0,8}(?:"([^"]{0,200})"|([^;,\s]{0,200}))/gi),
  ].map(([, quoted, plain]) => quoted ?? plain ?? "");
  const [first = ""] = found;
  if (found.length !== 1 || !/^[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]$/.test(first))
    tx.fault("bad-boundary");
  if (first !== "") return first;
  return /^\s{0,8}--([^\r\n]{1,200})\r?\n/.exec(text)?.[1]?.trim() ?? null;
}

interface Pieces {
  /** The preamble, then the parts. */
  readonly parts: readonly string[];
  readonly closed: boolean;
  readonly epilogue: string;
}

function split(text: string, boundary: string): Pieces {
  const delimiter = `--${boundary}`;
  const parts: string[] = [];
  let from = 0;
  for (let at = text.indexOf(delimiter); at >= 0; at = text.indexOf(delimiter, at + delimiter.length)) {
    if (at > 0 && text[at - 1] !== "\n") continue;
    parts.push(text.slice(from, at).replace(/\r?\n$/, ""));
    const after = at + delimiter.length;
    if (text.startsWith("--", after)) return { parts, closed: true, epilogue: text.slice(after + 2) };
    const line = text.indexOf("\n", after);
    from = line < 0 ? text.length : line + 1;
  }
  // What follows the last delimiter of a body that is cut off.
  parts.push(text.slice(from));
  return { parts, closed: false, epilogue: "" };
}

/** Headers that browsers send with a part (RFC 7578, 4.8: nothing else). */
const PART_HEADERS: ReadonlySet<string> = new Set(["content-disposition", "content-type", "content-length"]);

function addPart(part: string, tx: Transaction): void {
  const { head, content } = splitPart(part);
  const headers = partHeaders(head);
  if (headers.some(({ name }) => !PART_HEADERS.has(name))) tx.fault("part-header");
  const disposition = headers.filter(({ name }) => name === "content-disposition").map(({ value }) => value);
  const type = headers.find(({ name }) => name === "content-type")?.value ?? "";
  if (/charset\s{0,4}=/i.test(type) && !/charset\s{0,4}=\s{0,4}"?(?:utf-?8|us-ascii|iso-8859-1)/i.test(type))
    tx.fault("charset");
  const names = disposition.flatMap((value) => parameters(value, "name"));
  const files = disposition.flatMap((value) => parameters(value, "filename"));
  if (names.length > 1 || files.length > 1 || disposition.length > 1) tx.fault("duplicate-field-parameter");
  if (names.length === 0) tx.fault("malformed-multipart");
  const encoding = headers
    .find(({ name }) => name === "content-transfer-encoding")
    ?.value.trim()
    .toLowerCase();
  const decoded = encoding === undefined ? content : transferDecode(content, encoding);
  addNamed(names, files, type, decoded, tx);
}

/** Headers end at the first empty line, which may be the first line. */
function splitPart(part: string): { readonly head: string; readonly content: string } {
  const gap = /^\r?\n|\r?\n\r?\n/.exec(part);
  if (gap === null) return { head: part, content: "" };
  return { head: part.slice(0, gap.index), content: part.slice(gap.index + gap[0].length) };
}

function addNamed(
  names: readonly string[],
  files: readonly string[],
  type: string,
  content: string,
  tx: Transaction,
): void {
  const [name = ""] = names;
  for (const one of names) tx.add("args.body.names", "", one);
  if (files.length === 0) {
    addArg(tx, "args.body", name, content, 0);
    return;
  }
  tx.add("files.fields", "", name);
  for (const file of files) tx.add("files", name, file);
  tx.add("files.types", name, type);
  tx.add("files.content", name, content.slice(0, FILE_PREFIX));
  // An upload without a name is none to some parsers, and a field.
  if (content !== "" && files.every((file) => file === "")) addArg(tx, "args.body", name, content, 0);
}

function partHeaders(head: string): { readonly name: string; readonly value: string }[] {
  return head
    .replace(/\r?\n[ \t]{1,64}/g, " ")
    .split(/\r?\n/)
    .filter((line) => line !== "")
    .map((line) => {
      const colon = line.indexOf(":");
      return { name: line.slice(0, Math.max(0, colon)).trim().toLowerCase(), value: line.slice(colon + 1) };
    });
}

/** Every value that some parser would take for a parameter, `filename*` (RFC 5987) included. */
function parameters(disposition: string, name: string): string[] {
  const expression = new RegExp(
    `[;\\s]${name}(\\*(?:[0-9]\\*?)?)?\\s{0,8}=\\s{0,8}(?:"((?:[^"\\\\]|\\\\[\\s\\S])*)"?|'([^']*)'|([^;\\s]*))`,
    "gi",
  );
  return [...` ${disposition}`.matchAll(expression)].map(([, star, quoted, single, plain]) => {
    const value = quoted?.replace(/\\(["\\])/g, "$1") ?? single ?? plain ?? "";
    return star === undefined ? value : percentDecode(value.replace(/^[\w-]{0,20}'[\w-]{0,20}'/, ""));
  });
}

function transferDecode(content: string, encoding: string): string {
  if (encoding === "base64") return base64Decode(content);
  if (encoding !== "quoted-printable") return content;
  return content
    .replace(/=\r?\n/g, "")
    .replace(/=([0-9a-f]{2})/gi, (_all, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}
