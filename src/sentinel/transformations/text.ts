/** White space of any kind an interpreter skips, the no-break space of Latin-1 included. */
const SPACES = /[\s\xa0]+/g;

const NOT_ASCII = /[\x80-\xff]/;

/** ASCII letters only: `toLowerCase` would change the bytes of UTF-8 sequences. */
export const lowercase = (text: string): string =>
  NOT_ASCII.test(text) ? text.replace(/[A-Z]+/g, (run) => run.toLowerCase()) : text.toLowerCase();
export const trim = (text: string): string => text.trim();
export const trimLeft = (text: string): string => text.trimStart();
export const trimRight = (text: string): string => text.trimEnd();
export const compressWhitespace = (text: string): string => text.replace(SPACES, " ");
export const removeWhitespace = (text: string): string => text.replace(SPACES, "");
export const removeNulls = (text: string): string => text.replaceAll("\0", "");
export const replaceNulls = (text: string): string => text.replaceAll("\0", " ");
export const length = (text: string): string => String(text.length);
