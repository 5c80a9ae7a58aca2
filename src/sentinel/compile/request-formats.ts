import type { InspectionRequest } from "../verdict.ts";
import { curlRequest, type UrlRequest } from "./curl.ts";
import { rawRequest } from "./raw-request.ts";
import { harRequest } from "./har.ts";
import { cmdWords, isForCmd, shellWords } from "./shell-words.ts";

/** Which request of several is meant. */
export interface RequestChoice {
  /** Entry of a HAR log, from 1. */
  readonly entry?: number | undefined;
}

/**
 * A request as people have it at hand: a curl command line, a HAR entry (or file), or the raw text.
 * @throws Error with a message for the user where it is none, or anything in it cannot be understood
 */
export function parseRequestText(text: string, { entry }: RequestChoice = {}): InspectionRequest {
  const trimmed = text.trim();
  if (/^(?:\$ )?curl(?:\.exe)?\s/.test(trimmed)) {
    const line = trimmed.replace(/^\$ /, "");
    return composed(curlRequest((isForCmd(line) ? cmdWords(line) : shellWords(line)).slice(1)));
  }
  if (trimmed.startsWith("{")) {
    const { body, ...request } = harRequest(trimmed, entry);
    return composed({ ...request, body: new TextEncoder().encode(body), without: new Set() });
  }
  if (/^[A-Z]{3,20}\s+\S/.test(trimmed)) return rawRequest(text.trimStart());
  throw new Error("neither a curl line, nor a HAR entry, nor a request that begins with METHOD /target");
}

/** The same of the words of a command line, from which a shell has taken the quotes. */
export function parseRequestWords(words: readonly string[], choice?: RequestChoice): InspectionRequest {
  return words[0] === "curl" && words.length > 1
    ? composed(curlRequest(words.slice(1)))
    : parseRequestText(words.join(" "), choice);
}

/** The Host is the URL's where no header says otherwise. */
function composed({ method, url, headers, body, without }: UrlRequest): InspectionRequest {
  const host = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#@]*@)?([^/?#]+)/i.exec(url)?.[1];
  const named = headers.some(([name]) => name.toLowerCase() === "host");
  const all: readonly (readonly [string, string])[] =
    host === undefined || named ? headers : [["Host", host], ...headers];
  const length = body.length > 0 ? [`Content-Length: ${body.length}`] : [];
  const lines = all
    .filter(([name]) => name.toLowerCase() !== "content-length")
    .map(([name, value]) => `${name}: ${value.replace(/[\r\n]/g, " ")}`);
  const request = rawRequest([`${method} ${targetOf(url)}`, ...lines, ...length].join("\n"));
  return {
    ...request,
    headers: request.headers.filter(([name]) => !without.has(name.toLowerCase())),
    body,
  };
}

/** Path and query of a URL as written: `new URL` would tidy up the evidence. */
function targetOf(url: string): string {
  const rest = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "").replace(/#.*$/s, "");
  return rest.startsWith("/") ? rest : `/${rest}`;
}
