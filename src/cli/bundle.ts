import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { compilePolicy, writeGenerated } from "./compile.ts";
import type { Startup } from "./startup.ts";
import { ROOT, type WorkerBundle, policySources } from "./project.ts";

const run = promisify(execFile);

/** Builds the production bundle with wrangler, exactly as `wrangler deploy` does. @throws with wrangler's output where it fails */
export async function buildBundle(): Promise<WorkerBundle> {
  const folder = mkdtempSync(join(tmpdir(), "edge-bundle-"));
  try {
    const wrangler = join(ROOT, "node_modules/wrangler/bin/wrangler.js");
    await run(process.execPath, [wrangler, "deploy", "--dry-run", "--outdir", folder], {
      cwd: ROOT,
      // The bundle is always built with the project's own policy; `serve` puts RULES_DIR's in its place.
      env: { ...process.env, RULES_DIR: "", BLUEPRINT: "", WRANGLER_SEND_METRICS: "false", CI: "true" },
      maxBuffer: 16 * 1024 * 1024,
    });
    return readBundle(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readBundle(folder: string): WorkerBundle {
  const names = readdirSync(folder);
  const policyModule = names.find((name) => name.endsWith("-policy.txt"));
  const scriptNames = names.filter((name) => name.endsWith(".js"));
  if (policyModule === undefined || !scriptNames.includes("index.js")) {
    throw new Error(`wrangler wrote an unexpected bundle: ${names.map((name) => basename(name)).join(", ")}`);
  }
  const scripts = Object.fromEntries(
    scriptNames.map((name) => [name, readFileSync(join(folder, name), "utf8")]),
  );
  return { main: "index.js", scripts, policyModule };
}

/** Compressed bytes Cloudflare counts: gzip of all modules. */
export function compressedBytes(bundle: WorkerBundle, policyText: string): number {
  const all = [...Object.values(bundle.scripts), policyText];
  return all.reduce((sum, text) => sum + gzipSync(text).byteLength, 0);
}

const MAX_COMPRESSED_BYTES = 1_000_000;
/** Reading the script and running its global scope, as the platform counts it. */
const MAX_STARTUP_MS = 50;
/** With the whole rule set hydrated. */
const MAX_FIRST_ANSWER_MS = 100;

/** `edge bundle`: fails where the bundle is over one of its limits. */
export async function bundleCommand(): Promise<number> {
  const policy = await compilePolicy(policySources());
  writeGenerated(policy);
  const bundle = await buildBundle();
  const policyText = JSON.stringify(policy);
  const bytes = compressedBytes(bundle, policyText);
  const { measureStartup } = await import("./startup.ts");
  const kilobytes = (bytes / 1000).toFixed(1);
  const { scriptMs, answerMs, runs } = await fastest(() => measureStartup(bundle, policyText));
  process.stdout.write(
    `bundle ${kilobytes} kB compressed (limit ${MAX_COMPRESSED_BYTES / 1000} kB); in workerd, best of ${runs}: start-up ${scriptMs.toFixed(1)} ms (limit ${MAX_STARTUP_MS} ms), to the first answer ${answerMs.toFixed(1)} ms (limit ${MAX_FIRST_ANSWER_MS} ms)\n`,
  );
  const within =
    bytes <= MAX_COMPRESSED_BYTES && scriptMs <= MAX_STARTUP_MS && answerMs <= MAX_FIRST_ANSWER_MS;
  return within ? 0 : 1;
}

const ATTEMPTS = 4;

/** Measures again while a limit is exceeded: a busy machine only ever adds, so the least of all runs is the nearest to the truth. */
async function fastest(measure: () => Promise<Startup>): Promise<Startup> {
  let least = await measure();
  for (let attempt = 1; attempt < ATTEMPTS; attempt++) {
    if (least.scriptMs <= MAX_STARTUP_MS && least.answerMs <= MAX_FIRST_ANSWER_MS) break;
    const next = await measure();
    least = {
      scriptMs: Math.min(least.scriptMs, next.scriptMs),
      answerMs: Math.min(least.answerMs, next.answerMs),
      runs: least.runs + next.runs,
    };
  }
  return least;
}
