import { parseDictionary } from "structured-headers";

/** Cache directives by lower-cased name; a directive without argument is `true`. */
export type Directives = ReadonlyMap<string, string | true>;

/** RFC 9111 section 1.2.2: values beyond this mean "for ever". */
export const MAX_DELTA = 2_147_483_648;

/** The fields that speak to this cache before `Cache-Control` does (RFC 9213 section 2.2), first match wins. */
export const TARGETED_FIELDS = ["cdn-cache-control", "surrogate-control"] as const;

const DIRECTIVE = /\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*)))?\s*(?=,|$)/y;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]*$/;
const SKIP_MALFORMED = /(?:"(?:[^"\\]|\\.)*"?|[^",])*/y;

/** Names that keep a response from being used: what was meant by `private; max-age=60` is plain enough to stay on the safe side. */
const FORBIDDING = /(?<![\w-])(no-store|private|no-cache|must-revalidate|proxy-revalidate)(?![\w-])/gi;

/**
 * `Cache-Control` of a request or response (RFC 9111 section 5.2), several field
 * lines joined by commas. Names are caseless, commas in quoted strings do not
 * separate, and a member that is not of the grammar is skipped alone, but for what
 * it forbids. Of a repeated directive the first counts (section 4.2.1).
 */
export function parseCacheControl(field: string | null): Directives {
  return read(field ?? "").directives;
}

/** Whether all members are of the grammar, none is repeated with another value, and every number is one. */
export function isCacheControl(field: string): boolean {
  const { directives, wellFormed } = read(field);
  return wellFormed && NUMBERS.every((name) => !Number.isNaN(deltaSeconds(directives, name)));
}

const NUMBERS = ["max-age", "s-maxage", "stale-while-revalidate", "stale-if-error"];

function read(field: string): { readonly directives: Directives; readonly wellFormed: boolean } {
  const directives = new Map<string, string | true>();
  let wellFormed = true;
  let position = 0;
  while (position < field.length) {
    DIRECTIVE.lastIndex = position;
    const match = DIRECTIVE.exec(field);
    if (match) {
      const name = (match[1] ?? "").toLowerCase();
      const value = match[2] ?? match[3] ?? true;
      if (!directives.has(name)) directives.set(name, value);
      else wellFormed &&= directives.get(name) === value;
      if (match[3] !== undefined && !TOKEN.test(match[3])) {
        // `ext=1@no-store`: what is no token may hold what was meant as a directive.
        wellFormed = false;
        forbid(directives, match[3]);
      }
      position = DIRECTIVE.lastIndex + 1;
    } else {
      SKIP_MALFORMED.lastIndex = position;
      const skipped = SKIP_MALFORMED.exec(field)?.[0] ?? "";
      wellFormed &&= skipped.trim() === "";
      forbid(directives, skipped);
      position = SKIP_MALFORMED.lastIndex + 1;
    }
  }
  return { directives, wellFormed };
}

function forbid(directives: Map<string, string | true>, text: string): void {
  for (const [, name = ""] of text.matchAll(FORBIDDING)) directives.set(name.toLowerCase(), true);
}

/**
 * Delta-seconds of a directive: a number; `NaN` where it is there and not of the
 * grammar (the safest reading: stale); undefined where it is not there.
 */
export function deltaSeconds(directives: Directives, name: string): number | undefined {
  const value = directives.get(name);
  if (value === undefined) return undefined;
  if (value === true || !/^\d+$/.test(value)) return Number.NaN;
  return Math.min(Number(value), MAX_DELTA);
}

/**
 * What a response says to this cache: the first valid, non-empty targeted field
 * alone (RFC 9213 section 2.1: then Cache-Control and Expires are ignored), else
 * Cache-Control.
 */
export function responseDirectives(headers: Headers): {
  readonly directives: Directives;
  readonly targeted: boolean;
} {
  for (const field of TARGETED_FIELDS) {
    const value = headers.get(field);
    if (value === null) continue;
    const directives = field === "surrogate-control" ? parseSurrogateControl(value) : parseTargeted(value);
    if (directives.size > 0) return { directives, targeted: true };
  }
  return { directives: parseCacheControl(headers.get("cache-control")), targeted: false };
}

/** Whether the field is a dictionary, every number in it is one, and nothing but a member poses as a directive. */
export function isTargetedControl(field: string): boolean {
  try {
    const members = parseDictionary(field);
    const numbers = [...members].filter(([name]) => NUMBERS.includes(name));
    return numbers.every(([, [value]]) => Number.isInteger(value)) && strayIn(field, members).length === 0;
  } catch {
    return false;
  }
}

/**
 * What forbids something and is no member: `max-age=600;no-store` is a dictionary
 * too, with a parameter that nobody meant as one, and of a repeated member the
 * last counts with its parameters alone.
 */
function strayIn(field: string, members: ReadonlyMap<string, unknown>): readonly string[] {
  const names = field.replace(QUOTED, "").match(FORBIDDING) ?? [];
  return names.filter((name) => !members.has(name));
}

const QUOTED = /"(?:[^"\\]|\\.)*"/g;

/** RFC 9213 section 2.1: a structured dictionary; as a whole ignored where it is not one, unless it forbids something. */
function parseTargeted(field: string): Directives {
  const directives = new Map<string, string | true>();
  try {
    const members = parseDictionary(field);
    for (const name of strayIn(field, members)) directives.set(name.toLowerCase(), true);
    for (const [name, [value]] of members) {
      if (value === true) directives.set(name, true);
      else if (typeof value === "number" && Number.isInteger(value)) directives.set(name, String(value));
      else if (typeof value === "string" && (name === "no-cache" || name === "private"))
        directives.set(name, value);
    }
  } catch {
    forbid(directives, field);
  }
  return directives;
}

const SURROGATE_AGE = /^(\d+)(?:\+(\d+))?$/;

/** Whether the field is of Cache-Control's grammar, and its number of its own. */
export function isSurrogateControl(field: string): boolean {
  const { directives, wellFormed } = read(field);
  const age = directives.get("max-age");
  return wellFormed && (age === undefined || SURROGATE_AGE.test(String(age)));
}

/** Edge Architecture 1.0: as Cache-Control, but `max-age=600+300` holds a stale window, and `content` says what to compose. */
function parseSurrogateControl(field: string): Directives {
  const directives = new Map(parseCacheControl(field));
  const age = directives.get("max-age");
  if (age !== undefined) {
    const [, fresh = "", stale] = SURROGATE_AGE.exec(String(age)) ?? [];
    directives.set("max-age", fresh);
    if (stale !== undefined) directives.set("stale-while-revalidate", stale);
  }
  // `content` alone says nothing of storing; Cache-Control then counts.
  const speaks = ["max-age", "no-store", "no-store-remote"].some((name) => directives.has(name));
  return speaks ? directives : new Map();
}

/** Whether `Surrogate-Control` asks for ESI processing (`content="ESI/1.0"`). */
export function asksForComposition(headers: Headers): boolean {
  const content = parseCacheControl(headers.get("surrogate-control")).get("content");
  return typeof content === "string" && content.includes("ESI/1.0");
}
