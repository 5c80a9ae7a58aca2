import type { InspectionRequest } from "../verdict.ts";
import { rawRequest } from "./examples.ts";

/** A request as people have it at hand: a curl command line, a HAR entry (or file), or the raw text. Throws a message for the user where it is none. */
export function parseRequestText(text: string): InspectionRequest {
  const trimmed = text.trim();
  if (/^(?:\$ )?curl\s/.test(trimmed)) return curlRequest(trimmed);
  if (trimmed.startsWith("{")) return harRequest(trimmed);
  if (/^[A-Z]{3,20}\s+\S/.test(trimmed)) return rawRequest(text.trimStart());
  throw new Error("neither a curl line, nor a HAR entry, nor a request that begins with METHOD /target");
}

/** Options of curl with an argument that say nothing about the request. */
const WITH_ARGUMENT: ReadonlySet<string> = new Set([
  "-o",
  "--output",
  "-m",
  "--max-time",
  "-w",
  "--write-out",
  "--resolve",
  "--cacert",
  "-x",
  "--proxy",
]);

interface Curl {
  url: string;
  method: string | undefined;
  readonly headers: [string, string][];
  readonly data: string[];
  get: boolean;
}

function curlRequest(line: string): InspectionRequest {
  const [, ...words] = shellWords(line.replace(/^\$ /, ""));
  const curl: Curl = { url: "", method: undefined, headers: [], data: [], get: false };
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    const glued = /^(-[XHdbAeu])(.+)$/s.exec(word);
    const [option = "", inline] =
      glued === null ? (/^(--[\w-]+)=(.*)$/s.exec(word)?.slice(1) ?? [word]) : glued.slice(1);
    const argument = (): string => inline ?? words[++at] ?? "";
    applyOption(curl, option, argument);
  }
  if (curl.url === "") throw new Error("the curl line has no URL");
  return toRequest(curl);
}

function applyOption(curl: Curl, option: string, argument: () => string): void {
  if (!option.startsWith("-")) {
    curl.url = option;
    return;
  }
  switch (option) {
    case "-X":
    case "--request":
      curl.method = argument();
      return;
    case "-H":
    case "--header": {
      const [name, value = ""] = split(argument(), ":");
      curl.headers.push([name.trim(), value.trim()]);
      return;
    }
    case "-d":
    case "--data":
    case "--data-raw":
    case "--data-binary":
    case "--data-ascii":
      curl.data.push(argument());
      return;
    case "--json":
      curl.data.push(argument());
      curl.headers.push(["Content-Type", "application/json"]);
      return;
    case "--data-urlencode": {
      const [name, value] = split(argument(), "=");
      curl.data.push(value === undefined ? encodeURIComponent(name) : `${name}=${encodeURIComponent(value)}`);
      return;
    }
    case "-b":
    case "--cookie":
      curl.headers.push(["Cookie", argument()]);
      return;
    case "-A":
    case "--user-agent":
      curl.headers.push(["User-Agent", argument()]);
      return;
    case "-e":
    case "--referer":
      curl.headers.push(["Referer", argument()]);
      return;
    case "--url":
      curl.url = argument();
      return;
    case "-G":
    case "--get":
      curl.get = true;
      return;
    case "-I":
    case "--head":
      curl.method = "HEAD";
      return;
    default:
      if (WITH_ARGUMENT.has(option)) argument();
  }
}

function toRequest({ url, method, headers, data, get }: Curl): InspectionRequest {
  const body = data.join("&");
  const target = targetOf(url) + (get && body !== "" ? `${url.includes("?") ? "&" : "?"}${body}` : "");
  const sent = get ? "" : body;
  const typed = headers.some(([name]) => name.toLowerCase() === "content-type");
  if (sent !== "" && !typed) headers.push(["Content-Type", "application/x-www-form-urlencoded"]);
  return compose(method ?? (sent === "" ? "GET" : "POST"), target, headers, sent);
}

/** A HAR 1.2 entry, its request alone, or a log (its first entry). */
function harRequest(text: string): InspectionRequest {
  const har: unknown = JSON.parse(text);
  const request =
    field(har, "request") ?? field(first(field(field(har, "log"), "entries")), "request") ?? har;
  const method = field(request, "method");
  const url = field(request, "url");
  if (typeof method !== "string" || typeof url !== "string")
    throw new Error("the JSON is no HAR entry: it has no request with method and url");
  const given = field(request, "headers");
  const headers = (Array.isArray(given) ? given : []).flatMap((header: unknown): [string, string][] => {
    const name = field(header, "name");
    const value = field(header, "value");
    return typeof name === "string" && typeof value === "string" && !name.startsWith(":")
      ? [[name, value]]
      : [];
  });
  const body = field(field(request, "postData"), "text");
  return compose(method, targetOf(url), headers, typeof body === "string" ? body : "");
}

function compose(
  method: string,
  target: string,
  headers: readonly (readonly [string, string])[],
  body: string,
): InspectionRequest {
  const lines = headers.map(([name, value]) => `${name}: ${value.replace(/[\r\n]/g, " ")}`);
  return {
    ...rawRequest([`${method} ${target}`, ...lines].join("\n")),
    body: new TextEncoder().encode(body),
  };
}

/** Path and query of a URL as written: `new URL` would tidy up the evidence. */
function targetOf(url: string): string {
  const rest = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "").replace(/#.*$/s, "");
  return rest.startsWith("/") ? rest : `/${rest}`;
}

function split(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function field(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && key in value
    ? Object.entries(value).find(([name]) => name === key)?.[1]
    : undefined;
}

function first(value: unknown): unknown {
  return Array.isArray(value) ? value[0] : undefined;
}

/** Words as a POSIX shell splits them, `$'...'` as browsers' "copy as cURL" writes it included. */
function shellWords(line: string): string[] {
  const words: string[] = [];
  const piece = /\$'((?:[^'\\]|\\.)*)'|'([^']*)'|"((?:[^"\\]|\\.)*)"|\\\r?\n|\\(.)|([^\s'"\\]+)|(\s+)/gs;
  let word: string | null = null;
  for (const [all, ansi, single, double, escaped, plain, space] of line.matchAll(piece)) {
    if (space !== undefined) {
      if (word !== null) words.push(word);
      word = null;
      continue;
    }
    if (/^\\\r?\n$/.test(all)) continue;
    const text =
      ansi?.replace(/\\(?:u([0-9a-f]{4})|x([0-9a-f]{2})|(.))/gis, unescapeAnsi) ??
      single ??
      double?.replace(/\\(["\\$`])/g, "$1") ??
      escaped ??
      plain ??
      "";
    word = (word ?? "") + text;
  }
  if (word !== null) words.push(word);
  return words;
}

function unescapeAnsi(
  _all: string,
  unit: string | undefined,
  byte: string | undefined,
  char: string | undefined,
): string {
  const hex = unit ?? byte;
  if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16));
  return char === "n" ? "\n" : char === "r" ? "\r" : char === "t" ? "\t" : (char ?? "");
}
