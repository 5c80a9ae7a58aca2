/**
 * The operator's console: a client of the private API that speaks HTML. It decides
 * and stores nothing itself; a form becomes the API call that a command line would
 * make, with its checks, its versions and its audit entry.
 */
import { Hono, type Context } from "hono";
import { EdgeError } from "../../../http/errors.ts";
import { problemOf, type Operator } from "../../../http/operator.ts";
import { requireOwnOrigin } from "../../../http/own-origin.ts";
import { autoscaleSignal, type InsightRoutesOptions } from "../routes.ts";
import { CONSOLE_CSS, CONSOLE_JS } from "./assets.ts";
import { figuresOf, type Figures } from "./figures.ts";
import { enterPage, livePart, overviewBody, page, ruleBody } from "./page.ts";
import type { AuditView, ModeView, Overview, RoomView } from "./views.ts";

export interface ConsoleOptions extends InsightRoutesOptions {
  /** The private API: path below `/_edge/api`, as the operator who is looking. */
  readonly api: (path: string, operator: Operator, body?: unknown) => Promise<Response>;
  readonly ownOrigins: readonly string[];
  /** How a browser gets and ends a session. */
  readonly browsers: {
    invite(now: number): Promise<string | null>;
    open(ticket: string, now: number): Promise<string | null>;
    readonly leave: string;
  };
}

type Env = { Bindings: Operator };
type Call = Context<Env>;

/** Nothing but our own files, no frames, forms to ourselves only. The referrer policy keeps `Origin` on form posts. */
const HEADERS = {
  "content-security-policy":
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  "referrer-policy": "same-origin",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
} as const;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const MAX_FORM_BYTES = 16_384;

/** To be mounted at `/`: its paths are absolute, since a mounted `/` would not match `/_edge/`. */
export function consoleRoutes(options: ConsoleOptions): Hono<Env> {
  const { browsers, insight } = options;
  const app = new Hono<Env>();
  app.onError((thrown, c) => problemOf(thrown, c.env));
  app.get("/_edge", (c) => c.redirect("/_edge/", 308));
  app.get("/_edge/", async (c) => {
    const overview = await overviewOf(c, options);
    if (c.req.query("part") === "live") return c.html(livePart(overview, c.env.now), 200, HEADERS);
    return c.html(page("Edge console", overviewBody(overview, c.env.now, null)), 200, HEADERS);
  });
  app.get("/_edge/rules/:rule", async (c) => {
    const rule = c.req.param("rule");
    const sightings = await insight.shards.sightings(rule);
    return c.html(page(`Rule ${rule}`, ruleBody(rule, sightings, c.env.now)), 200, HEADERS);
  });
  app.get("/_edge/assets/console.css", (c) =>
    c.body(CONSOLE_CSS, 200, { ...HEADERS, "content-type": "text/css; charset=utf-8" }),
  );
  app.get("/_edge/assets/console.js", (c) =>
    c.body(CONSOLE_JS, 200, { ...HEADERS, "content-type": "text/javascript; charset=utf-8" }),
  );

  app.post("/_edge/mode", async (c) => {
    const { mode, reason, for: duration, version } = await formOf(c, options);
    const lasting = duration === undefined || duration === "" ? {} : { for: duration };
    return settle(
      c,
      options,
      await options.api("/mode", c.env, { mode, reason, ...lasting, version: Number(version) }),
    );
  });
  app.post("/_edge/undo", async (c) => {
    const { version, reason } = await formOf(c, options);
    return settle(c, options, await options.api("/undo", c.env, { version: Number(version), reason }));
  });

  app.post("/_edge/api/invitations", async (c) => {
    requireOwnOrigin(c.req.raw, options.ownOrigins);
    // Only who holds the admin token hands out what is derived from it.
    const path = c.env.actor === "token" ? await browsers.invite(c.env.now) : null;
    if (path === null) throw refusal(403, "Only the holder of the admin token can invite.");
    return c.json({ path, goodForSeconds: 120 });
  });
  app.get("/_edge/enter", async (c) => {
    const ticket = c.req.query("ticket") ?? "";
    const cookie = await browsers.open(ticket, c.env.now);
    // An invitation opens one session: its address stays in histories and logs.
    if (cookie === null || !(await insight.shards.desk.spend(ticket)))
      throw refusal(403, "This invitation was used.");
    return c.html(enterPage(), 200, { ...HEADERS, "set-cookie": cookie });
  });
  app.post("/_edge/leave", async (c) => {
    await formOf(c, options);
    c.header("set-cookie", browsers.leave);
    return c.redirect("/", 303);
  });
  return app;
}

/** After a change: back to the console; after a refusal: the console, and why. */
async function settle(c: Call, options: ConsoleOptions, answer: Response): Promise<Response> {
  if (answer.ok) {
    await answer.body?.cancel();
    return c.redirect("/_edge/", 303);
  }
  const { detail }: { detail?: string } = await answer.json();
  const overview = await overviewOf(c, options);
  const status = answer.status === 409 ? 409 : 400;
  const body = overviewBody(overview, c.env.now, detail ?? "The change was refused.");
  return c.html(page("Edge console", body), status, HEADERS);
}

async function overviewOf(c: Call, options: ConsoleOptions): Promise<Overview> {
  const { insight, api } = options;
  const read = async <T>(path: string): Promise<T> => {
    const answer = await api(path, c.env);
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
    return answer.json<T>();
  };
  const [mode, objectives, alerts, figures, rooms, autoscale, audit] = await Promise.all([
    orNull(read<ModeView>("/mode")),
    orNull(insight.objectives()),
    orNull(insight.shards.desk.openAlerts()),
    orNull(figuresNow(options, c.env.now)),
    orNull(read<readonly RoomView[]>("/rooms")),
    orNull(autoscaleSignal(options, null, c.env.now)),
    orNull(read<{ readonly entries: readonly AuditView[] }>("/audit?limit=15&purges=false")),
  ]);
  return { mode, objectives, alerts, figures, rooms, autoscale, audit: audit?.entries ?? null };
}

async function figuresNow({ insight }: ConsoleOptions, now: number): Promise<Figures> {
  const [[hour], timeline] = await Promise.all([
    insight.shards.windows("", [now - HOUR_MS]),
    insight.shards.timeline("http_server_request_duration_seconds_count", now - HOUR_MS),
  ]);
  return figuresOf(hour ?? new Map(), timeline, now);
}

async function orNull<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch {
    return null;
  }
}

/** Fields of a form that our own page sent: a browser says where a form post comes from, and this must be us. */
async function formOf(c: Call, { ownOrigins }: ConsoleOptions): Promise<Readonly<Record<string, string>>> {
  const { raw } = c.req;
  if (!raw.headers.has("origin")) throw refusal(403, "The form does not say where it comes from.");
  requireOwnOrigin(raw, ownOrigins);
  const type = (raw.headers.get("content-type") ?? "").split(";", 1)[0]?.trim();
  if (type !== "application/x-www-form-urlencoded") throw refusal(415, "This is not a form.");
  if (Number(raw.headers.get("content-length") ?? "0") > MAX_FORM_BYTES)
    throw refusal(413, "The form is too large.");
  const text = new TextDecoder().decode(await raw.arrayBuffer());
  return Object.fromEntries(new URLSearchParams(text.slice(0, MAX_FORM_BYTES)));
}

function refusal(status: 403 | 413 | 415, detail: string): EdgeError {
  return new EdgeError({ code: "bad-request", source: "client", status, detail });
}
