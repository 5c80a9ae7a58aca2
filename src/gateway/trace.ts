/**
 * W3C Trace Context (traceparent, tracestate): continued where the client sent a
 * valid one, begun otherwise. Never throws; a malformed header begins a new trace.
 */
import type { FieldReader } from "../http/fields.ts";

export interface Trace {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** The edge's own span, 16 lower-case hex digits: the parent of whatever the origin does. */
  readonly spanId: string;
  /** Trace flags, 2 hex digits. */
  readonly flags: string;
  /** Passed on untouched, and only with the traceparent that it belongs to. */
  readonly state: string | null;
  readonly continued: boolean;
}

/** Versions after 00 may append fields; ff is forbidden (section 3.2.2.1 and 4). */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?$/;

/** Section 3.3.1.5: at least 512 characters should be propagated; more is dropped as a whole. */
const MAX_STATE = 512;

export function traceOf(headers: FieldReader): Trace {
  const spanId = randomHex(8);
  const match = TRACEPARENT.exec(headers.get("traceparent") ?? "");
  const [, version, traceId, flags, extra] = match ?? [];
  if (traceId === undefined || flags === undefined || (version === "00" && extra !== undefined)) {
    return { traceId: randomHex(16), spanId, flags: "01", state: null, continued: false };
  }
  const state = headers.get("tracestate");
  return {
    traceId,
    spanId,
    // Only the sampled flag is defined in version 00.
    flags: (Number.parseInt(flags, 16) & 1) === 1 ? "01" : "00",
    state: state !== null && state.length <= MAX_STATE ? state : null,
    continued: true,
  };
}

export function traceparent(trace: Trace): string {
  return `00-${trace.traceId}-${trace.spanId}-${trace.flags}`;
}

function randomHex(bytes: number): string {
  let hex = "";
  for (const byte of crypto.getRandomValues(new Uint8Array(bytes))) hex += byte.toString(16).padStart(2, "0");
  return hex;
}
