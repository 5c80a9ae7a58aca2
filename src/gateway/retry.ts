/**
 * Whether a request may be sent twice, and how many may be: a token bucket that
 * every request fills by the policy's percentage, so that retries can never
 * multiply the load of an origin in trouble. Pure.
 */

/** What a request's body is to a second try. */
export type BodyKind = "none" | "bytes" | "stream";

const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * GET, HEAD and OPTIONS are safe (RFC 9110 section 9.2.1). A POST with an
 * Idempotency-Key is repeatable by contract. PUT and DELETE are idempotent on
 * paper only: in shops they carry side effects, so they are sent once. A body
 * that streams is gone after the first try.
 */
export function isRepeatable(method: string, headers: Headers, body: BodyKind): boolean {
  if (body === "stream") return false;
  if (SAFE_METHODS.has(method)) return true;
  return method === "POST" && (headers.get("idempotency-key") ?? "").trim() !== "";
}

/** Tokens left: one is one retry. */
export type RetryBudget = number;

export function earn(budget: RetryBudget, percent: number, reserve: number): RetryBudget {
  return Math.min(budget + percent / 100, reserve);
}

/** The budget after one more retry, or undefined where it does not allow one. */
export function spend(budget: RetryBudget): RetryBudget | undefined {
  return budget >= 1 ? budget - 1 : undefined;
}
