import { userInfo } from "node:os";
import { parseArgs } from "node:util";
import * as z from "zod";
import { addressedEdge, callApi } from "./client.ts";
import { UsageError } from "./usage.ts";

const REASON = { reason: { type: "string" } } as const;

/** Who and from where, for the audit log, where the operator gave no reason of his own. */
export function reasonOf(reason: string | undefined): string {
  return reason ?? `command line of ${userInfo().username}, no reason given`;
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** `edge mode`: shows the mode; `edge mode block|monitor [--for 30m] [--reason TEXT]`: sets it. */
export async function modeCommand(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { ...REASON, for: { type: "string" } },
  });
  const [mode, ...rest] = positionals;
  if (rest.length > 0 || (mode !== undefined && mode !== "block" && mode !== "monitor")) {
    throw new UsageError("usage: edge mode [block|monitor] [--for 30m] [--reason TEXT]");
  }
  if (mode === undefined) print(await callApi("mode"));
  else
    print(
      await callApi("mode", {
        mode,
        reason: reasonOf(values.reason),
        ...(values.for === undefined ? {} : { for: values.for }),
      }),
    );
  return 0;
}

/** `edge purge --tag T ... | --url U ... | --prefix P ... | --all [--soft]`. */
export async function purgeCommand(args: string[]): Promise<number> {
  const many = { type: "string", multiple: true } as const;
  const { values } = parseArgs({
    args,
    options: {
      ...REASON,
      tag: many,
      url: many,
      prefix: many,
      all: { type: "boolean" },
      soft: { type: "boolean" },
    },
  });
  const { tag = [], url = [], prefix = [], all = false } = values;
  if (!all && tag.length + url.length + prefix.length === 0) {
    throw new UsageError("usage: edge purge --tag T | --url U | --prefix P | --all [--soft] [--reason TEXT]");
  }
  const what = {
    ...(tag.length > 0 ? { tags: tag } : {}),
    ...(url.length > 0 ? { urls: url } : {}),
    ...(prefix.length > 0 ? { prefixes: prefix } : {}),
    ...(all ? { all } : {}),
  };
  print(await callApi("purge", { ...what, soft: values.soft ?? false, reason: reasonOf(values.reason) }));
  return 0;
}

/** `edge status`: what is in force now. */
export async function statusCommand(args: string[]): Promise<number> {
  if (args.length > 0) throw new UsageError("usage: edge status");
  print(await callApi("status"));
  return 0;
}

/** `edge audit [--limit N]`: the operators' log, newest first. */
export async function auditCommand(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { limit: { type: "string" } } });
  const limit = values.limit === undefined ? "" : `?limit=${encodeURIComponent(values.limit)}`;
  print(await callApi(`audit${limit}`));
  return 0;
}

/** `edge console`: an address that signs a browser in to the console, good for two minutes and once. */
export async function consoleCommand(args: string[]): Promise<number> {
  if (args.length > 0) throw new UsageError("usage: edge console");
  const { path } = z.object({ path: z.string() }).parse(await callApi("invitations", {}));
  process.stdout.write(`${addressedEdge().url}${path}\n`);
  return 0;
}
