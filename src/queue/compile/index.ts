/**
 * The waiting room's compiler: rules/queue.yaml and the page's template, checked,
 * as JSON-able policy. Build time and CLI only. Fails closed: any fault, no policy.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { z } from "zod";
import { type Fault, type PolicyFile, readPolicy } from "../../authoring/index.ts";
import { canonicalize, foldedPathOf } from "../../http/canonical.ts";
import {
  type CompiledQueuePolicy,
  defaultGates,
  MAX_GATES,
  type PageTemplate,
  type PathPattern,
} from "../room-config.ts";
import {
  durationSchema,
  eventSchema,
  nameSchema,
  overlapFaults,
  anyRateSchema,
  DEFAULT_AUTO,
  stateSchema,
} from "../settings.ts";

const pathSchema = z
  .string()
  .regex(/^\/[^*?#\s]*\*?$/, "not a path of a room; write /exact or /prefix*, without a query")
  .superRefine((text, context) => {
    const { path } = canonicalize(`https://store${text.replace(/\*$/, "")}`);
    if (path === text.replace(/\*$/, "")) return;
    const message = `is compared with canonical paths, so it would match nothing; write ${text.endsWith("*") ? `${path}*` : path}`;
    context.addIssue({ code: "custom", message });
  })
  .transform((path): PathPattern => {
    const text = path.replace(/\*$/, "");
    return { text, folded: foldedPathOf(text), prefix: text !== path };
  });

const statusSchema = z.int().refine((status) => [200, 202, 429, 503].includes(status), {
  error: "not a status for waiting; use 200, 202, 429 or 503",
});

/** Gates remember a visitor for a day after his admission: longer, and a used ticket could be used again. */
const DAY = 24 * 3_600_000;

function lasting(leastMs: number, mostMs: number, bounds: string) {
  return durationSchema.refine((ms) => ms >= leastMs && ms <= mostMs, {
    error: `too short or too long; set ${bounds}`,
  });
}

const passSchema = z
  .strictObject({
    idle: lasting(10_000, DAY, "10s to 1d").default(20 * 60_000),
    longest: lasting(10_000, DAY, "10s to 1d").default(4 * 3_600_000),
  })
  .refine(({ idle, longest }) => idle <= longest, {
    path: ["idle"],
    error: "longer than `longest`, which ends every pass; lower `idle` or raise `longest`",
  });

const roomSchema = z.strictObject({
  title: z.string().min(1).max(80),
  paths: z.array(pathSchema).min(1, "a room without paths; name at least one"),
  bypass: z.array(pathSchema).default([]),
  state: stateSchema.default("open"),
  rate: anyRateSchema,
  auto: z
    .strictObject({
      headroom: z
        .number()
        .min(0.05, "less than a twentieth; raise it, or set a rate")
        .max(1, "over 1 promises more than the replicas carry; lower it")
        .default(DEFAULT_AUTO.headroom),
      requests_per_visitor: z.number().min(1).max(10_000).default(DEFAULT_AUTO.requestsPerVisitor),
    })
    .prefault({}),
  free_per_isolate: z.int().min(0).max(10_000).default(30),
  gates: z.int().min(1).max(MAX_GATES).optional(),
  active_sessions: z.int().min(1, "a cap of 0 would admit nobody; set 1 or more, or leave it out").optional(),
  pass: passSchema.prefault({}),
  return_within: lasting(1000, DAY / 2, "1s to 12h").default(10 * 60_000),
  tickets_per_address: z.int().min(1).default(300),
  status: z.strictObject({ page: statusSchema.default(200), json: statusSchema.default(429) }).prefault({}),
  events: z.array(eventSchema).default([]),
});

const queueSchema = z.strictObject({
  page: z
    .string()
    .regex(/^[\w.-]+\.html$/, "not a file name; name an .html file beside queue.yaml")
    .default("waiting-room.html"),
  rooms: z.record(nameSchema, roomSchema).default({}),
});

// For the command line, which verifies draws.
export { commitment, draw } from "../lottery.ts";

const PLACEHOLDERS = [
  "heading",
  "status",
  "position",
  "wait",
  "keep",
  "notice",
  "nextPollMs",
  "refreshSeconds",
];

/** Compiles `<rulesDir>/queue.yaml`; a folder without it has no rooms. */
export function compileQueue(rulesDir: string): {
  value: CompiledQueuePolicy | undefined;
  faults: readonly Fault[];
} {
  const path = join(rulesDir, "queue.yaml");
  if (!existsSync(path)) return { value: { rooms: [], page: { html: "", csp: "" } }, faults: [] };
  const file = readPolicy(path, queueSchema);
  if (file.value === undefined) return { value: undefined, faults: file.faults };
  const rooms = Object.entries(file.value.rooms);
  const page =
    rooms.length > 0 ? readTemplate(join(rulesDir, file.value.page)) : { value: emptyPage, faults: [] };
  const faults = [...eventFaults(file, rooms), ...pathFaults(file, rooms), ...page.faults];
  if (faults.length > 0) return { value: undefined, faults };
  return { value: { rooms: rooms.map(([name, room]) => compileRoom(name, room)), page: page.value }, faults };
}

type Room = z.output<typeof roomSchema>;
const emptyPage: PageTemplate = { html: "", csp: "" };

function compileRoom(name: string, room: Room): CompiledQueuePolicy["rooms"][number] {
  return {
    name,
    title: room.title,
    paths: room.paths,
    bypass: room.bypass,
    state: room.state,
    rate: room.rate,
    auto: { headroom: room.auto.headroom, requestsPerVisitor: room.auto.requests_per_visitor },
    freePerIsolate: room.free_per_isolate,
    gates: room.gates ?? (room.rate === "auto" ? MAX_GATES : defaultGates(room.rate)),
    activeCap: room.active_sessions ?? null,
    passIdleMs: room.pass.idle,
    passMaxMs: room.pass.longest,
    returnWithinMs: room.return_within,
    ticketsPerAddress: room.tickets_per_address,
    statusPage: room.status.page,
    statusJson: room.status.json,
    events: room.events,
  };
}

function eventFaults(file: PolicyFile<unknown>, rooms: readonly (readonly [string, Room])[]): Fault[] {
  return rooms.flatMap(([name, room]) =>
    overlapFaults(room.events).map(({ index, message }) => {
      const [what = "", remedy = ""] = message.split("; ", 2);
      return { ...file.locate(["rooms", name, "events", index]), message: what, remedy };
    }),
  );
}

/** Two rooms with the same path: which one would a request be in? */
function pathFaults(file: PolicyFile<unknown>, rooms: readonly (readonly [string, Room])[]): Fault[] {
  const owners = new Map<string, string>();
  return rooms.flatMap(([name, room]) =>
    room.paths.flatMap((path, index) => {
      const owner = owners.get(path.folded);
      owners.set(path.folded, name);
      if (owner === undefined) return [];
      return [
        {
          ...file.locate(["rooms", name, "paths", index]),
          message: `path ${path.text}${path.prefix ? "*" : ""} is in room ${owner} already`,
          remedy: "leave it in one room",
        },
      ];
    }),
  );
}

function readTemplate(path: string): { value: PageTemplate; faults: readonly Fault[] } {
  const file = relative(process.cwd(), path) || path;
  const fault = (message: string, remedy: string): Fault => ({ file, line: 0, column: 0, message, remedy });
  if (!existsSync(path)) {
    return {
      value: emptyPage,
      faults: [fault("the waiting page cannot be read", "create the file, or correct `page` in queue.yaml")],
    };
  }
  const html = readFileSync(path, "utf8");
  const missing = PLACEHOLDERS.filter((name) => !html.includes(`{{${name}}}`));
  const faults = missing.map((name) => fault(`has no {{${name}}}`, "put it where visitors shall see it"));
  if (/\son[a-z]+\s*=|javascript:/i.test(html)) {
    faults.push(fault("has an inline event handler, which its CSP would block", "move it into the <script>"));
  }
  if (["script", "style"].some((tag) => contentsOf(html, tag).some((text) => text.includes("{{"))))
    faults.push(fault("has a value in a <script> or <style>, which its CSP would block", "put it elsewhere"));
  return { value: { html, csp: contentSecurityPolicy(html) }, faults };
}

/** Exactly the template's own scripts and styles, by hash; values are never put inside them. */
function contentSecurityPolicy(html: string): string {
  const sources = (tag: string): string =>
    contentsOf(html, tag)
      .map((content) => `'sha256-${createHash("sha256").update(content).digest("base64")}'`)
      .join(" ") || "'none'";
  return [
    "default-src 'none'",
    `script-src ${sources("script")}`,
    `style-src ${sources("style")}`,
    "connect-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");
}

/** What stands in the elements of that name. */
function contentsOf(html: string, tag: string): string[] {
  const elements = html.matchAll(new RegExp(`<${tag}(?:\\s[^>]*)?>([\\s\\S]*?)</${tag}>`, "g"));
  return [...elements].map(([, content = ""]) => content);
}
