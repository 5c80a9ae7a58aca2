import type { InspectionRequest } from "../verdict.ts";

/** What a browser sends with everything. */
const BROWSER: readonly (readonly [string, string])[] = [
  ["host", "store.acme.com"],
  ["user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"],
  ["accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
];

/**
 * `METHOD target [protocol]`, headers, an empty line, the body; the target stands as it would on the wire.
 * @throws Error, as "what is wrong; what to do", where a line is none of these
 */
export function rawRequest(text: string): InspectionRequest {
  const [, head = "", body = ""] = /^(.*?)(?:\r?\n\r?\n([\s\S]*))?$/s.exec(text) ?? [];
  const [line = "", ...rest] = head.trimEnd().split(/\r?\n/);
  const [, method, target = "/", protocol = "HTTP/1.1"] =
    /^([A-Z][A-Z0-9_-]*)[ \t]+(\S.*?)(?:\s+(HTTP\/[0-9.]+))?$/.exec(line) ?? [];
  if (method === undefined)
    throw new Error(`${JSON.stringify(line.slice(0, 60))} is no request line; write METHOD /target`);
  const headers = rest.map((header): [string, string] => {
    const colon = header.indexOf(":");
    if (colon < 1)
      throw new Error(
        `${JSON.stringify(header.slice(0, 60))} is no header; write Name: value, and an empty line before the body`,
      );
    return [header.slice(0, colon).trim(), header.slice(colon + 1).trim()];
  });
  return build({ method, target, headers, body: bytes(body), ip: undefined, protocol });
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

/** A request with what a browser sends with everything, unless it is given or absent. */
export function build({ method, target, protocol, headers, body, ip, absent }: Parts): InspectionRequest {
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

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
