const WIDE = /[^\x00-\xff]/;

/** A text as bytes, one char each: as it is where all chars are bytes, else its UTF-8. */
export function byteString(text: string): string {
  return WIDE.test(text) ? latin1(new TextEncoder().encode(text)) : text;
}

const decoder = new TextDecoder("latin1");

/**
 * Bytes as a string of one char each. The encoding that the platform calls
 * latin1 is windows-1252, which differs from 0x80 to 0x9f; where its chars turn
 * up the slow way is taken.
 */
export function latin1(bytes: Uint8Array): string {
  const text = decoder.decode(bytes);
  if (!WIDE.test(text)) return text;
  let out = "";
  for (let at = 0; at < bytes.length; at += 8192) out += chars(bytes.subarray(at, at + 8192));
  return out;
}

/** Applying reads the bytes where they are; spreading them takes eight times as long. */
function chars(bytes: Uint8Array): string {
  return String(Reflect.apply(String.fromCharCode, null, bytes));
}

/** A copy that stands for itself: a part cut out of a text keeps all of that text in memory. */
export function ownCopy(text: string): string {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return latin1(bytes);
}
