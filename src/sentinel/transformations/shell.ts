import { lowercase } from "./text.ts";

/**
 * A text as a command line is read, the tricks of hiding a command in it undone:
 * quotes and carets inside words, escaped letters, variables that are not set
 * (`c$@at`, `/e$xyz/tc`), `$IFS` for a space, wildcards left as they are.
 */
export function shell(text: string): string {
  const bare = text
    .replace(/\$\{?IFS\}?(?:%%\?)?|\$IFS\$9/gi, " ")
    .replace(/\$(?:[@*#?!0-9-]|\{[@*0-9a-z_]{0,40}\}|[a-z_][a-z0-9_]{0,40})/gi, "")
    .replace(/[\\"'^]/g, "")
    .replace(/[\s\xa0,;]+/g, " ")
    .replace(/ (?=[/(])/g, "");
  return lowercase(bare);
}
