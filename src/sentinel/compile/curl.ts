import { BOUNDARY, bytes, contentOf, file, formPart, part, split, withoutBreaks } from "./curl-data.ts";

/** A request by URL. */
export interface UrlRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
  /** Lower-case names of headers that are not sent though a browser would. */
  readonly without: ReadonlySet<string>;
}

/** What the options of a curl line add up to. */
interface Curl {
  url: string | undefined;
  method: string | undefined;
  readonly headers: [string, string][];
  readonly without: Set<string>;
  readonly data: Uint8Array[];
  readonly parts: Uint8Array[];
  json: boolean;
  get: boolean;
  head: boolean;
}

type Flag = (curl: Curl) => void;
type Option = (curl: Curl, argument: string) => void;

const nothing = (): void => {};

/** Long names of the short options, as the manual of curl 8 has them. */
const SHORT: Readonly<Record<string, string>> = {
  X: "request",
  H: "header",
  d: "data",
  F: "form",
  u: "user",
  A: "user-agent",
  e: "referer",
  b: "cookie",
  G: "get",
  I: "head",
  r: "range",
  s: "silent",
  S: "show-error",
  k: "insecure",
  L: "location",
  v: "verbose",
  i: "include",
  f: "fail",
  g: "globoff",
  N: "no-buffer",
  "#": "progress-bar",
  O: "remote-name",
  "4": "ipv4",
  "6": "ipv6",
  "0": "http1.0",
  o: "output",
  m: "max-time",
  w: "write-out",
  x: "proxy",
  c: "cookie-jar",
  D: "dump-header",
  E: "cert",
};

const FLAGS: ReadonlyMap<string, Flag> = new Map<string, Flag>([
  ["get", (curl) => (curl.get = true)],
  ["head", (curl) => (curl.head = true)],
  ["compressed", (curl) => header(curl, "Accept-Encoding", "deflate, gzip, br, zstd")],
  // These say nothing about the request.
  ...[
    "silent",
    "show-error",
    "insecure",
    "location",
    "verbose",
    "include",
    "fail",
    "globoff",
    "no-buffer",
    "progress-bar",
    "remote-name",
    "ipv4",
    "ipv6",
    "http1.0",
    "http1.1",
    "http2",
    "http3",
    "path-as-is",
    "tlsv1.2",
    "tlsv1.3",
    "ssl-no-revoke",
    "fail-with-body",
    "no-progress-meter",
  ].map((name): [string, Flag] => [name, nothing]),
]);

const WITH_ARGUMENT: ReadonlyMap<string, Option> = new Map<string, Option>([
  ["url", setUrl],
  ["request", (curl, method) => (curl.method = method)],
  ["header", headerLine],
  [
    "data",
    (curl, text) => curl.data.push(text.startsWith("@") ? withoutBreaks(file(text.slice(1))) : bytes(text)),
  ],
  [
    "data-ascii",
    (curl, text) => curl.data.push(text.startsWith("@") ? withoutBreaks(file(text.slice(1))) : bytes(text)),
  ],
  ["data-raw", (curl, text) => curl.data.push(bytes(text))],
  ["data-binary", (curl, text) => curl.data.push(contentOf(text))],
  ["data-urlencode", (curl, text) => curl.data.push(bytes(urlEncoded(text)))],
  [
    "json",
    (curl, text) => {
      curl.json = true;
      curl.data.push(contentOf(text));
    },
  ],
  ["form", (curl, text) => curl.parts.push(formPart(text))],
  [
    "form-string",
    (curl, text) => {
      const [name, value = ""] = split(text, "=");
      curl.parts.push(part(name, "", bytes(value)));
    },
  ],
  ["user", (curl, text) => header(curl, "Authorization", `Basic ${Buffer.from(text).toString("base64")}`)],
  ["oauth2-bearer", (curl, token) => header(curl, "Authorization", `Bearer ${token}`)],
  ["user-agent", (curl, text) => header(curl, "User-Agent", text)],
  ["referer", (curl, text) => header(curl, "Referer", text)],
  ["range", (curl, text) => header(curl, "Range", `bytes=${text}`)],
  [
    "cookie",
    (curl, text) => {
      if (!text.includes("="))
        throw new Error(`-b ${text} names a file of cookies; give the cookies as -b 'name=value'`);
      header(curl, "Cookie", text);
    },
  ],
  // These say nothing about the request.
  ...[
    "output",
    "max-time",
    "write-out",
    "proxy",
    "cookie-jar",
    "dump-header",
    "cert",
    "key",
    "cacert",
    "capath",
    "resolve",
    "connect-to",
    "connect-timeout",
    "max-redirs",
    "retry",
    "retry-delay",
    "interface",
    "limit-rate",
    "ciphers",
  ].map((name): [string, Option] => [name, nothing]),
]);

/**
 * The request that a curl line sends, by its words behind `curl`.
 * @throws Error that names the option where one is unknown or changes the request in a way that is not known here
 */
export function curlRequest(words: readonly string[]): UrlRequest {
  const curl: Curl = {
    url: undefined,
    method: undefined,
    headers: [],
    without: new Set(),
    data: [],
    parts: [],
    json: false,
    get: false,
    head: false,
  };
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word.startsWith("--")) apply(curl, word.slice(2), word, () => rest.shift());
    else if (word.startsWith("-") && word !== "-") applyShort(curl, word, rest);
    else setUrl(curl, word);
  }
  if (curl.url === undefined) throw new Error("the curl line has no URL");
  return sent(curl, curl.url);
}

/** `-sSd a=1`, `-XPOST`: flags may share a dash, and the rest of the word is the argument of what takes one. */
function applyShort(curl: Curl, word: string, rest: string[]): void {
  for (let at = 1; at < word.length; at++) {
    const letter = word[at] ?? "";
    const name = Object.hasOwn(SHORT, letter) ? SHORT[letter] : undefined;
    const glued = word.slice(at + 1);
    apply(curl, name ?? "", `-${letter}`, () => (glued === "" ? rest.shift() : glued));
    if (WITH_ARGUMENT.has(name ?? "")) return;
  }
}

function apply(curl: Curl, name: string, shown: string, argument: () => string | undefined): void {
  const flag = FLAGS.get(name);
  if (flag !== undefined) {
    flag(curl);
    return;
  }
  const option = WITH_ARGUMENT.get(name);
  if (option === undefined)
    throw new Error(`the curl option ${shown} is not known here; leave it out, or give the raw request`);
  const given = argument();
  if (given === undefined) throw new Error(`the curl option ${shown} lacks its argument`);
  option(curl, given);
}

function sent(curl: Curl, url: string): UrlRequest {
  const { headers, without } = curl;
  const data = Buffer.concat(
    curl.data.flatMap((piece, at) => (at === 0 || curl.json ? [piece] : [bytes("&"), piece])),
  );
  if (curl.parts.length > 0 && curl.data.length > 0) throw new Error("curl sends either -d or -F, not both");
  const form = curl.parts.length > 0;
  const asQuery = curl.get && data.length > 0;
  const body = form
    ? Buffer.concat([...curl.parts, bytes(`--${BOUNDARY}--\r\n`)])
    : curl.get
      ? bytes("")
      : data;
  const posts = form || (curl.data.length > 0 && !curl.get);
  const own = (name: string): boolean => headers.some(([given]) => given.toLowerCase() === name);
  if (form && !own("content-type")) header(curl, "Content-Type", `multipart/form-data; boundary=${BOUNDARY}`);
  else if (posts && !own("content-type"))
    header(curl, "Content-Type", curl.json ? "application/json" : "application/x-www-form-urlencoded");
  if (curl.json && !own("accept")) header(curl, "Accept", "application/json");
  const [address, fragment] = split(url, "#");
  const query = asQuery ? `${address.includes("?") ? "&" : "?"}${data.toString()}` : "";
  return {
    method: curl.method ?? (curl.head ? "HEAD" : posts ? "POST" : "GET"),
    url: `${address}${query}${fragment === undefined ? "" : `#${fragment}`}`,
    headers,
    body,
    without,
  };
}

function setUrl(curl: Curl, url: string): void {
  if (curl.url !== undefined) throw new Error(`the curl line has two URLs, ${curl.url} and ${url}; give one`);
  curl.url = url;
}

function header(curl: Curl, name: string, value: string): void {
  curl.headers.push([name, value]);
}

/** `Name: value`; `Name;` is sent empty, `Name:` is not sent at all. */
function headerLine(curl: Curl, line: string): void {
  if (line.startsWith("@"))
    throw new Error(`-H ${line} names a file of headers; give them as -H 'Name: value'`);
  const [name, value] = split(line, ":");
  if (value === undefined && line.endsWith(";")) header(curl, line.slice(0, -1).trim(), "");
  else if (value === undefined) throw new Error(`-H ${line} is no header; write 'Name: value'`);
  else if (value.trim() === "") curl.without.add(name.trim().toLowerCase());
  else header(curl, name.trim(), value.trim());
}

/** `content`, `=content`, `name=content`, `@file` or `name@file`. */
function urlEncoded(text: string): string {
  const [, name = "", mark = "", content = ""] = /^([^=@]*)([=@])(.*)$/s.exec(text) ?? [];
  if (mark === "") return encodeURIComponent(text);
  const value = encodeURIComponent(mark === "@" ? file(content).toString() : content);
  return name === "" ? value : `${name}=${value}`;
}
