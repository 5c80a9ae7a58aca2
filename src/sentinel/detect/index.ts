/** Detectors that read a value as its interpreter would. Pure, linear, never throw: null means nothing was found. */
export type { Detect, Spend } from "./spend.ts";
export { detectCommand } from "./command.ts";
export { detectSqli } from "./sqli.ts";
export { VOCABULARY } from "./vocabulary.ts";
export { detectXss } from "./xss.ts";
