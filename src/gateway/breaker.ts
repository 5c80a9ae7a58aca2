/**
 * The breaker of one origin, as a pure state machine: closed, open (refuses at
 * once, so that a dead origin costs its callers nothing), half-open (one probe at
 * a time decides). Times in milliseconds.
 */
import type { Backoff } from "./compiled.ts";

export type Breaker =
  | { readonly state: "closed"; readonly failures: number }
  /** `times`: how often it opened without closing in between. */
  | { readonly state: "open"; readonly until: number; readonly times: number }
  /** A probe that never reports frees its place at `probeUntil`. */
  | { readonly state: "half-open"; readonly probeUntil: number; readonly times: number };

export const CLOSED: Breaker = { state: "closed", failures: 0 };

/** After so long others may come again while a probe is under way: it mostly reports much sooner than it may. */
const PROBE_RETRY_MS = 1000;

export type Admission =
  | { readonly verdict: "pass" | "probe"; readonly breaker: Breaker }
  | { readonly verdict: "refuse"; readonly breaker: Breaker; readonly retryAfterMs: number };

/** Whether a request may go to the origin; `probeMs` is how long a probe may take at most. */
export function admit(breaker: Breaker, now: number, probeMs: number): Admission {
  if (breaker.state === "closed") return { verdict: "pass", breaker };
  const until = breaker.state === "open" ? breaker.until : breaker.probeUntil;
  if (now < until) {
    const most = breaker.state === "open" ? Number.POSITIVE_INFINITY : PROBE_RETRY_MS;
    return { verdict: "refuse", breaker, retryAfterMs: Math.min(until - now, most) };
  }
  return {
    verdict: "probe",
    breaker: { state: "half-open", probeUntil: now + probeMs, times: breaker.times },
  };
}

/** A probe that ended without a verdict, as its client broke it off, leaves its place to the next request. */
export function abandon(breaker: Breaker, probe: Breaker, now: number): Breaker {
  if (breaker !== probe || breaker.state !== "half-open") return breaker;
  return { state: "open", until: now, times: breaker.times };
}

/**
 * What the origin's answer, or the lack of one, makes of the breaker. A success
 * closes it in any state; a failure that was sent before it opened changes nothing.
 */
export function settle(breaker: Breaker, ok: boolean, now: number, policy: Backoff): Breaker {
  if (ok) return breaker.state === "closed" && breaker.failures === 0 ? breaker : CLOSED;
  switch (breaker.state) {
    case "closed": {
      const failures = breaker.failures + 1;
      return failures >= policy.after ? open(now, 1, policy) : { state: "closed", failures };
    }
    case "open":
      return breaker;
    case "half-open":
      return open(now, breaker.times + 1, policy);
    default:
      return breaker satisfies never;
  }
}

function open(now: number, times: number, policy: Backoff): Breaker {
  return { state: "open", until: now + backoffMs(policy, times), times };
}

/** The `times`-th stay: doubled each time, up to the policy's most. */
export function backoffMs(policy: Backoff, times: number): number {
  return Math.min(policy.forMs * 2 ** Math.min(times - 1, 30), policy.atMostMs);
}
