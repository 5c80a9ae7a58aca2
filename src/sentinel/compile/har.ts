/** A request of a HAR file. */
export interface HarRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

/**
 * The request of a HAR 1.2 entry, a request alone, or that entry of a log (from 1; needed where there are several).
 * @throws Error where it is none, or which of several is meant is not said
 */
export function harRequest(text: string, entry: number | undefined): HarRequest {
  const har: unknown = JSON.parse(text);
  const request =
    field(har, "request") ?? field(chosen(field(field(har, "log"), "entries"), entry), "request") ?? har;
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
  return { method, url, headers, body: typeof body === "string" ? body : "" };
}

function chosen(entries: unknown, entry: number | undefined): unknown {
  if (!Array.isArray(entries)) return undefined;
  if (entry === undefined && entries.length > 1)
    throw new Error(`the HAR has ${entries.length} entries; say which with --entry 1 to ${entries.length}`);
  const found: unknown = entries[(entry ?? 1) - 1];
  if (found === undefined) throw new Error(`the HAR has no entry ${entry ?? 1}; it has ${entries.length}`);
  return found;
}

function field(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && key in value
    ? Object.entries(value).find(([name]) => name === key)?.[1]
    : undefined;
}
