import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { unstable_readConfig } from "wrangler";
import { z } from "zod";
import { type Fault, FaultList, readBlueprint } from "../authoring/index.ts";
import { ROOT, policySources } from "./project.ts";
import { UsageError } from "./usage.ts";

/** `edge blueprint check [FILE]`: the blueprint itself, and that wrangler.toml serves its domain. */
export function blueprintCommand(args: string[]): Promise<number> {
  const [verb, file, ...rest] = args;
  if (verb !== "check" || rest.length > 0) throw new UsageError("usage: edge blueprint check [FILE]");
  const path = file === undefined ? policySources().blueprint : resolve(file);
  const { value, faults } = readBlueprint(path);
  const all = [...faults, ...(value === undefined ? [] : routeFaults(value.domain))];
  if (all.length > 0) throw new FaultList(all);
  process.stdout.write(`blueprint "${value?.name}" is sound; wrangler.toml routes ${value?.domain}\n`);
  return Promise.resolve(0);
}

/** What is needed of wrangler.toml: its routes, in the long form. */
const configSchema = z.object({
  routes: z
    .array(
      z.union([
        z.string().transform((pattern) => ({ pattern, custom_domain: false })),
        z.object({ pattern: z.string(), custom_domain: z.boolean().default(false) }),
      ]),
    )
    .optional(),
});

/** wrangler.toml must have exactly one route: the blueprint's domain, as a custom domain. */
export function routeFaults(domain: string, config: string = join(ROOT, "wrangler.toml")): Fault[] {
  const { routes = [] } = configSchema.parse(unstable_readConfig({ config }, { hideWarnings: true }));
  const [only] = routes;
  if (routes.length === 1 && only?.pattern === domain && only.custom_domain) return [];
  const lines = readFileSync(config, "utf8").split("\n");
  const line = lines.findIndex((text) => /^\s*(?:routes|route|\[\[routes)/.test(text)) + 1;
  const found = routes.map(({ pattern }) => pattern).join(", ") || "none";
  return [
    {
      file: "wrangler.toml",
      line,
      column: line > 0 ? 1 : 0,
      message: `routes: ${found}, but the blueprint's domain is ${domain}`,
      remedy: `write routes = [{ pattern = "${domain}", custom_domain = true }]`,
    },
  ];
}
