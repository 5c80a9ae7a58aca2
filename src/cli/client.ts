import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as z from "zod";
import { ROOT } from "./project.ts";
import { Refusal } from "./usage.ts";

/** Where an edge is, and the key to it. */
export interface EdgeAddress {
  readonly url: string;
  readonly token: string;
}

const rememberedSchema = z.object({ url: z.string(), directUrl: z.string(), token: z.string() });
type Remembered = z.output<typeof rememberedSchema>;

/** Where `start` leaves what commands beside it need, readable by this user only. */
const REMEMBERED = join(ROOT, ".wrangler/edge.json");

/** Remembers an edge that was started on this machine, for the commands run beside it. */
export function rememberEdge(edge: Remembered): void {
  mkdirSync(dirname(REMEMBERED), { recursive: true });
  writeFileSync(REMEMBERED, JSON.stringify(edge), { mode: 0o600 });
}

/** Forgets it again when it ends. */
export function forgetEdge(): void {
  rmSync(REMEMBERED, { force: true });
}

function remembered(): Remembered | null {
  if (!existsSync(REMEMBERED)) return null;
  return rememberedSchema.safeParse(JSON.parse(readFileSync(REMEMBERED, "utf8"))).data ?? null;
}

/** The edge that EDGE_URL and ADMIN_TOKEN name; without them the one that was started here last. @throws Refusal */
export function addressedEdge(): EdgeAddress {
  const last = remembered();
  const named = process.env["EDGE_URL"]?.replace(/\/$/, "");
  const own =
    last !== null && (named === undefined || named === "" || named === last.url || named === last.directUrl);
  const url = own ? last.directUrl : named || "http://127.0.0.1:8787";
  const token = process.env["ADMIN_TOKEN"] || (own ? last.token : "");
  if (token === "")
    throw new Refusal("ADMIN_TOKEN is not set; set it to the token that the edge was started with");
  return { url, token };
}

export function noEdge({ url }: EdgeAddress, cause: unknown): Refusal {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new Refusal(
    `no edge answers at ${url} (${reason}); start it with "npm start", or set EDGE_URL`,
    cause,
  );
}

/**
 * Calls the private API of the running edge.
 * @param path below `/_edge/api/`
 * @param body sent as JSON with POST; without it the call is a GET
 * @throws Refusal with the problem's detail, or where no edge answers
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
    const inner = cause instanceof TypeError && cause.cause instanceof Error ? cause.cause : cause;
    throw noEdge(edge, inner);
  }
  const text = await response.text();
  if (!response.ok) throw new Refusal(refusal(response.status, text));
  const answer = text === "" ? null : parsed(text);
  if (answer === undefined) throw new Refusal(stranger(response.status));
  return answer;
}

const problemSchema = z.object({
  type: z.string().startsWith("urn:acme-edge:problem:"),
  code: z.string(),
  detail: z.string(),
  currentVersion: z.number().optional(),
});

/** Whoever is not let in is sent to the shop: what its firewall or its storefront answers says nothing of the call. */
function refusal(status: number, text: string): string {
  const problem = problemSchema.safeParse(parsed(text)).data;
  if (problem !== undefined && problem.code !== "blocked") {
    const { detail, currentVersion } = problem;
    return currentVersion === undefined ? detail : `${detail} (current version ${currentVersion})`;
  }
  return status === 403 || status === 404 ? stranger(status) : `the edge answered ${status}`;
}

function stranger(status: number): string {
  return `the edge answered ${status}: the private path does not exist, or ADMIN_TOKEN is not its token`;
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}
