/** Cloudflare Access application tokens: RS256 JWTs (RFC 7519) against the team's published keys. */
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, type JSONWebKeySet } from "jose";

export interface AccessConfig {
  /** The team's issuer, `https://<team>.cloudflareaccess.com`, without a trailing slash. */
  readonly issuer: string;
  /** The Access application's audience tag. */
  readonly audience: string;
  /** Fetches the issuer's key set; passed in so that tests and `fetchAccessKeys` share one seam. */
  readonly fetchKeys: () => Promise<JSONWebKeySet>;
}

const KEYS_LIVE_MS = 3_600_000;
/** At most one fetch a minute for keys we do not know: tokens with invented key ids must not become requests. */
const UNKNOWN_KEY_PAUSE_MS = 60_000;
const FAILURE_PAUSE_MS = 5_000;
const FETCH_DEADLINE_MS = 3_000;

/** The key set of an Access team, from its well-known address. */
export async function fetchAccessKeys(issuer: string): Promise<JSONWebKeySet> {
  const response = await fetch(`${issuer}/cdn-cgi/access/certs`, {
    signal: AbortSignal.timeout(FETCH_DEADLINE_MS),
    redirect: "manual",
  });
  if (!response.ok) throw new Error(`Access keys answered ${response.status}`);
  return response.json<JSONWebKeySet>();
}

/** Returns who a token speaks for (email, service token name or subject), or null where it proves nothing. */
export function createAccessVerifier(
  config: AccessConfig,
): (token: string, now: number) => Promise<string | null> {
  let keys: { readonly set: JSONWebKeySet; readonly ids: ReadonlySet<string> } | null = null;
  let fetchedAt = 0;
  let failedAt = Number.NEGATIVE_INFINITY;

  /** Each request that needs keys fetches for itself: a request must not wait on another one's I/O. */
  async function keysFor(kid: string, now: number): Promise<JSONWebKeySet | null> {
    const age = now - fetchedAt;
    const due = keys === null || age > KEYS_LIVE_MS || (!keys.ids.has(kid) && age > UNKNOWN_KEY_PAUSE_MS);
    if (due && now - failedAt > FAILURE_PAUSE_MS) {
      try {
        const set = await config.fetchKeys();
        keys = { set, ids: new Set(set.keys.flatMap((key) => (key.kid === undefined ? [] : [key.kid]))) };
        fetchedAt = now;
      } catch {
        // Keys that are known stay good while the issuer is out of reach.
        failedAt = now;
      }
    }
    return keys !== null && keys.ids.has(kid) ? keys.set : null;
  }

  return async (token, now) => {
    try {
      const { alg, kid } = decodeProtectedHeader(token);
      if (alg !== "RS256" || kid === undefined) return null;
      const set = await keysFor(kid, now);
      if (set === null) return null;
      const { payload } = await jwtVerify(token, createLocalJWKSet(set), {
        algorithms: ["RS256"],
        issuer: config.issuer,
        audience: config.audience,
        requiredClaims: ["exp", "iat"],
        clockTolerance: 30,
        currentDate: new Date(now),
      });
      const name = payload["email"] ?? payload["common_name"] ?? payload.sub;
      return typeof name === "string" && name !== "" ? name : "unnamed";
    } catch {
      return null;
    }
  };
}
