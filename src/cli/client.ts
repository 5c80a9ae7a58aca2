import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ROOT } from "./project.ts";

/** An answer of the private API that is not a success. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

/** Where the running edge is: `EDGE_URL`, or this machine. */
export function edgeUrl(): string {
  return (process.env["EDGE_URL"] || "http://127.0.0.1:8787").replace(/\/$/, "");
}

/** Where `start` leaves the token it made, for commands run beside it on the same machine. */
function tokenFile(port: string): string {
  return join(ROOT, `.wrangler/admin-token-${port}`);
}

/** Remembers the token of an edge on this machine, readable by this user only. */
export function rememberToken(port: string, token: string): void {
  const file = tokenFile(port);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, token, { mode: 0o600 });
}

function adminToken(): string {
  const given = process.env["ADMIN_TOKEN"];
  if (given) return given;
  const url = new URL(edgeUrl());
  const file = tokenFile(url.port);
  if (/^(?:127\.0\.0\.1|localhost)$/.test(url.hostname) && existsSync(file))
    return readFileSync(file, "utf8");
  throw new Error("ADMIN_TOKEN is not set; set it to the token that the edge was started with");
}

/** Where an edge is, and the key to it. */
export interface EdgeAddress {
  readonly url: string;
  readonly token: string;
}

/** The edge that the environment names. */
export function addressedEdge(): EdgeAddress {
  return { url: edgeUrl(), token: adminToken() };
}

/**
 * Calls the private API of the running edge.
 * @param path below `/_edge/api/`
 * @param body sent as JSON with POST; without it the call is a GET
 * @throws ApiError with the problem's detail, or an Error where no edge answers
 */
export async function callApi(
  path: string,
  body?: unknown,
  edge: EdgeAddress = addressedEdge(),
): Promise<unknown> {
  const url = `${edge.url}/_edge/api/${path}`;
  let response: Response;
  try {
    response = await fetch(url, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        authorization: `Bearer ${edge.token}`,
        accept: "application/json",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (cause) {
    if (cause instanceof TypeError)
      throw new Error(`no edge answers at ${edge.url}; start it with "npm start", or set EDGE_URL`, {
        cause,
      });
    throw cause;
  }
  const text = await response.text();
  if (!response.ok) throw new ApiError(response.status, refusal(response.status, text));
  const answer: unknown = text === "" ? null : JSON.parse(text);
  return answer;
}

function refusal(status: number, text: string): string {
  if (status === 404)
    return "the edge answered 404: the private path does not exist, or ADMIN_TOKEN is not its token";
  try {
    const problem: unknown = JSON.parse(text);
    if (typeof problem === "object" && problem !== null && "detail" in problem) {
      const version =
        "currentVersion" in problem ? ` (current version ${String(problem.currentVersion)})` : "";
      return `${String(problem.detail)}${version}`;
    }
  } catch {
    // Not a problem document: the status has to do.
  }
  return `the edge answered ${status}`;
}
