/**
 * One reading of a request's target, made before any router, rule or cache key
 * sees it. Every ambiguity that parsers disagree on (encoded slashes and dots,
 * doubled slashes, backslashes, double encoding, `;` parameters, malformed
 * escapes) is resolved here and only here; what follows sees the result, and
 * Sentinel sees the wire form beside it. Pure; fails closed: what cannot be read
 * in one way only is a fault, and the line refuses it after Sentinel had its look.
 */

/** Why a target cannot be passed on. */
export type CanonicalFault =
  "control-byte" | "invalid-utf8" | "malformed-percent" | "not-origin-form" | "target-too-long";

export interface CanonicalTarget {
  /** Scheme of the client's connection. */
  readonly scheme: "http" | "https";
  /** Authority as sent, lower-case, with its port if one was sent. */
  readonly authority: string;
  /**
   * Path: starts with "/", no dot segments, no empty segments but a trailing
   * one, unreserved characters bare, everything else as upper-case %XX (RFC 3986
   * section 6.2.2); `;` is always %3B, so that no origin reads path parameters.
   */
  readonly path: string;
  /** Query without "?", escapes upper-case, stray "%" as %25, `;` as %3B; "" where there is none. */
  readonly query: string;
  /** Path and query exactly as they came over the wire. */
  readonly rawTarget: string;
  /**
   * The path as the most lenient server would read it: decoded until nothing
   * changes (at most 4 times), path parameters dropped, lower-case. Only for
   * deciding that a path is private: any spelling of it is the same path.
   */
  readonly foldedPath: string;
  readonly faults: readonly CanonicalFault[];
}

/** Bytes of path and query together; longer ones are refused with 414. */
export const MAX_TARGET_BYTES = 16_384;

/** Splits `request.url`, which workerd hands over as it came, without `new URL`, which would destroy evidence. */
export function canonicalize(url: string, scheme?: "http" | "https"): CanonicalTarget {
  const schemeEnd = url.indexOf("://");
  const wireScheme = url.startsWith("https:") ? "https" : "http";
  const rest = url.slice(schemeEnd + 3);
  const targetStart = rest.search(/[/\\?*#]/);
  const authority = (targetStart < 0 ? rest : rest.slice(0, targetStart)).toLowerCase();
  const rawTarget = targetStart < 0 ? "/" : rest.slice(targetStart);
  const queryStart = rawTarget.indexOf("?");
  const rawPath = queryStart < 0 ? rawTarget : rawTarget.slice(0, queryStart);
  const rawQuery = queryStart < 0 ? "" : rawTarget.slice(queryStart + 1);

  const faults = faultsOf(rawTarget, rawPath);
  const isSimple = SIMPLE_PATH.test(rawPath);
  return {
    scheme: scheme ?? wireScheme,
    authority,
    path: isSimple ? rawPath : canonicalPath(rawPath, faults),
    query: rawQuery === "" ? "" : canonicalQuery(rawQuery),
    rawTarget,
    foldedPath: isSimple ? rawPath.toLowerCase() : foldPath(rawPath),
    faults,
  };
}

function faultsOf(rawTarget: string, rawPath: string): CanonicalFault[] {
  const faults: CanonicalFault[] = [];
  if (rawTarget.length > MAX_TARGET_BYTES) faults.push("target-too-long");
  if (rawPath !== "" && rawPath[0] !== "/" && rawPath[0] !== "\\") faults.push("not-origin-form");
  return faults;
}

function note(fault: CanonicalFault, faults: CanonicalFault[]): void {
  if (!faults.includes(fault)) faults.push(fault);
}

/** Paths that are canonical as they stand, and folded but for letter case: the common case costs one test. */
const SIMPLE_PATH = /^\/(?:[A-Za-z0-9_~-][A-Za-z0-9_.~-]*(?:\/|$))*$/;

/** Characters that stand bare in a canonical path: RFC 3986 pchar without ";" and "%". */
const BARE = /[A-Za-z0-9._~!$&'()*+,=:@-]/;

function canonicalPath(rawPath: string, faults: CanonicalFault[]): string {
  const bytes = decodePercent(rawPath, faults);
  const segments = bytes.replaceAll("\\", "/").split("/");
  return resolveDots(segments.map((segment) => encodeSegment(segment, faults)));
}

/** One level of percent-decoding to a byte string (one char a byte); a malformed escape stays as it is, as a fault. */
function decodePercent(text: string, faults: CanonicalFault[]): string {
  return utf8Bytes(text).replace(/%([0-9A-Fa-f]{2})?/g, (whole, hex: string | undefined) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    note("malformed-percent", faults);
    return whole;
  });
}

function encodeSegment(segment: string, faults: CanonicalFault[]): string {
  if (!isUtf8(segment)) note("invalid-utf8", faults);
  let out = "";
  for (const char of segment) {
    const code = char.charCodeAt(0);
    if (code < 0x20 || code === 0x7f) note("control-byte", faults);
    out += BARE.test(char) ? char : `%${code.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return out;
}

/** RFC 3986 section 5.2.4, and empty segments merged: "//" and "/" are one path to most origins. */
function resolveDots(segments: readonly string[]): string {
  const out: string[] = [];
  for (const segment of segments) {
    if (segment === "..") out.pop();
    else if (segment !== "." && segment !== "") out.push(segment);
  }
  const last = segments.at(-1);
  const trailing = out.length > 0 && (last === "" || last === "." || last === "..");
  return `/${out.join("/")}${trailing ? "/" : ""}`;
}

function canonicalQuery(rawQuery: string): string {
  if (!/[%;]|[^!-~]/.test(rawQuery)) return rawQuery;
  return rawQuery
    .replace(/%(?![0-9A-Fa-f]{2})/g, "%25")
    .replace(/%[0-9A-Fa-f]{2}/g, (escape) => escape.toUpperCase())
    .replaceAll(";", "%3B")
    .replace(/[^!-~]/g, (char) => encodeURIComponent(char));
}

/** {@link CanonicalTarget.foldedPath} of a raw target, where the rest is of no interest. */
export function foldedPathOf(rawTarget: string): string {
  const rawPath = rawTarget.split("?", 1)[0] ?? "";
  return SIMPLE_PATH.test(rawPath) ? rawPath.toLowerCase() : foldPath(rawPath);
}

function foldPath(rawPath: string): string {
  let text = rawPath;
  const ignored: CanonicalFault[] = [];
  for (let round = 0; round < 4 && text.includes("%"); round++) text = decodePercent(text, ignored);
  const segments = text.replaceAll("\\", "/").split("/");
  return resolveDots(segments.map((segment) => segment.split(";", 1)[0] ?? "")).toLowerCase();
}

const encoder = new TextEncoder();

/** A JavaScript string as a byte string of its UTF-8 form. */
function utf8Bytes(text: string): string {
  if (!/[^\0-\x7f]/.test(text)) return text;
  return Array.from(encoder.encode(text), (byte) => String.fromCharCode(byte)).join("");
}

/** Whether a byte string is well-formed UTF-8: overlong forms such as C0 AE ("." of old IIS attacks) are not. */
function isUtf8(bytes: string): boolean {
  if (!/[\x80-\xff]/.test(bytes)) return true;
  try {
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      Uint8Array.from(bytes, (char) => char.charCodeAt(0)),
    );
    return true;
  } catch {
    return false;
  }
}
