/**
 * Runs the public HTTP cache suite (github.com/http-tests/cache-tests, with its
 * dependency undici installed) through the whole edge, with the rules beside this
 * file and the suite's own origin as the storefront.
 *
 *   node test/cache-conformance/run.ts <suite folder> [--edge <url>] [--failed]
 *
 * `--edge`: an edge that already runs in front of the suite's origin.
 * `--failed`: lists the tests that did not pass. Exits with 1 below the aims.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

type Kind = "required" | "optimal" | "check";

interface SuiteTest {
  readonly id: string;
  readonly name: string;
  readonly kind?: Kind;
  readonly browser_only?: boolean;
}

type Outcomes = Readonly<Record<string, true | readonly [string, string]>>;

interface Engine {
  readonly suites: readonly { readonly tests: readonly SuiteTest[] }[];
  runTests(suites: unknown, browser: boolean, base: string): Promise<void>;
  getResults(): Outcomes;
  determineTestResult(suites: unknown, id: string, results: Outcomes): readonly string[];
}

const AIMS: Readonly<Record<Kind, { readonly aim: number; readonly of: number }>> = {
  required: { aim: 150, of: 160 },
  optimal: { aim: 85, of: 105 },
  check: { aim: 60, of: 100 },
};
const PASSES = new Set(["✅", "Y"]);
const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = resolve(HERE, "../..");

async function loadEngine(folder: string): Promise<Engine> {
  const load = async (path: string): Promise<Record<string, unknown>> =>
    import(pathToFileURL(join(folder, path)).href);
  const [tests, runner, results] = await Promise.all([
    load("tests/index.mjs"),
    load("test-engine/client/runner.mjs"),
    load("test-engine/lib/results.mjs"),
  ]);
  const engine: unknown = { suites: tests["default"], ...runner, ...results };
  if (!isEngine(engine)) throw new Error(`${folder} does not hold the suite`);
  return engine;
}

function isEngine(value: unknown): value is Engine {
  return (
    typeof value === "object" &&
    value !== null &&
    "suites" in value &&
    Array.isArray(value.suites) &&
    ["runTests", "getResults", "determineTestResult"].every((name) => name in value)
  );
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Starts a program and resolves once its output has a line of this form. */
async function started(
  args: readonly string[],
  cwd: string,
  environment: NodeJS.ProcessEnv,
  ready: RegExp,
): Promise<ChildProcess> {
  const child = spawn(process.execPath, [...args], {
    cwd,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise<void>((resolveReady, reject) => {
    let output = "";
    child.once("exit", (code) => reject(new Error(`${args.join(" ")} ended with ${code}`)));
    child.stdout.on("data", (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-4096);
      if (ready.test(output)) resolveReady();
    });
  });
  return child;
}

/** Passed tests by kind, as the suite's own page counts: a test whose dependency failed does not count. */
function score(
  engine: Engine,
  results: Outcomes,
): { readonly passed: Record<Kind, number>; readonly ran: Record<Kind, number>; readonly failed: string[] } {
  const passed = { required: 0, optimal: 0, check: 0 };
  const ran = { required: 0, optimal: 0, check: 0 };
  const failed: string[] = [];
  for (const test of engine.suites.flatMap((suite) => suite.tests)) {
    if (test.browser_only === true) continue;
    const kind = test.kind ?? "required";
    ran[kind]++;
    const [, , symbol = "?"] = engine.determineTestResult(engine.suites, test.id, results);
    if (PASSES.has(symbol)) passed[kind]++;
    else failed.push(`${symbol} ${kind} ${test.id}: ${String(results[test.id])}`);
  }
  return { passed, ran, failed };
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { edge: { type: "string" }, failed: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  const [suiteFolder] = positionals;
  if (suiteFolder === undefined) {
    process.stderr.write("give the folder of the suite\n");
    return 2;
  }
  const folder = resolve(suiteFolder);
  const engine = await loadEngine(folder);
  const children: ChildProcess[] = [];
  try {
    const base = values.edge ?? (await startAll(folder, children));
    await engine.runTests(engine.suites, false, base.replace(/\/$/, ""));
    const { passed, ran, failed } = score(engine, engine.getResults());
    if (values.failed) process.stdout.write(`${failed.join("\n")}\n`);
    let reached = true;
    for (const kind of ["required", "optimal", "check"] as const) {
      const { aim, of } = AIMS[kind];
      reached &&= passed[kind] >= aim && ran[kind] >= of;
      process.stdout.write(`${kind.padEnd(9)} ${passed[kind]} of ${ran[kind]} (aim ${aim})\n`);
    }
    return reached ? 0 : 1;
  } finally {
    for (const child of children) child.kill();
  }
}

/** The suite's origin and the edge in front of it; the edge's URL. */
async function startAll(folder: string, children: ChildProcess[]): Promise<string> {
  const [originPort, edgePort] = [await freePort(), await freePort()];
  const origin = {
    npm_config_protocol: "http",
    npm_config_port: String(originPort),
    npm_config_pidfile: join(tmpdir(), `cache-tests-${originPort}.pid`),
  };
  children.push(await started(["test-engine/server/server.mjs"], folder, origin, /Listening on/));
  const edge = {
    PORT: String(edgePort),
    RULES_DIR: join(HERE, "rules"),
    STOREFRONT_ORIGIN: `http://127.0.0.1:${originPort}`,
    ARCHIVE_ORIGIN: `http://127.0.0.1:${originPort}`,
  };
  children.push(await started(["src/cli/main.ts", "serve"], ROOT, edge, /ready /));
  return `http://127.0.0.1:${edgePort}`;
}

process.exitCode = await main();
