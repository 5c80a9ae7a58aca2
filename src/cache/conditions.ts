import type { FieldReader } from "../http/fields.ts";
import { parseHttpDate } from "./dates.ts";
import type { MalformedPart } from "./events.ts";
import { listMembers } from "./fields.ts";
import { type StoredHead, storedHeader } from "./stored.ts";

/** Told of a client's field that could not be read. */
export type Note = (part: MalformedPart) => void;

/** RFC 9110 section 13.2.2 for GET and HEAD: whether a stored 200 is answered with 304. */
export function notModified(head: StoredHead, headers: FieldReader, now: number, note: Note): boolean {
  if (head.status !== 200) return false;
  const ifNoneMatch = headers.get("if-none-match");
  if (ifNoneMatch !== null) return matchesAny(ifNoneMatch, storedHeader(head, "etag"), note);
  const field = headers.get("if-modified-since");
  if (field === null) return false;
  const since = parseHttpDate(field, now);
  if (since === undefined) {
    note("if-modified-since");
    return false;
  }
  // Section 4.3.2 of RFC 9111: Date stands in where there is no Last-Modified.
  const modified = parseHttpDate(storedHeader(head, "last-modified") ?? storedHeader(head, "date"), now);
  return modified !== undefined && modified <= since;
}

const ENTITY_TAG = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/;
/** RFC 9110 section 8.8.3. */
export function isEntityTag(value: string): boolean {
  return ENTITY_TAG.test(value);
}

/** Weak comparison (RFC 9110 section 8.8.3.2) with a list; what is not an entity-tag matches only its like. */
function matchesAny(list: string, etag: string | null, note: Note): boolean {
  if (list.trim() === "*") return true;
  const members = listMembers(list, "plain");
  if (!members.every(isEntityTag)) note("if-none-match");
  if (etag === null) return false;
  const own = opaque(etag);
  return members.some((member) => opaque(member) === own);
}

/** RFC 9111 section 4.3.4: a 304 with a validator speaks of what bears the same, and of nothing else. */
export function confirms(update: Headers, head: StoredHead): boolean {
  const told = update.get("etag");
  const own = storedHeader(head, "etag");
  return told === null || own === null || opaque(told) === opaque(own);
}

function opaque(tag: string): string {
  return tag.startsWith("W/") ? tag.slice(2) : tag;
}

/** Bytes `first` to `last` inclusive, out of `length`. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

const BYTE_RANGES = /^bytes=[ \t]*(?:\d+-\d*|-\d+)(?:[ \t]*,[ \t]*(?:\d+-\d*|-\d+))*$/i;

/** Whether a Range field asks for bytes as its grammar says (RFC 9110 section 14.1.2); of anything else the whole is right. */
export function isByteRange(field: string): boolean {
  return BYTE_RANGES.test(field.trim());
}

/**
 * RFC 9110 section 14.2: the one range asked for; `unsatisfiable` for 416;
 * undefined where the whole is right: no Range, another unit, malformed, several
 * ranges (a cheap way to have a server do dear work), or an If-Range that does
 * not match strongly.
 */
export function rangeOf(
  head: StoredHead,
  headers: FieldReader,
  length: number,
  now: number,
  note: Note,
): ByteRange | "unsatisfiable" | undefined {
  const field = headers.get("range")?.trim();
  if (field === undefined || head.status !== 200) return undefined;
  if (/^bytes\b/i.test(field) && !isByteRange(field)) note("range");
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(field);
  if (match === null || !ifRangeHolds(head, headers.get("if-range"), now, note)) return undefined;
  const [, from = "", to = ""] = match;
  if (from === "" && to === "") return undefined;
  if (from === "") {
    const suffix = Math.min(Number(to), length);
    return suffix === 0 ? "unsatisfiable" : { first: length - suffix, last: length - 1 };
  }
  const first = Number(from);
  const last = to === "" ? length - 1 : Math.min(Number(to), length - 1);
  if (to !== "" && Number(to) < first) return undefined;
  return first >= length ? "unsatisfiable" : { first, last };
}

/** Section 13.1.5: strong comparison; a date counts where it is Last-Modified to the letter and that is a minute older than Date. */
function ifRangeHolds(head: StoredHead, field: string | null, now: number, note: Note): boolean {
  if (field === null) return true;
  const value = field.trim();
  if (isEntityTag(value)) return value.startsWith('"') && value === storedHeader(head, "etag");
  const asked = parseHttpDate(value, now);
  if (asked === undefined) {
    note("if-range");
    return false;
  }
  const modified = parseHttpDate(storedHeader(head, "last-modified"), now);
  const date = parseHttpDate(storedHeader(head, "date"), now);
  return modified !== undefined && date !== undefined && date - modified >= 60_000 && asked === modified;
}
