/**
 * An answer before it is a Response. A platform Response is dear to make and dear
 * to collect, so the stages pass this on and the last one builds the one there is.
 * Every Response is an Answer too.
 */
export interface Answer {
  readonly status: number;
  readonly statusText?: string;
  /** Not to be changed: many answers may share them. */
  readonly headers: Headers;
  /** Bytes as they are, or as they arrive; what its Content-Encoding says. */
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null;
  readonly webSocket?: WebSocket | null;
}

const NULL_BODY: ReadonlySet<number> = new Set([101, 204, 205, 304]);

/** Whether an answer of this status has no body, whatever its fields say (Fetch standard, null body status). */
export function hasNullBody(status: number): boolean {
  return NULL_BODY.has(status);
}

/** @param headers in place of the answer's own */
export function responseOf(answer: Answer, headers = answer.headers): Response {
  const { status, statusText, webSocket, body } = answer;
  const init: ResponseInit = { status, headers, encodeBody: "manual" };
  // Every member is asked for across the engine's border.
  if (statusText) init.statusText = statusText;
  if (webSocket) init.webSocket = webSocket;
  return new Response(body, init);
}

/** Gives up what has not arrived yet. */
export async function discard({ body }: Answer): Promise<void> {
  if (body instanceof ReadableStream) await body.cancel();
}
