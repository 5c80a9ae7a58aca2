import * as z from "zod";
import { FaultList } from "../authoring/index.ts";
import { runInlineTests } from "../sentinel/compile/index.ts";
import { callApi } from "./client.ts";
import { checkPolicy } from "./compile.ts";
import { reasonOf } from "./operate.ts";
import type { PolicySources } from "./project.ts";

/** What the control plane answers to a change of the rules. */
const entrySchema = z.object({
  version: z.number(),
  before: z.object({ active: z.string().nullable() }).nullable(),
  after: z.object({ active: z.string().nullable() }).nullable(),
});

/**
 * `edge rules publish`: puts a rules folder in force on the running edge, without
 * a deploy. Refused, with nothing sent, where `check` finds a fault, in whatever
 * file, or an example beside a rule does not behave.
 */
export async function publishRules(sources: PolicySources, reason: string | undefined): Promise<number> {
  const { policy, sentinel } = checkPolicy(sources);
  const { sentinel: value } = policy;
  const examples = await runInlineTests(value, sentinel.tests);
  if (examples.faults.length > 0) throw new FaultList(examples.faults);
  const entry = entrySchema.parse(await callApi("rules", { package: value, reason: reasonOf(reason) }));
  process.stdout.write(
    `${value.rules.length} rules published as ${entry.after?.active ?? "built-in"} (package ${value.version} of "edge rules check") in place of ${entry.before?.active ?? "built-in"}, in force within 5 s (change ${entry.version}; undo with "edge rules rollback")\n`,
  );
  return 0;
}

/** `edge rules rollback`: back to the rules in force before, or to the published package `to`. */
export async function rollbackRules(to: string | undefined, reason: string | undefined): Promise<number> {
  const entry = entrySchema.parse(
    await callApi("rules/rollback", {
      reason: reasonOf(reason),
      ...(to === undefined ? {} : { to: to === "built-in" ? null : to }),
    }),
  );
  process.stdout.write(`rules in force: ${entry.after?.active ?? "built-in"} (change ${entry.version})\n`);
  return 0;
}
