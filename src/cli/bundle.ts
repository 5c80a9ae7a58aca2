import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { compilePolicy, writeGenerated } from "./compile.ts";
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
const MAX_STARTUP_MS = 50;

/** `edge bundle`: fails where the bundle is over 1 MB compressed or starts in more than 50 ms. */
export async function bundleCommand(): Promise<number> {
  const policy = await compilePolicy(policySources());
  writeGenerated(policy);
  const bundle = await buildBundle();
  const policyText = JSON.stringify(policy);
  const bytes = compressedBytes(bundle, policyText);
  const { measureStartup } = await import("./startup.ts");
  const startup = await measureStartup(bundle, policyText);
  const kilobytes = (bytes / 1000).toFixed(1);
  const [cpu, best] = [startup.cpuMs.toFixed(1), startup.bestMs.toFixed(1)];
  process.stdout.write(
    `bundle ${kilobytes} kB compressed (limit 1000 kB), start-up in workerd ${cpu} ms of CPU (limit 50 ms; mean of ${startup.runs}, fastest by the clock ${best} ms)\n`,
  );
  return bytes <= MAX_COMPRESSED_BYTES && startup.cpuMs <= MAX_STARTUP_MS ? 0 : 1;
}
