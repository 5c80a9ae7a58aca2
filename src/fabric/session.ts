/**
 * Console sessions: a signed expiry in a `__Host-` cookie. The signing key is
 * derived from the admin token, so a new token ends every session, and nothing
 * about a session is stored.
 */

export const SESSION_COOKIE = "__Host-edge-console";
const LIFETIME_S = 8 * 3600;
const encoder = new TextEncoder();

export interface Sessions {
  /** A `Set-Cookie` value that opens a session of eight hours. */
  cookie(now: number): Promise<string>;
  verify(value: string, now: number): Promise<boolean>;
}

export function createSessions(adminToken: string): Sessions {
  // Derived once an isolate; a key is plain data, so requests may share it.
  let key: CryptoKey | null = null;
  async function signingKey(): Promise<CryptoKey> {
    key ??= await deriveKey(adminToken);
    return key;
  }
  async function sign(text: string): Promise<string> {
    const bytes = await crypto.subtle.sign("HMAC", await signingKey(), encoder.encode(text));
    return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  return {
    async cookie(now) {
      const expires = String(Math.floor(now / 1000) + LIFETIME_S);
      const value = `${expires}.${await sign(expires)}`;
      return `${SESSION_COOKIE}=${value}; Path=/; Max-Age=${LIFETIME_S}; Secure; HttpOnly; SameSite=Strict`;
    },
    async verify(value, now) {
      const [, expires, signature] = /^(\d{1,12})\.([0-9a-f]{64})$/.exec(value) ?? [];
      if (expires === undefined || signature === undefined) return false;
      const expected = encoder.encode(await sign(expires));
      return (
        crypto.subtle.timingSafeEqual(expected, encoder.encode(signature)) && Number(expires) * 1000 > now
      );
    },
  };
}

async function deriveKey(adminToken: string): Promise<CryptoKey> {
  const secret = await crypto.subtle.importKey("raw", encoder.encode(adminToken), "HKDF", false, [
    "deriveKey",
  ]);
  const algorithm = {
    name: "HKDF",
    hash: "SHA-256",
    salt: new Uint8Array(),
    info: encoder.encode("edge console session v1"),
  };
  return crypto.subtle.deriveKey(algorithm, secret, { name: "HMAC", hash: "SHA-256", length: 256 }, false, [
    "sign",
  ]);
}
