/**
 * Never stream large files from Compute: a large body or a media type that comes
 * from the storefront is refused, or sent to where Archive has it. Fails closed.
 * Pure: decides on headers; a body without a length is cut by the relay when it
 * passes the same limit.
 */
import type { GuardReason } from "./events.ts";
import { contentLength, mediaType } from "./origin-response.ts";
import type { ComputePolicy } from "./compiled.ts";
import { matchesPath } from "./routes.ts";

export type ComputeVerdict =
  | { readonly kind: "pass" }
  | { readonly kind: "refuse"; readonly reason: GuardReason }
  | { readonly kind: "moved"; readonly location: string; readonly reason: GuardReason };

const PASS: ComputeVerdict = { kind: "pass" };

/** @param path canonical path of the request; @param status of the origin's answer */
export function judgeCompute(
  policy: ComputePolicy,
  path: string,
  status: number,
  headers: Headers,
): ComputeVerdict {
  if (status < 200 || status > 299 || status === 204) return PASS;
  const type = mediaType(headers);
  const refusedType = policy.refusedTypes.some((pattern) => matchesType(pattern, type));
  // A part of a large file is as far from home as the whole, however small.
  const large = Math.max(contentLength(headers) ?? 0, completeLength(headers)) > policy.largeBytes;
  if (!refusedType && !large) return PASS;
  if (policy.except.some((pattern) => matchesPath(pattern, path))) return PASS;
  const reason = refusedType ? "media-type" : "large-body";
  const entry = policy.moved.find(({ from }) => matchesPath(from, path));
  if (entry === undefined) return { kind: "refuse", reason };
  const rest = path.slice(entry.from.length - 2);
  return { kind: "moved", location: entry.to.slice(0, -2) + rest, reason };
}

/** Bytes of the file that a part is of (Content-Range, RFC 9110 section 14.4); 0 where nothing is said. */
function completeLength(headers: Headers): number {
  const [, length] = /^bytes .*\/(\d{1,15})$/i.exec(headers.get("content-range") ?? "") ?? [];
  return Number(length ?? 0);
}

/** Bytes after which a body without a declared length is cut; undefined where none is. */
export function streamLimit(policy: ComputePolicy, path: string, headers: Headers): number | undefined {
  if (mediaType(headers) === "text/event-stream") return undefined;
  if (policy.except.some((pattern) => matchesPath(pattern, path))) return undefined;
  return policy.largeBytes;
}

function matchesType(pattern: string, type: string): boolean {
  return pattern.endsWith("/*") ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}
