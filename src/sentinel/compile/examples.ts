import type { InspectionRequest } from "../verdict.ts";
import { build, bytes, rawRequest } from "./raw-request.ts";
import type { Example, ExampleMap } from "./schema.ts";

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

function headerList(headers: ExampleMap["headers"]): readonly (readonly [string, string])[] {
  return Object.entries(headers ?? {}).flatMap(([name, value]): [string, string][] => {
    if (value === null) return [];
    return Array.isArray(value) ? value.map((one): [string, string] => [name, one]) : [[name, value]];
  });
}
