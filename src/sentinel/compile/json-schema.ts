import { z } from "zod";
import { exclusionsSchema, ruleFileSchema, settingsSchema } from "./schema.ts";

/** JSON Schema (2020-12) of a rule file, of exclusions.yaml and of settings.yaml, for editors. */
export function ruleJsonSchema(kind: "rules" | "exclusions" | "settings" = "rules"): Record<string, unknown> {
  const schema =
    kind === "rules" ? ruleFileSchema : kind === "exclusions" ? exclusionsSchema : settingsSchema;
  return { title: `Sentinel ${kind}`, ...z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) };
}
