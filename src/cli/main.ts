#!/usr/bin/env node
/**
 * The CLI's door: one verb a file. Exit status 0: done; 1: the thing asked for
 * failed or was refused; 2: the command itself was wrong.
 */
import { parseEnv } from "node:util";
import { existsSync, readFileSync } from "node:fs";
import { FaultList } from "../authoring/index.ts";
import { Refusal, UsageError } from "./usage.ts";

type Command = (args: string[]) => Promise<number>;

interface Verb {
  readonly summary: string;
  /** Where the summary does not say it all. */
  readonly usage?: () => Promise<string>;
  readonly load: () => Promise<Command>;
}

const VERBS: Readonly<Record<string, Verb>> = {
  start: {
    summary: "the whole system on this machine: origin stack and edge",
    load: async () => (await import("./start.ts")).startCommand,
  },
  serve: {
    summary: "the edge alone: the production bundle in workerd",
    load: async () => (await import("./serve.ts")).serveCommand,
  },
  compile: {
    summary: "compile rules/ and blueprint.json for the Worker",
    load: async () => (await import("./compile.ts")).compileCommand,
  },
  bundle: {
    summary: "build the production bundle; print its size and start-up time",
    load: async () => (await import("./bundle.ts")).bundleCommand,
  },
  blueprint: {
    summary: "check [FILE]: the blueprint, and wrangler.toml against it",
    load: async () => (await import("./blueprint.ts")).blueprintCommand,
  },
  rules: {
    summary: "check | test | explain | score | publish | rollback: Sentinel's rules",
    usage: async () => (await import("./rules.ts")).USAGE,
    load: async () => (await import("./rules.ts")).rulesCommand,
  },
  mode: {
    summary: "block | monitor [--reason TEXT] [--for 30m]: Sentinel's mode",
    load: async () => (await import("./operate.ts")).modeCommand,
  },
  purge: {
    summary: "--tag T | --url U | --prefix P | --all [--soft] [--reason TEXT]: the cache",
    load: async () => (await import("./operate.ts")).purgeCommand,
  },
  status: {
    summary: "mode, version, rooms and purges of the running edge",
    load: async () => (await import("./operate.ts")).statusCommand,
  },
  audit: {
    summary: "[--limit N]: the operators' log",
    load: async () => (await import("./operate.ts")).auditCommand,
  },
  console: {
    summary: "an address that signs a browser in to the operator's console",
    load: async () => (await import("./operate.ts")).consoleCommand,
  },
  cache: {
    summary: "explain URL|CURL: class, key, variance, lifetime and why",
    usage: async () => (await import("./cache.ts")).USAGE,
    load: async () => (await import("./cache.ts")).cacheCommand,
  },
  room: {
    summary: "status | open | queue-all | suspend | rate | sold-out | event: waiting rooms",
    usage: async () => (await import("./room.ts")).USAGE,
    load: async () => (await import("./room.ts")).roomCommand,
  },
};

function usage(): string {
  const width = Math.max(...Object.keys(VERBS).map((verb) => verb.length));
  const rows = Object.entries(VERBS).map(([verb, { summary }]) => `  ${verb.padEnd(width)}  ${summary}`);
  return `edge <command> [arguments]\n\n${rows.join("\n")}\n\nThe running edge is found by EDGE_URL (default http://127.0.0.1:8787) and ADMIN_TOKEN.`;
}

/** Whether help is asked for; what follows `curl` is curl's, and what follows `--` is no option. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.findIndex((word) => word === "curl" || word === "--");
  return args.slice(0, end < 0 ? args.length : end).some((word) => word === "--help" || word === "-h");
}

/** Values of `.dev.vars` serve where the environment itself has none, as wrangler reads them. */
function loadDevVars(): void {
  if (!existsSync(".dev.vars")) return;
  for (const [key, value] of Object.entries(parseEnv(readFileSync(".dev.vars", "utf8")))) {
    if (value !== undefined) process.env[key] ??= value;
  }
}

async function main(argv: string[]): Promise<number> {
  const [name, ...args] = argv;
  if (name === undefined || name === "help" || name === "--help" || name === "-h") {
    process.stdout.write(`${usage()}\n`);
    return name === undefined ? 2 : 0;
  }
  const verb = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined;
  if (verb === undefined) throw new UsageError(`there is no command "${name}"\n\n${usage()}`);
  if (asksForHelp(args)) {
    process.stdout.write(`${(await verb.usage?.()) ?? `edge ${name} ${verb.summary}`}\n`);
    return 0;
  }
  loadDevVars();
  const command = await verb.load();
  return command(args);
}

/** Unknown options and the like, as `parseArgs` of Node reports them. */
function isParseArgsError(error: unknown): error is TypeError {
  return error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
}

// Whoever reads only the beginning (`| head`) has what they wanted.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof UsageError || isParseArgsError(error)) {
    process.stderr.write(`edge: ${error.message}\n`);
    process.exitCode = 2;
  } else if (error instanceof FaultList) {
    process.stderr.write(
      `${error.message}\n${error.faults.length} fault${error.faults.length === 1 ? "" : "s"}\n`,
    );
    process.exitCode = 1;
  } else if (error instanceof Refusal) {
    process.stderr.write(`edge: ${error.message}\n`);
    process.exitCode = 1;
  } else {
    process.stderr.write(
      `edge: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    process.exitCode = 1;
  }
}
