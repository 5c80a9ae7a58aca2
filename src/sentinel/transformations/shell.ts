import { lowercase } from "./text.ts";

/**
 * A text as a command line is read, the tricks of hiding a command in it undone:
 * quotes and carets inside words, escaped letters, variables that are not set
 * (`c$@at`, `/e$xyz/tc`), `$IFS` for a space, wildcards left as they are.
 */
export function shell(text: string): string {
  let bare = text;
  if (bare.includes("$")) bare = bare.replace(FIELD_SEPARATOR, " ").replace(VARIABLE, "");
  if (QUOTING.test(bare)) bare = bare.replace(/[\\"'^]+/g, "");
  if (SEPARATED.test(bare)) bare = bare.replace(/[\s\xa0,;]+/g, " ").replace(/ (?=[/(])/g, "");
  return lowercase(bare);
}

const FIELD_SEPARATOR = /\$\{?IFS\}?(?:%%\?)?|\$IFS\$9/gi;
const VARIABLE = /\$(?:[@*#?!0-9-]|\{[@*0-9a-z_]{0,40}\}|[a-z_][a-z0-9_]{0,40})/gi;
const QUOTING = /[\\"'^]/;
/** White space that is not one space between words. */
const SEPARATED = /[,;\t-\r\xa0]|  | [/(]/;
