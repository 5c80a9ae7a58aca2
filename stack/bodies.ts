/**
 * Request bodies, read within a bound whatever their length claims to be. What
 * is too large ends the request with 413, what breaks off with 400 (an
 * `HTTPException` each); what cannot be understood is as good as empty, and for
 * the handler's schema to refuse.
 */
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";

const LIMIT = 64 * 1024;

async function readText(context: Context): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  try {
    for await (const chunk of context.req.raw.body ?? []) {
      size += chunk.length;
      if (size > LIMIT) throw new HTTPException(413, { message: "body too large" });
      text += decoder.decode(chunk, { stream: true });
    }
  } catch (cause) {
    throw cause instanceof HTTPException
      ? cause
      : new HTTPException(400, { message: "body broke off", cause });
  }
  return text + decoder.decode();
}

/** The fields of a form, as browsers send it without files. */
export async function readForm(context: Context): Promise<URLSearchParams> {
  return new URLSearchParams(await readText(context));
}

/** The JSON value; undefined when it is none. */
export async function readJson(context: Context): Promise<unknown> {
  const text = await readText(context);
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
