import { type PolicyFile, respelled } from "../../authoring/index.ts";
import type { PackageExclusion, PackageTarget } from "../package.ts";
import type { PackageBuilder } from "./builder.ts";
import type { ExclusionsFile } from "./schema.ts";
import { parseTarget } from "./targets.ts";

/** Names by which people reach for the blocking decision. */
const BLOCKING: ReadonlySet<string> = new Set([
  "block",
  "blocking",
  "deny",
  "score",
  "threshold",
  "949110",
  "959100",
  "980130",
]);
const DAY = 86_400_000;

/** Compiles exclusions.yaml; `now` decides what is expired. */
export function compileExclusions(
  policy: PolicyFile<ExclusionsFile>,
  rules: readonly { readonly id: string; readonly tags: readonly string[] }[],
  builder: PackageBuilder,
  now: number,
): PackageExclusion[] {
  const made: PackageExclusion[] = [];
  (policy.value?.exclusions ?? []).forEach((exclusion, index) => {
    if (exclusion === null) return;
    const at = (...key: PropertyKey[]) => policy.locate(["exclusions", index, ...key]);
    if (exclusion.rules === undefined && exclusion.tags === undefined) {
      builder.fault(at(), "the exclusion names no rule", "give rules: or tags:");
    }
    if (exclusion.paths === undefined && exclusion.parameters === undefined) {
      builder.fault(
        at(),
        "the exclusion is of everything everywhere",
        "give paths: or parameters:, or remove the rule itself",
      );
    }
    (exclusion.rules ?? []).forEach((id, position) => {
      if (BLOCKING.has(id)) {
        const message = `${id} is the blocking decision, which adds up what all rules found; without it every attack passes on these paths`;
        builder.fault(
          at("rules", position),
          message,
          "exclude the rule that is wrong (the verdict names it), or set the path to monitor",
        );
      } else if (!rules.some((rule) => rule.id === id)) {
        builder.fault(
          at("rules", position),
          `no rule ${id}`,
          respelled(
            id,
            rules.map((rule) => rule.id),
            "remove the exclusion of a rule that is gone",
          ),
        );
      }
    });
    (exclusion.tags ?? []).forEach((tag, position) => {
      if (!rules.some((rule) => rule.tags.includes(tag)))
        builder.fault(
          at("tags", position),
          `no rule has the tag ${tag}`,
          respelled(tag, new Set(rules.flatMap((rule) => rule.tags))),
        );
    });
    // In force to the end of that day, UTC.
    const expires = Date.parse(exclusion.expires) + DAY;
    if (expires <= now) {
      builder.fault(
        at("expires"),
        `the exclusion expired on ${exclusion.expires}`,
        "remove it, or decide anew and give a later date",
      );
    }
    made.push({
      rules: exclusion.rules ?? [],
      tags: exclusion.tags ?? [],
      paths: exclusion.paths ?? [],
      parameters: (exclusion.parameters ?? []).flatMap((text, position) =>
        parameter(text, builder, at("parameters", position)),
      ),
      reason: exclusion.reason,
      expires,
    });
  });
  return made;
}

function parameter(
  text: string,
  builder: PackageBuilder,
  at: ReturnType<PolicyFile<unknown>["locate"]>,
): PackageTarget[] {
  const parsed = parseTarget(text);
  if (typeof parsed !== "string" && (parsed.target.not === true || parsed.target.count === true)) {
    builder.fault(at, `${text} is no parameter`, "name the values to leave out, without ! or #");
    return [];
  }
  if (typeof parsed === "string") {
    const [what = "", remedy = ""] = parsed.split("; ", 2);
    builder.fault(at, what, remedy);
    return [];
  }
  const target = builder.target(parsed, "exclusion", at);
  return target === undefined ? [] : [target];
}
