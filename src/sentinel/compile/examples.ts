import type { InspectionRequest } from "../verdict.ts";
import type { Example, ExampleMap } from "./schema.ts";

/** What a browser sends with everything. */
const BROWSER: readonly (readonly [string, string])[] = [
  ["host", "store.acme.com"],
  ["user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"],
  ["accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
];

export interface ResponseExample {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
}

export interface ExampleExchange {
  readonly request: InspectionRequest;
  readonly response: ResponseExample | null;
}

/** The request (and answer) that an example stands for. */
export function exchangeOf(example: Example): ExampleExchange {
  if (typeof example === "string") return { request: rawRequest(example), response: null };
  const { response } = example;
  return {
    request: mapRequest(example),
    response:
      response === undefined
        ? null
        : {
            status: response.status ?? 200,
            headers: headerList(response.headers),
            body: bytes(response.body ?? ""),
          },
  };
}

/** `METHOD target [protocol]`, headers, an empty line, the body; a target without `/` is taken as a path. */
export function rawRequest(text: string): InspectionRequest {
  const [, head = "", body = ""] = /^(.*?)(?:\r?\n\r?\n([\s\S]*))?$/s.exec(text) ?? [];
  const [line = "", ...rest] = head.trimEnd().split(/\r?\n/);
  const [, method = "GET", target = "/", protocol = "HTTP/1.1"] =
    /^(\S+)\s+(.*?)(?:\s+(HTTP\/[0-9.]+))?$/.exec(line) ?? [];
  const headers = rest.flatMap((header): [string, string][] => {
    const colon = header.indexOf(":");
    return colon < 1 ? [] : [[header.slice(0, colon).trim(), header.slice(colon + 1).trim()]];
  });
  return build({ method, target, headers, body: bytes(body), ip: undefined, protocol });
}

function mapRequest(map: ExampleMap): InspectionRequest {
  const headers = [...headerList(map.headers)];
  const absent = new Set(
    Object.entries(map.headers ?? {}).flatMap(([name, value]) =>
      value === null ? [name.toLowerCase()] : [],
    ),
  );
  if (map.cookie !== undefined)
    headers.push([
      "cookie",
      Object.entries(map.cookie)
        .map((pair) => pair.join("="))
        .join("; "),
    ]);
  const { body, type } = bodyOf(map);
  if (type !== null && !headers.some(([name]) => name.toLowerCase() === "content-type"))
    headers.push(["content-type", type]);
  const query = map.arg === undefined ? "" : `?q=${encodeURIComponent(map.arg).replaceAll("%20", "+")}`;
  const method = map.method ?? (body.length > 0 ? "POST" : "GET");
  return build({
    method,
    target: (map.path ?? "/") + query,
    headers,
    body,
    ip: map.ip,
    protocol: "HTTP/1.1",
    absent,
  });
}

function bodyOf(map: ExampleMap): { body: Uint8Array; type: string | null } {
  if (map.form !== undefined)
    return {
      body: bytes(new URLSearchParams(map.form).toString()),
      type: "application/x-www-form-urlencoded",
    };
  if (map.json !== undefined) return { body: bytes(JSON.stringify(map.json)), type: "application/json" };
  if (map.body_base64 !== undefined) return { body: Buffer.from(map.body_base64, "base64"), type: null };
  return { body: bytes(map.body ?? ""), type: null };
}

interface Parts {
  readonly method: string;
  readonly target: string;
  readonly protocol: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
  readonly ip: string | undefined;
  readonly absent?: ReadonlySet<string>;
}

function build({ method, target, protocol, headers, body, ip, absent }: Parts): InspectionRequest {
  const given = new Set(headers.map(([name]) => name.toLowerCase()));
  const added = BROWSER.filter(([name]) => !given.has(name) && absent?.has(name) !== true);
  const length: [string, string][] =
    body.length > 0 && !given.has("content-length") ? [["content-length", String(body.length)]] : [];
  return {
    method,
    target,
    protocol,
    headers: [...added, ...headers, ...length],
    body,
    bodyComplete: true,
    clientIp: ip ?? "203.0.113.7",
  };
}

function headerList(headers: ExampleMap["headers"]): readonly (readonly [string, string])[] {
  return Object.entries(headers ?? {}).flatMap(([name, value]): [string, string][] => {
    if (value === null) return [];
    return Array.isArray(value) ? value.map((one): [string, string] => [name, one]) : [[name, value]];
  });
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
