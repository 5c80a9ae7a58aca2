/**
 * The one error type of the edge and its two faces: RFC 9457 problem details
 * for programs, a small page for people. Both carry the request id and are
 * never stored.
 */

/** Stable codes: log lines, metrics and problem types name an error by one of these. */
export type ErrorCode =
  | "bad-request"
  | "blocked"
  | "breaker-open"
  | "body-too-large"
  | "conflict"
  | "forbidden-method"
  | "internal"
  | "large-from-compute"
  | "misdirected"
  | "not-found"
  | "origin-broken"
  | "origin-timeout"
  | "origin-unreachable"
  | "payload-invalid"
  | "rate-limited"
  | "request-timeout"
  | "response-withheld"
  | "room-closed"
  | "unauthorized"
  | "unavailable"
  | "uri-too-long"
  | "headers-too-large"
  | "unsupported-media-type";

export type ErrorSource = "client" | "edge" | "origin";

export interface EdgeErrorOptions {
  readonly code: ErrorCode;
  /** Who is at fault: decides whether the error burns the availability budget. */
  readonly source: ErrorSource;
  /** HTTP status, 400 to 599. */
  readonly status: number;
  /** One sentence for the client; never holds internals. */
  readonly detail: string;
  /** Whether the same request may succeed if sent again. */
  readonly retryable?: boolean;
  /** Seconds for Retry-After. */
  readonly retryAfter?: number;
  readonly cause?: unknown;
  /** Further members of the problem document (RFC 9457 section 3.2). */
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** An expected failure of a request. Anything else that is thrown is a bug and becomes `internal`, 500. */
export class EdgeError extends Error {
  readonly code: ErrorCode;
  readonly source: ErrorSource;
  readonly status: number;
  readonly retryable: boolean;
  readonly retryAfter: number | undefined;
  readonly extensions: Readonly<Record<string, unknown>>;

  constructor(options: EdgeErrorOptions) {
    super(options.detail, { cause: options.cause });
    this.name = "EdgeError";
    this.code = options.code;
    this.source = options.source;
    this.status = options.status;
    this.retryable = options.retryable ?? false;
    this.retryAfter = options.retryAfter;
    this.extensions = options.extensions ?? {};
  }

  /** Wraps whatever was thrown; an EdgeError passes through. */
  static from(thrown: unknown): EdgeError {
    if (thrown instanceof EdgeError) return thrown;
    return new EdgeError({
      code: "internal",
      source: "edge",
      status: 500,
      detail: "The edge failed on this request.",
      cause: thrown,
    });
  }
}

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad request",
  401: "Not signed in",
  403: "Request blocked",
  404: "Not found",
  408: "Request timed out",
  405: "Method not allowed",
  409: "Conflict",
  413: "Content too large",
  414: "Address too long",
  415: "Unsupported media type",
  421: "Misdirected request",
  429: "Too many requests",
  431: "Headers too large",
  500: "Internal error",
  502: "Bad gateway",
  503: "Temporarily unavailable",
  504: "The store took too long",
};

/** The status' title as people read it; "Error" for one without a title. */
export function titleOf(status: number): string {
  return TITLES[status] ?? "Error";
}

/**
 * RFC 9457 problem document as a Response: `application/problem+json`, `no-store`.
 * `instance` is the request id as a URN, so that a client can quote it.
 */
export function problemResponse(error: EdgeError, requestId: string): Response {
  const document = {
    type: `urn:acme-edge:problem:${error.code}`,
    title: titleOf(error.status),
    status: error.status,
    detail: error.message,
    instance: `urn:request:${requestId}`,
    requestId,
    code: error.code,
    ...error.extensions,
  };
  return new Response(JSON.stringify(document), {
    status: error.status,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      ...(error.retryAfter === undefined ? {} : { "retry-after": String(error.retryAfter) }),
    },
  });
}
