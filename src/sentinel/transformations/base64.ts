const NOT_BASE64 = /[^A-Za-z0-9+/_-]/;

/** Base64 or base64url up to the first char that is neither; line breaks are skipped. */
export function base64Decode(text: string): string {
  const joined = text.replace(/[\r\n]/g, "");
  const stop = joined.search(NOT_BASE64);
  const run = (stop < 0 ? joined : joined.slice(0, stop)).replaceAll("-", "+").replaceAll("_", "/");
  // A last group of one char holds no byte.
  const usable = run.length % 4 === 1 ? run.slice(0, -1) : run;
  return atob(usable);
}

export function hexDecode(text: string): string {
  return text.replace(/([0-9a-f]{2})|[\s\S]/gi, (_all, digits?: string) =>
    digits === undefined ? "" : String.fromCharCode(parseInt(digits, 16)),
  );
}

/** `0x61646d696e` inside a text, as MySQL reads it. */
export function sqlHexDecode(text: string): string {
  return text.replace(/\b0x((?:[0-9a-f]{2}){1,512})/gi, (_all, digits: string) => hexDecode(digits));
}
