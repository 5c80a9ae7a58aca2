/**
 * What every private API shares: who is calling, and how a state-changing call
 * is read. Failures are EdgeErrors.
 */
import * as z from "zod"; // the namespace: `{ z }` would bring all of its languages along
import { EdgeError, problemResponse } from "./errors.ts";
import { requireOwnOrigin } from "./own-origin.ts";

/** The caller of one private request, as the Fabric let it in. */
export interface Operator {
  /** Name for the audit log. */
  readonly actor: string;
  readonly requestId: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly waitUntil: (work: Promise<unknown>) => void;
}

/** The answer to an expected failure; a bug is thrown on to the line, which records it with its cause. */
export function problemOf(thrown: Error, operator: Operator): Response {
  if (thrown instanceof EdgeError) return problemResponse(thrown, operator.requestId);
  throw thrown;
}

/** Why a change is made; every change says it. */
export const reasonSchema = z
  .string("is missing; say why, for the audit log")
  .trim()
  .min(1, "is empty; say why, for the audit log")
  .max(500, "is longer than 500 characters; shorten it");

/**
 * The JSON body of a state-changing call, checked by `schema`. Throws 403 for a
 * foreign origin, 415 for another content type, 413 beyond `maxBytes`, 400 with
 * every fault under `faults` for what the schema refuses.
 */
export async function readJson<T>(
  request: Request,
  schema: z.ZodType<T>,
  { ownOrigins, maxBytes }: { readonly ownOrigins: readonly string[]; readonly maxBytes: number },
): Promise<T> {
  requireOwnOrigin(request, ownOrigins);
  const type = (request.headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase();
  if (type !== "application/json") {
    throw new EdgeError({
      code: "unsupported-media-type",
      source: "client",
      status: 415,
      detail: "Send this change as application/json.",
    });
  }
  return checkInput(schema, parse(await readText(request, maxBytes)));
}

/** `value` as the schema takes it; throws 400 with every fault under `faults`. */
export function checkInput<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults = result.error.issues.map((issue) => ({
    path: issue.path.map(String).join("."),
    message: issue.message,
  }));
  const first = faults[0];
  throw invalid(
    first === undefined
      ? "The input is refused."
      : `${first.path === "" ? "The body" : first.path}: ${first.message}`,
    { faults },
  );
}

async function readText(request: Request, maxBytes: number): Promise<string> {
  const body: ReadableStream<Uint8Array> | null = request.body;
  if (body === null) return "";
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.byteLength;
    if (bytes > maxBytes) {
      await reader.cancel();
      throw new EdgeError({
        code: "body-too-large",
        source: "client",
        status: 413,
        detail: `The body is larger than ${maxBytes} bytes.`,
      });
    }
    text += decoder.decode(value, { stream: true });
  }
}

function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    throw invalid("The body is not JSON.", {});
  }
}

function invalid(detail: string, extensions: Readonly<Record<string, unknown>>): EdgeError {
  return new EdgeError({ code: "payload-invalid", source: "client", status: 400, detail, extensions });
}
