/**
 * Redaction: what could be a card number, a token or a person's address is
 * replaced before anything is written. Errs to removing too much. Linear time.
 */

const MAX_TEXT = 300;
const HIDDEN = "[redacted]";

/** Parameters of a shop whose values say nothing about a person. */
const SAFE_PARAMETERS: ReadonlySet<string> = new Set(["page", "sort", "lang", "currency", "size", "limit"]);
const SAFE_VALUE = /^[A-Za-z0-9_-]{1,8}$/;

/** Text for a log line: cards, addresses and long opaque values removed, at most 300 characters. */
export function redactText(text: string): string {
  return text
    .slice(0, MAX_TEXT)
    .replace(/[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{1,64}/g, HIDDEN)
    .replace(/\d(?:[ -]?\d){11,}/g, HIDDEN)
    .replace(/[A-Za-z0-9_+/=.-]{24,}/g, (word) => (looksOpaque(word) ? HIDDEN : word));
}

/** What a path must hold before any of it could be a secret. */
const SUSPECT = /[%@]|\d(?:[ -]?\d){11}|[^/]{24}/;

/** A path, segment by segment: a slug stays, an opaque identifier goes. */
export function redactPath(path: string): string {
  if (path.length <= MAX_TEXT && !SUSPECT.test(path)) return path;
  return path
    .slice(0, MAX_TEXT * 2)
    .split("/")
    .map((segment) => redactText(decoded(segment)))
    .join("/")
    .slice(0, MAX_TEXT);
}

/** The names of a query's parameters, in order, with the values of those that are known to be harmless. */
export function redactQuery(query: string): string {
  if (query === "") return "";
  return query
    .split("&", 50)
    .map((pair) => {
      const equals = pair.indexOf("=");
      const name = redactText(decoded(equals < 0 ? pair : pair.slice(0, equals)).slice(0, 64));
      const value = equals < 0 ? "" : pair.slice(equals + 1);
      return SAFE_PARAMETERS.has(name) && SAFE_VALUE.test(value) ? `${name}=${value}` : name;
    })
    .join("&")
    .slice(0, MAX_TEXT);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Letters and digits mixed, as in keys, tokens and hashes; words that are joined are not. */
function looksOpaque(word: string): boolean {
  const longest = Math.max(...word.split(/[-_/.]/).map((part) => part.length));
  return longest >= 20 || (/\d/.test(word) && /[A-Z]/.test(word));
}
