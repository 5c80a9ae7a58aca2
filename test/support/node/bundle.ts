import type { TestProject } from "vitest/node";
import { buildBundle } from "../../../src/cli/bundle.ts";
import type { WorkerBundle } from "../../../src/cli/project.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The production bundle, built once for all files. */
    bundle: WorkerBundle;
  }
}

/** Global set-up of the Node tests: whatever serves the edge serves the same production bundle. */
export default async function setup(project: TestProject): Promise<void> {
  project.provide("bundle", await buildBundle());
}
