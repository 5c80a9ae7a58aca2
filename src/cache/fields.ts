import { isHopByHop } from "../http/headers.ts";
import { type Directives, responseDirectives } from "./directives.ts";
import type { HeaderList } from "./stored.ts";

/** Meant for this cache alone: it says too much to clients (purge tags, surrogate control), and lists of 64 KB are more than many can read. */
const EDGE_ONLY = new Set(["cache-groups", "cache-tag", "surrogate-key", "surrogate-control"]);

/** Section 3.2: a 304 describes the stored body, so what frames that body stays. */
const KEPT_AT_304 = new Set(["content-length", "content-encoding", "content-range", "transfer-encoding"]);

export interface StoredFields {
  /** What clients get. */
  readonly headers: HeaderList;
  /** What rules this cache alone and is not passed on. */
  readonly edgeHeaders: HeaderList;
}

/** The response fields to store: none of the hop, of `Connection`'s list, or of a `no-cache` list. */
export function storedFields(headers: Headers, directives: Directives, now: number): StoredFields {
  const omitted = new Set([...listed(headers.get("connection")), ...listed(qualified(directives))]);
  const fields: [string, string][] = [];
  const edgeHeaders: [string, string][] = [];
  for (const [name, value] of headers) {
    if (isHopByHop(name) || omitted.has(name) || name === "age" || name === "set-cookie") continue;
    if (EDGE_ONLY.has(name)) {
      edgeHeaders.push([name, value]);
      continue;
    }
    fields.push([name, value]);
  }
  // RFC 9110 section 6.6.1: a recipient with a clock dates what came undated.
  if (!headers.has("date")) fields.push(["date", new Date(now).toUTCString()]);
  return { headers: fields, edgeHeaders };
}

/** Fields that `no-cache` names: for whom they were sent, and nobody after (RFC 9111 section 5.2.2.4). */
export function unstoredFields(headers: Headers): HeaderList {
  const names = listed(qualified(responseDirectives(headers).directives));
  return names.flatMap((name): [string, string][] => {
    const value = name === "" || isHopByHop(name) ? null : readField(headers, name);
    return value === null ? [] : [[name, value]];
  });
}

/** Null too where the name is none. */
function readField(headers: Headers, name: string): string | null {
  try {
    return headers.get(name);
  } catch {
    return null;
  }
}

function qualified(directives: Directives): string | null {
  const value = directives.get("no-cache");
  return value === undefined || value === true ? null : value;
}

function listed(field: string | null): string[] {
  return (field ?? "").split(",").map((name) => name.trim().toLowerCase());
}

/**
 * Members of a list (RFC 9110 section 5.6.1), trimmed, without empty ones. Commas in
 * quoted strings do not separate; `escapes`: nor does a quote behind a backslash end
 * one, which entity-tags do not know. By hand: expressions for it backtrack.
 */
export function listMembers(field: string, quotes: "escapes" | "plain"): string[] {
  const members: string[] = [];
  let quoted = false;
  let start = 0;
  for (let index = 0; index <= field.length; index++) {
    const char = field[index];
    if (char === '"') quoted = !quoted;
    else if (quoted && char === "\\" && quotes === "escapes") index++;
    else if (char === undefined || (char === "," && !quoted)) {
      const member = field.slice(start, index).trim();
      if (member !== "") members.push(member);
      start = index + 1;
    }
  }
  return members;
}

/** RFC 9111 section 3.2: the stored response's fields, replaced by those a 304 brings. */
export function freshened(stored: StoredFields, update: Headers, now: number): Headers {
  const merged = new Headers([...stored.headers, ...stored.edgeHeaders]);
  const fresh = storedFields(update, new Map(), now);
  const fields = [...fresh.headers, ...fresh.edgeHeaders].filter(([name]) => !KEPT_AT_304.has(name));
  for (const [name] of fields) merged.delete(name);
  for (const [name, value] of fields) merged.append(name, value);
  // An Age this cache computed is not stored; the origin's tells how old its 304 is.
  const age = update.get("age");
  if (age !== null) merged.set("age", age);
  return merged;
}

/** Takes what is for this cache alone out of a response that is passed on unstored. */
export function withoutEdgeFields(headers: Headers): Headers {
  const passed = new Headers(headers);
  for (const name of EDGE_ONLY) passed.delete(name);
  return passed;
}
