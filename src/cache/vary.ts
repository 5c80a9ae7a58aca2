const MAX_NAMES = 10;

/** Vary's field names, lower-cased, sorted, without repeats; undefined where the response fits no other request (`*`, or not of the grammar). */
export function varyNames(field: string | null): readonly string[] | undefined {
  if (field === null) return [];
  const names = new Set<string>();
  for (const part of field.split(",")) {
    const name = part.trim().toLowerCase();
    if (name === "") continue;
    if (!/^[!#$%&'+.^_`|~0-9a-z-]+$/.test(name)) return undefined;
    names.add(name);
  }
  return names.size > MAX_NAMES ? undefined : [...names].toSorted();
}

/**
 * The request's values of those fields, normalised (RFC 9111 section 4.1), as one
 * string of length-prefixed parts. `headers` are those the origin gets to see.
 */
export function variantOf(names: readonly string[], headers: Headers): string {
  return names.map((name) => lengthPrefixed(normalised(name, headers.get(name)))).join("");
}

/** `3:abc`; absent is `-`, which no value can look like. */
export function lengthPrefixed(value: string | null): string {
  return value === null ? "-" : `${value.length}:${value}`;
}

const PREFERENCES = new Set(["accept", "accept-language", "accept-encoding", "accept-charset"]);

function normalised(name: string, value: string | null): string | null {
  // What is quoted means what it says, to the letter.
  if (value === null || value.includes('"')) return value;
  const members = value.split(",").map((member) =>
    member
      .split(";")
      .map((part) => part.trim())
      .join(";"),
  );
  if (!PREFERENCES.has(name)) return members.join(",");
  // A preference list means the same in any order and letter case.
  return members
    .filter((member) => member !== "")
    .map((member) => member.toLowerCase())
    .toSorted()
    .join(",");
}
