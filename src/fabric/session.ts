/**
 * How a browser gets in where there is no Cloudflare Access: the holder of the
 * admin token makes an invitation, a link that is good for two minutes; who opens
 * it gets a session, a signed expiry in a `__Host-` cookie. There is no sign-in
 * page to be found. Keys are derived from the admin token, so a new token ends
 * every invitation and session, and nothing about them is stored.
 */

export const SESSION_COOKIE = "__Host-edge-console";
/** Where an invitation is opened, as `?ticket=`. */
export const INVITATION_PATH = "/_edge/enter";

export type Purpose = "invitation" | "session";

const LIFETIME_S: Readonly<Record<Purpose, number>> = { invitation: 120, session: 8 * 3600 };
const ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Strict";
const encoder = new TextEncoder();

export interface Passes {
  /** A signed expiry: `<seconds>.<hmac>`, good for its purpose alone. */
  issue(purpose: Purpose, now: number): Promise<string>;
  verify(purpose: Purpose, value: string, now: number): Promise<boolean>;
}

export function createPasses(adminToken: string): Passes {
  // Derived once an isolate; a key is plain data, so requests may share it.
  let key: CryptoKey | null = null;
  async function sign(text: string): Promise<string> {
    key ??= await deriveKey(adminToken);
    const bytes = await crypto.subtle.sign("HMAC", key, encoder.encode(text));
    return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  return {
    async issue(purpose, now) {
      const expires = String(Math.floor(now / 1000) + LIFETIME_S[purpose]);
      return `${expires}.${await sign(`${purpose}.${expires}`)}`;
    },
    async verify(purpose, value, now) {
      const [, expires, signature] = /^(\d{1,12})\.([0-9a-f]{64})$/.exec(value) ?? [];
      if (expires === undefined || signature === undefined) return false;
      const expected = encoder.encode(await sign(`${purpose}.${expires}`));
      return (
        crypto.subtle.timingSafeEqual(expected, encoder.encode(signature)) && Number(expires) * 1000 > now
      );
    },
  };
}

/** `Set-Cookie` of a session; null ends the one there is. */
export function sessionCookie(value: string | null): string {
  return value === null
    ? `${SESSION_COOKIE}=; Max-Age=0; ${ATTRIBUTES}`
    : `${SESSION_COOKIE}=${value}; Max-Age=${LIFETIME_S.session}; ${ATTRIBUTES}`;
}

async function deriveKey(adminToken: string): Promise<CryptoKey> {
  const secret = await crypto.subtle.importKey("raw", encoder.encode(adminToken), "HKDF", false, [
    "deriveKey",
  ]);
  const algorithm = {
    name: "HKDF",
    hash: "SHA-256",
    salt: new Uint8Array(),
    info: encoder.encode("edge console v1"),
  };
  return crypto.subtle.deriveKey(algorithm, secret, { name: "HMAC", hash: "SHA-256", length: 256 }, false, [
    "sign",
  ]);
}
