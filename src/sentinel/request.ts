import { addArgs } from "./bodies/arguments.ts";
import { formPairs } from "./bodies/urlencoded.ts";
import type { FieldValues } from "./engine/seen.ts";
import { byteString } from "./engine/byte-strings.ts";
import { Exceeded, type Transaction } from "./engine/transaction.ts";
import { Value } from "./engine/view.ts";
import type { InspectionRequest } from "./verdict.ts";

/** Fills a transaction with phase 1: request line, query, headers and cookies. Throws `Exceeded`. */
export function collectHead(request: InspectionRequest, tx: Transaction): void {
  const target = byteString(request.target);
  const split = target.indexOf("?");
  const path = split < 0 ? target : target.slice(0, split);
  const query = split < 0 ? "" : target.slice(split + 1);
  checkHead(request, tx.limits.head);
  if (tx.wantsNothing) return;
  tx.add("method", "", request.method);
  tx.add("protocol", "", request.protocol);
  tx.add("client.ip", "", request.clientIp);
  tx.add("target", "", target);
  tx.add("path", "", path);
  tx.add("filename", "", path.slice(path.lastIndexOf("/") + 1));
  if (query !== "") {
    tx.add("query", "", query);
    addArgs(tx, "args.query", formPairs(query));
  }
  for (const [name, text] of request.headers) {
    const { field } = tx.addField(name, text, (shared) => fieldValues(name, text, shared));
    if (field.name === "cookie") addCookies(tx, field.text);
  }
}

function fieldValues(name: string, text: string, shared: boolean): FieldValues {
  const lower = name.toLowerCase();
  const collection = GRAMMATICAL.test(lower) ? "headers" : "headers.free";
  return {
    field: new Value(collection, lower, byteString(text), true, null, shared),
    name: new Value("headers.names", "", lower, true, null, shared),
  };
}

/** Headers that browsers and proxies write by a grammar of their own; all others carry whatever a client likes. */
const GRAMMATICAL =
  /^(?:accept(?:-charset|-encoding)?|(?:proxy-)?(?:authorization|connection)|cache-control|cdn-loop|cf-.*|content-.*|cookie|date|dnt|expect|host|if-.*|keep-alive|max-forwards|origin|pragma|priority|purpose|(?:request-)?range|referer|sec-.*|te|trailer|transfer-encoding|upgrade(?:-insecure-requests)?|user-agent)$/;

/** Cookies as RFC 6265 divides them; old servers (RFC 2109) divide at commas as well. */
function addCookies(tx: Transaction, line: string): void {
  for (const part of line.split(/; ?/)) {
    if (part === "") continue;
    addCookie(tx, part);
    if (OLD_SEPARATOR.test(part)) for (const crumb of part.split(/, ?/)) addCookie(tx, crumb);
  }
}

const OLD_SEPARATOR = /, ?[\w.-]{1,64}=/;

/** Without `=` it is all value, and has no name (RFC 6265bis section 5.6). */
function addCookie(tx: Transaction, part: string): void {
  const equals = part.indexOf("=");
  const name = part.slice(0, Math.max(equals, 0)).trim();
  tx.add("cookies.names", "", name);
  tx.add("cookies", name, part.slice(equals + 1));
}

function checkHead({ target, headers }: InspectionRequest, limit: number): void {
  let bytes = target.length;
  for (const [name, value] of headers) bytes += name.length + value.length;
  if (bytes > limit) throw new Exceeded("head");
}
