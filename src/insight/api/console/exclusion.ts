import type { Sighting } from "../../sightings.ts";

const DAY_MS = 86_400_000;
const DRAFT_DAYS = 90;

/**
 * An entry for `exclusions.yaml` that would have spared these requests, to be
 * reviewed by a person and committed; nothing here applies it. As narrow as the
 * sightings allow: their paths, and the parameters in which the rule matched.
 */
export function exclusionDraft(rule: string, sightings: readonly Sighting[], now: number): string {
  const paths = distinct(sightings.map(({ path }) => path));
  const parameters = distinct(sightings.map(({ where }) => where).filter((where) => where.includes(":")));
  const expires = new Date(now + DRAFT_DAYS * DAY_MS).toISOString().slice(0, 10);
  return [
    "exclusions:",
    `  - rules: [${quoted(rule)}]`,
    `    paths: [${paths.map(quoted).join(", ")}]`,
    ...(parameters.length === 0 ? [] : [`    parameters: [${parameters.map(quoted).join(", ")}]`]),
    '    reason: "TODO: why these requests are legitimate, and the ticket"',
    `    expires: ${expires}`,
    "",
  ].join("\n");
}

function distinct(values: readonly string[]): string[] {
  return [...new Set(values)];
}

/** A YAML double-quoted scalar is a JSON string. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
