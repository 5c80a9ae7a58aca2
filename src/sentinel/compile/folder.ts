import { type Dirent, existsSync, readdirSync } from "node:fs";
import { extname, join } from "node:path";
import { type Fault, shownPath } from "../../authoring/index.ts";

/** Policy files of rules/sentinel/, and a fault for every other file, since nobody would look at what is in it. */
export interface FolderFiles {
  /** Names of the `*.yaml` files, sorted. */
  readonly names: readonly string[];
  readonly faults: readonly Fault[];
}

/** What the system leaves behind (`.DS_Store`, `.a.yaml.swp`) is no author's file. */
const HIDDEN = /^\.(?!.*\.ya?ml$)/;
const PHRASES = /^[a-z0-9-]+\.txt$/;

export function filesOf(dir: string): FolderFiles {
  const entries = listed(dir);
  const isPolicy = (entry: Dirent): boolean => !entry.isDirectory() && entry.name.endsWith(".yaml");
  const isData = (entry: Dirent): boolean => entry.isDirectory() && entry.name === "data";
  const strays = entries.filter((entry) => !isPolicy(entry) && !isData(entry));
  const data = entries.some(isData) ? listed(join(dir, "data")) : [];
  const notPhrases = data.filter((entry) => entry.isDirectory() || !PHRASES.test(entry.name));
  return {
    names: entries.filter(isPolicy).map(({ name }) => name),
    faults: [
      ...strays.map((entry) => stray(dir, entry, remedyOf(entry))),
      ...notPhrases.map((entry) =>
        stray(join(dir, "data"), entry, "name a phrase file in lower case, as words-of-it.txt, or remove it"),
      ),
    ],
  };
}

function listed(dir: string): Dirent[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { withFileTypes: true })
    .filter(({ name }) => !HIDDEN.test(name))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function stray(dir: string, entry: Dirent, remedy: string): Fault {
  const what = entry.isDirectory() ? "no rules are read from a folder" : "no rules are read from this file";
  return { file: shownPath(join(dir, entry.name)), line: 0, column: 0, message: what, remedy };
}

function remedyOf(entry: Dirent): string {
  if (entry.isDirectory()) return "move its files beside the others; only data/ is a folder, of phrase files";
  switch (extname(entry.name)) {
    case ".yml":
      return `rename it to ${entry.name.slice(0, -4)}.yaml`;
    case ".txt":
      return "move it to data/ if it is a phrase file, or remove it";
    default:
      return "rename it to end in .yaml if it has rules, or move it elsewhere";
  }
}
