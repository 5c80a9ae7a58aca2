/** Keys of tickets and passes. The first of TICKET_KEYS signs, all verify, so that a key can be rotated without losing a place. */

export interface TicketKeys {
  readonly signer: TicketKey;
  readonly byId: ReadonlyMap<string, TicketKey>;
}

interface TicketKey {
  readonly kid: string;
  /** Imported once, when first needed. */
  readonly hmac: () => Promise<CryptoKey>;
}

const MIN_KEY_BYTES = 32;

/**
 * Reads `kid:base64url-key[,kid:key...]`.
 * @throws Error where there is no key, or one is malformed or shorter than 256 bits
 */
export function ticketKeys(text: string): TicketKeys {
  const keys = text.split(",").map((part) => readKey(part.trim()));
  const [signer] = keys;
  if (signer === undefined) throw new Error("TICKET_KEYS holds no key");
  return { signer, byId: new Map(keys.map((key) => [key.kid, key])) };
}

function readKey(text: string): TicketKey {
  const [, kid, encoded] = /^([A-Za-z0-9_-]{1,16}):([A-Za-z0-9_-]+)$/.exec(text) ?? [];
  const bytes = encoded === undefined ? null : fromBase64Url(encoded);
  if (kid === undefined || bytes === null || bytes.byteLength < MIN_KEY_BYTES) {
    throw new Error(
      `TICKET_KEYS must be kid:key[,kid:key...] with keys of ${MIN_KEY_BYTES} bytes or more in base64url`,
    );
  }
  let imported: Promise<CryptoKey> | null = null;
  const hmac = (): Promise<CryptoKey> =>
    (imported ??= crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, [
      "sign",
      "verify",
    ]));
  return { kid, hmac };
}

const encoder = new TextEncoder();

/**
 * `text.kid.mac`: HMAC-SHA-256 over everything before the last dot, in hex: it goes
 * through the firewall with each request, and what base64 happens to spell there
 * looked like an attack in one cookie of a million.
 */
export async function sign(keys: TicketKeys, text: string): Promise<string> {
  const signed = `${text}.${keys.signer.kid}`;
  const mac = await crypto.subtle.sign("HMAC", await keys.signer.hmac(), encoder.encode(signed));
  return `${signed}.${toHex(new Uint8Array(mac))}`;
}

/** The fields before the key id of a value `sign` made; null where it is not ours. Compared in constant time by the platform. */
export async function verify(keys: TicketKeys, value: string): Promise<readonly string[] | null> {
  if (value.length > 400) return null;
  const end = value.lastIndexOf(".");
  const signed = value.slice(0, Math.max(end, 0));
  const fields = signed.split(".");
  const key = keys.byId.get(fields.at(-1) ?? "");
  const mac = fromHex(value.slice(end + 1));
  if (key === undefined || mac === null) return null;
  const ours = await crypto.subtle.verify("HMAC", await key.hmac(), mac, encoder.encode(signed));
  return ours ? fields.slice(0, -1) : null;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/** null where the text is not hex as `toHex` writes it. */
function fromHex(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^(?:[0-9a-f]{2})*$/.test(text)) return null;
  return Uint8Array.from({ length: text.length / 2 }, (_, at) =>
    Number.parseInt(text.slice(2 * at, 2 * at + 2), 16),
  );
}

export function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

/** null where the text is not base64url as `toBase64Url` writes it: one value has one spelling. */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return null;
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  return toBase64Url(bytes) === text ? bytes : null;
}
