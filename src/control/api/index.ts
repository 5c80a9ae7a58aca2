/**
 * Control's part of the private API, under `/_edge/api`: a door of its own, so
 * that it is loaded with the first operator's request and not with the isolate. Who calls has been let in
 * by the Fabric before; the caller comes as Hono's bindings. Every change says
 * why, may say which version it has seen (`If-Match` or `version`), and answers
 * with its audit entry.
 */
import { Hono, type Context } from "hono";
import type * as z from "zod";
import { checkInput, problemOf, readJson, type Operator } from "../../http/operator.ts";
import type { PurgeOrder, Published } from "../object.ts";
import type { Control } from "../snapshot.ts";
import {
  effectiveMode,
  overrideSubject,
  type Change,
  type ChangeMeta,
  type ChangeResult,
  type Subject,
} from "../state.ts";
import {
  auditQuery,
  modeInput,
  overrideInput,
  purgeInput,
  rollbackInput,
  roomInput,
  roomName,
  rulesInput,
  undoInput,
} from "./inputs.ts";
import { refusal, requireOwnUrl, requireRule, requireTag } from "./refusals.ts";

/** What control needs to know of waiting rooms to let operators change them. */
export interface RoomDesk {
  /** The rooms as operators see them, from their published settings by name. */
  list(settings: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** The room's next settings; `current` is null where none were published. `refused` is why, `unknown` that there is no such room. */
  next(
    room: string,
    current: unknown,
    input: unknown,
    now: number,
  ): Promise<{ readonly value: unknown } | { readonly refused: string } | { readonly unknown: string }>;
}

export interface ControlRoutesOptions {
  readonly control: Control;
  /** Origins (`https://store.acme.com`) whose pages may change things. */
  readonly ownOrigins: readonly string[];
  /** The longest time anything lives in a cache, ms: purges are remembered that long. */
  readonly longestLifetimeMs: number;
  readonly rooms: RoomDesk;
  /** What overrides may name (ids, `tag:name`) under a version of the rules, null being the built-in one; null where that cannot be read. */
  readonly ruleNames: (version: string | null) => Promise<ReadonlySet<string> | null>;
  /** Why a rules package cannot be used, fault by fault; empty where it can. */
  readonly checkRules: (content: Uint8Array) => Promise<readonly string[]>;
}

type Env = { Bindings: Operator };
type Call = Context<Env>;

const KB = 1024;
const MAX_BODY = 128 * KB;
const MAX_PACKAGE = 8 * KB * KB;

export function controlRoutes(options: ControlRoutesOptions): Hono<Env> {
  const { control } = options;
  const app = new Hono<Env>();
  app.onError((thrown, c) => problemOf(thrown, c.env));

  app.get("/status", async (c) => {
    const snapshot = await control.snapshot(c.env.now, c.env.waitUntil);
    const { purges, ...shown } = snapshot;
    return answer(c, { ...shown, purges: purges.length, builtin: control.builtin });
  });
  app.get("/mode", async (c) => answer(c, modeView(await published(control), control, c.env.now)));
  app.get("/overrides", async (c) => {
    const { overrides, versions } = await published(control);
    return answer(
      c,
      overrides.map((item) => ({ ...item, version: versions[overrideSubject(item.rule, item.path)] ?? 0 })),
    );
  });
  app.get("/purges", async (c) => answer(c, (await published(control)).purges));
  app.get("/rooms", async (c) => answer(c, await options.rooms.list((await published(control)).rooms)));
  app.get("/rules", async (c) => {
    const { rules, versions } = await published(control);
    return answer(c, { ...rules, version: versions["rules"] ?? 0, packages: await control.port.packages() });
  });
  app.get("/audit", async (c) => {
    const { limit, before, purges } = checkInput(auditQuery, c.req.query());
    const entries = await control.port.audit(limit, before ?? null, purges === "true");
    const last = entries.at(-1);
    return answer(c, { entries, next: entries.length === limit && last ? last.version : null });
  });
  registerChanges(app, options);
  return app;
}

function registerChanges(app: Hono<Env>, options: ControlRoutesOptions): void {
  const { control, rooms } = options;
  const input = <T>(c: Call, schema: z.ZodType<T>, maxBytes = MAX_BODY): Promise<T> =>
    readJson(c.req.raw, schema, { ownOrigins: options.ownOrigins, maxBytes });
  const change = async (c: Call, wanted: Change, said: Said): Promise<Response> =>
    settle(c, control, await control.port.change(wanted, metaOf(c, said)));

  app.post("/mode", async (c) => {
    const said = await input(c, modeInput);
    return change(c, { kind: "mode", mode: said.mode, forMs: said.for ?? null }, said);
  });
  app.post("/overrides", async (c) => {
    const said = await input(c, overrideInput);
    const { action, rule = null, path: at = null } = said;
    if (rule !== null && action !== null) {
      const { active } = (await published(control)).rules;
      requireRule(rule, await options.ruleNames(active), active);
    }
    return change(c, { kind: "override", rule, path: at, action, forMs: said.for ?? null }, said);
  });
  app.post("/purge", async (c) => {
    const said = await input(c, purgeInput);
    for (const tag of said.tags ?? []) requireTag(tag);
    for (const url of [...(said.urls ?? []), ...(said.prefixes ?? [])])
      requireOwnUrl(url, options.ownOrigins);
    const order = (kind: PurgeOrder["kind"], list: readonly string[] | undefined): PurgeOrder[] =>
      list === undefined ? [] : [{ kind, values: list, soft: said.soft, keepMs: options.longestLifetimeMs }];
    const orders = [
      ...order("tag", said.tags),
      ...order("url", said.urls),
      ...order("prefix", said.prefixes),
      ...order("all", said.all && [""]),
    ];
    return settle(c, control, await control.port.purge(orders, metaOf(c, said)));
  });
  app.post("/rooms/:room", async (c) => {
    const { reason, version, ...settings } = await input(c, roomInput);
    const room = checkInput(roomName, c.req.param("room"));
    const { rooms: current, versions } = await published(control);
    const next = await rooms.next(room, current[room] ?? null, settings, c.env.now);
    if ("unknown" in next) throw refusal("not-found", 404, next.unknown);
    if ("refused" in next) throw refusal("payload-invalid", 400, next.refused);
    // What was validated is what was read: another change in between is a conflict.
    const seen = version ?? ifMatch(c) ?? versions[`room:${room}` satisfies Subject] ?? 0;
    return change(c, { kind: "room", room, value: next.value }, { reason, version: seen });
  });
  app.post("/rules", async (c) => {
    const said = await input(c, rulesInput, MAX_PACKAGE);
    const text = typeof said.package === "string" ? said.package : JSON.stringify(said.package);
    const bytes = new TextEncoder().encode(text);
    const faults = await options.checkRules(bytes);
    if (faults.length > 0) throw refusal("payload-invalid", 400, "The rules package is refused.", { faults });
    return settle(c, control, await control.port.publish(bytes, metaOf(c, said)));
  });
  app.post("/rules/rollback", async (c) => {
    const said = await input(c, rollbackInput);
    if (said.to !== undefined) return change(c, { kind: "rules", active: said.to }, said);
    return settle(c, control, await control.port.rollback(metaOf(c, said)));
  });
  app.post("/undo", async (c) => {
    const { version, reason } = await input(c, undoInput);
    return settle(c, control, await control.port.undo(version, metaOf(c, { reason })));
  });
}

interface Said {
  readonly reason: string;
  readonly version?: number | undefined;
}

function metaOf(c: Call, said: Said): ChangeMeta {
  return { actor: c.env.actor, reason: said.reason, expected: said.version ?? ifMatch(c) ?? null };
}

/** The version in `If-Match: "12"` (RFC 9110 section 13.1.1). */
function ifMatch(c: Call): number | undefined {
  const tag = c.req.header("if-match");
  if (tag === undefined || tag.trim() === "*") return undefined;
  const version = /^\s*"(\d{1,15})"\s*$/.exec(tag)?.[1];
  if (version === undefined)
    throw refusal("bad-request", 400, 'If-Match is not a version; write it as "12".');
  return Number(version);
}

/** The answer to a change: its audit entry, or why not. */
function settle(c: Call, control: Control, result: ChangeResult): Response {
  if (result.ok) {
    control.forget();
    return answer(c, result.entry);
  }
  const { refusal: reason, detail, current } = result;
  const conflict = reason === "conflict" || reason === "not-undoable" || reason === "too-many";
  throw refusal(conflict ? "conflict" : "not-found", conflict ? 409 : 404, detail, {
    refusal: reason,
    currentVersion: current,
  });
}

/** The decisions as the object holds them now; operators see no cached state. */
async function published(control: Control): Promise<Published> {
  const state: Published = JSON.parse((await control.port.read(-1)) ?? "null");
  return state;
}

function modeView({ mode, versions }: Published, control: Control, now: number): Record<string, unknown> {
  return {
    mode: effectiveMode(mode, control.builtin.mode, now),
    until: mode?.until !== null && mode !== null && mode.until > now ? mode.until : null,
    builtin: control.builtin.mode,
    version: versions["mode"] ?? 0,
  };
}

function answer(c: Call, value: unknown): Response {
  return c.json(value, 200, { "cache-control": "no-store" });
}
