/** Folds `//`, `/./` and `/x/../`; a `..` that climbs above the start stays, since that is what traversal looks like. */
export function normalizePath(text: string): string {
  // A word is no path: "." and "" stay what they are.
  if (!text.includes("/")) return text;
  const absolute = text.startsWith("/");
  const out: string[] = [];
  for (const segment of text.split("/")) {
    if (segment === "" || segment === ".") continue;
    const last = out.at(-1);
    if (segment === ".." && last !== undefined && last !== "..") out.pop();
    else out.push(segment);
  }
  const trailing = text.endsWith("/") && out.length > 0 ? "/" : "";
  return (absolute ? "/" : "") + out.join("/") + trailing;
}

export function normalizePathWindows(text: string): string {
  return normalizePath(text.replaceAll("\\", "/"));
}
