/** The console's pages, rendered on the server; they work without JavaScript and hold no inline style or script. */
import { html } from "hono/html";
import type { OpenAlert } from "../alerts.ts";
import type { AutoscaleSignal } from "../autoscale.ts";
import type { Sighting } from "../sightings.ts";
import type { ObjectiveStatus } from "../slo.ts";
import { exclusionDraft } from "./exclusion.ts";
import type { Figures, TrafficRow } from "./figures.ts";

export type Html = ReturnType<typeof html>;

export interface ModeView {
  readonly mode: "block" | "monitor";
  readonly until: number | null;
  readonly builtin: "block" | "monitor";
  readonly version: number;
}

export interface AuditView {
  readonly version: number;
  readonly at: number;
  readonly actor: string;
  readonly reason: string;
  readonly subject: string;
  readonly before: unknown;
  readonly after: unknown;
}

export interface RoomView {
  readonly room: string;
  readonly phase: string;
  readonly perMinute: number;
  readonly live: {
    readonly waiting: number;
    readonly admittedLastMinute: number;
    readonly waitSeconds: number;
  } | null;
}

/** Each part is null where it could not be read: the rest is still worth seeing. */
export interface Overview {
  readonly mode: ModeView | null;
  readonly objectives: readonly ObjectiveStatus[] | null;
  readonly alerts: readonly OpenAlert[] | null;
  readonly figures: Figures | null;
  readonly rooms: readonly RoomView[] | null;
  readonly autoscale: AutoscaleSignal | null;
  readonly audit: readonly AuditView[] | null;
}

/** A whole page. */
export function page(title: string, body: Html): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <link rel="stylesheet" href="/_edge/assets/console.css" />
        <script type="module" src="/_edge/assets/console.js"></script>
      </head>
      <body>
        <header>
          <h1><a href="/_edge/">Edge console</a></h1>
          <span class="soft" id="live-state" role="status"></span>
          <form method="post" action="/_edge/leave"><button>Leave</button></form>
        </header>
        <main>${body}</main>
      </body>
    </html>`;
}

/** The one page for three in the morning. */
export function overviewBody(overview: Overview, now: number, notice: string | null): Html {
  return html`
    ${notice === null ? "" : html`<p class="notice" role="alert">${notice}</p>`}
    <div id="live">${livePart(overview, now)}</div>
    ${modeForm(overview.mode)} ${auditSection(overview.audit)}
  `;
}

/** What is renewed every few seconds; it holds no form. */
export function livePart(overview: Overview, now: number): Html {
  const { mode, objectives, alerts, figures, rooms, autoscale } = overview;
  return html`
    ${modeSection(mode, now)} ${objectivesSection(objectives, alerts)}
    ${figures === null ? missing("Traffic") : trafficSection(figures)}
    <div class="grid">
      ${figures === null ? "" : html`${cacheSection(figures)} ${rulesSection(figures)}`}
      ${roomsSection(rooms)} ${autoscaleSection(autoscale)}
    </div>
  `;
}

/** What one rule matched lately, and the draft of an exclusion. */
export function ruleBody(rule: string, sightings: readonly Sighting[], now: number): Html {
  const rows = sightings.map(
    (sighting) =>
      html`<tr>
        <td>${time(sighting.at)}</td>
        <td>${sighting.outcome}</td>
        <td>${sighting.method} ${sighting.path}${sighting.query === "" ? "" : `?${sighting.query}`}</td>
        <td>${sighting.where}</td>
        <td><code>${sighting.excerpt}</code></td>
        <td>${sighting.requestId}</td>
      </tr>`,
  );
  return html`
    <section>
      <h2>Rule ${rule}: the last requests it matched</h2>
      <p class="soft">Redacted: values that could be a person's are not kept.</p>
      ${table(["When", "Verdict", "Request", "Where", "What", "Request id"], rows, "It matched nothing lately.")}
    </section>
    <section>
      <h2>Draft of an exclusion</h2>
      <p>
        For <code>rules/sentinel/exclusions.yaml</code>, if these requests are legitimate. Make it narrower,
        say why, and have it reviewed: nothing applies it by itself.
      </p>
      <pre>${exclusionDraft(rule, sightings, now)}</pre>
    </section>
  `;
}

/** Answers an invitation: the session's cookie is set by then, and the next step comes from our own page, so that a strict cookie is sent. */
export function enterPage(): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="refresh" content="0;url=/_edge/" />
        <title>Edge console</title>
        <link rel="stylesheet" href="/_edge/assets/console.css" />
      </head>
      <body>
        <main>
          <p><a href="/_edge/">Open the console</a></p>
        </main>
      </body>
    </html>`;
}

function modeSection(mode: ModeView | null, now: number): Html {
  if (mode === null) return missing("Mode");
  const says =
    mode.mode === "block" ? "Sentinel blocks attacks" : "Sentinel only watches: attacks reach the store";
  return html`<section aria-labelledby="mode">
    <h2 id="mode">Mode</h2>
    <p class="mode ${mode.mode}">${mode.mode}</p>
    <p>
      ${says}${mode.until === null ? "." : ` until ${time(mode.until)} (${minutes(mode.until - now)} left).`}
    </p>
  </section>`;
}

function modeForm(mode: ModeView | null): Html {
  if (mode === null) return html``;
  const other = mode.mode === "block" ? "monitor" : "block";
  return html`<section aria-labelledby="change">
    <h2 id="change">Change the mode</h2>
    <form method="post" action="/_edge/mode">
      <input type="hidden" name="version" value="${mode.version}" />
      <div class="fields">
        <label
          >To
          <select name="mode">
            <option value="${other}">${other}</option>
            <option value="${mode.mode}">${mode.mode}</option>
          </select></label
        >
        <label
          >For
          <select name="for">
            <option value="30m">30 minutes, then back</option>
            <option value="2h">2 hours, then back</option>
            <option value="">until it is changed</option>
          </select></label
        >
      </div>
      <label
        >Reason, for the audit log <input name="reason" required maxlength="500" autocomplete="off"
      /></label>
      <button>Change</button>
    </form>
  </section>`;
}

function objectivesSection(
  objectives: readonly ObjectiveStatus[] | null,
  alerts: readonly OpenAlert[] | null,
): Html {
  if (objectives === null) return missing("Objectives");
  const rows = objectives.map(
    (status) =>
      html`<tr>
        <td>${status.objective}</td>
        <td>${status.group}</td>
        <td class="number">${percent(status.target, 1)}</td>
        <td class="number ${rateClass(status.burn["1h"])}">${status.burn["1h"].toFixed(1)}</td>
        <td class="number ${rateClass(status.burn["6h"])}">${status.burn["6h"].toFixed(1)}</td>
        <td class="number ${rateClass(status.burn["3d"])}">${status.burn["3d"].toFixed(1)}</td>
        <td>
          <meter
            min="0"
            max="1"
            low="0.1"
            high="0.5"
            optimum="1"
            value="${Math.max(status.budgetLeft, 0)}"
          ></meter>
          ${percent(status.budgetLeft, 0)}
        </td>
      </tr>`,
  );
  const head = ["Objective", "Of", "Target", "Burn 1 h", "6 h", "3 d", "Budget left"];
  return html`<section aria-labelledby="objectives">
    <h2 id="objectives">Objectives and budgets</h2>
    ${alerts?.map((alert) => html`<p class="notice">${alert.severity}: ${alert.summary} (since ${time(alert.since)})</p>`)}
    ${table(head, rows, "Nothing has been measured yet.", 2)}
  </section>`;
}

function trafficSection({ traffic, errors }: Figures): Html {
  const rows = traffic.map(
    (row) =>
      html`<tr>
        <td>${row.route}</td>
        <td class="number">${row.requests}</td>
        <td class="number ${row.failed > 0.001 ? "bad" : ""}">${percent(row.failed, 2)}</td>
        <td class="number">${row.p95 === null ? "> 10 s" : `${Math.round(row.p95 * 1000)} ms`}</td>
        <td>${chart(row)}</td>
      </tr>`,
  );
  return html`<section aria-labelledby="traffic">
    <h2 id="traffic">Traffic of the last hour</h2>
    ${table(["Route class", "Requests", "Failed", "p95", "By minute"], rows, "No requests.", 1)}
    ${errors.length === 0 ? "" : html`<p class="soft">Errors: ${errors.map(([code, count]) => `${code} ${count}`).join(", ")}</p>`}
  </section>`;
}

function cacheSection({ cache, hitRatio }: Figures): Html {
  const rows = cache.map(
    ([outcome, count]) =>
      html`<tr>
        <td>${outcome}</td>
        <td class="number">${count}</td>
      </tr>`,
  );
  return html`<section aria-labelledby="cache">
    <h2 id="cache">
      Cache: ${hitRatio === null ? "no requests" : `${percent(hitRatio, 1)} without the origin`}
    </h2>
    ${table(["Outcome", "Requests"], rows, "No requests.", 1)}
  </section>`;
}

const RULES_SHOWN = 15;

function rulesSection({ rules, blocked }: Figures): Html {
  const rows = rules.slice(0, RULES_SHOWN).map(
    ({ rule, counted, uncounted }) =>
      html`<tr>
        <td><a href="/_edge/rules/${encodeURIComponent(rule)}">${rule}</a></td>
        <td class="number">${counted}</td>
        <td class="number">${uncounted}</td>
      </tr>`,
  );
  return html`<section aria-labelledby="rules">
    <h2 id="rules">Firewall: ${blocked} bad requests in an hour</h2>
    ${table(["Rule", "Matches", "Only watched"], rows, "No rule matched.", 1)}
  </section>`;
}

function roomsSection(rooms: readonly RoomView[] | null): Html {
  if (rooms === null) return missing("Waiting rooms");
  const rows = rooms.map(
    ({ room, phase, perMinute, live }) =>
      html`<tr>
        <td>${room}</td>
        <td>${phase}</td>
        <td class="number">${live?.waiting ?? "?"}</td>
        <td class="number">${live?.admittedLastMinute ?? "?"} of ${perMinute}</td>
        <td class="number">${live === null ? "?" : minutes(live.waitSeconds * 1000)}</td>
      </tr>`,
  );
  return html`<section aria-labelledby="rooms">
    <h2 id="rooms">Waiting rooms</h2>
    ${table(["Room", "State", "Waiting", "Admitted a minute", "Wait"], rows, "No rooms.", 2)}
  </section>`;
}

function autoscaleSection(signal: AutoscaleSignal | null): Html {
  if (signal === null) return missing("Autoscale");
  return html`<section aria-labelledby="autoscale">
    <h2 id="autoscale">Autoscale: ${signal.desired} of ${signal.max} replicas of ${signal.target}</h2>
    <p>
      ${signal.requestsPerSecond.toFixed(1)} requests/s reach it and ${signal.waiting} people wait: a demand
      of ${signal.total.toFixed(1)}/s at ${signal.threshold}/s a replica.
    </p>
  </section>`;
}

function auditSection(audit: readonly AuditView[] | null): Html {
  if (audit === null) return missing("Audit log");
  const rows = audit.map(
    (entry) =>
      html`<tr>
        <td class="number">${entry.version}</td>
        <td>${time(entry.at)}</td>
        <td>${entry.actor}</td>
        <td>${entry.subject}</td>
        <td>${shortJson(entry.before)} → ${shortJson(entry.after)}</td>
        <td>${entry.reason}</td>
        <td>${entry.subject === "purge" ? "" : undoForm(entry.version)}</td>
      </tr>`,
  );
  return html`<section aria-labelledby="audit">
    <h2 id="audit">Audit log</h2>
    ${table(["Version", "When", "Who", "What", "Change", "Why", ""], rows, "Nothing was changed yet.", 0)}
  </section>`;
}

function undoForm(version: number): Html {
  return html`<form method="post" action="/_edge/undo">
    <input type="hidden" name="version" value="${version}" />
    <input type="hidden" name="reason" value="undone in the console" />
    <button aria-label="Undo version ${version}">Undo</button>
  </form>`;
}

/** A table whose columns from `numbersFrom` on are numbers in the head too. */
function table(
  head: readonly string[],
  rows: readonly Html[],
  none: string,
  numbersFrom = head.length,
): Html {
  if (rows.length === 0) return html`<p class="soft">${none}</p>`;
  return html`<div class="wide">
    <table>
      <thead>
        <tr>
          ${head.map((name, index) => html`<th scope="col" class="${index >= numbersFrom ? "number" : ""}">${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

/** Requests by minute as a line; the table beside it says the same in figures. */
function chart({ route, minutes: values }: TrafficRow): Html {
  const top = Math.max(...values, 1);
  const points = values
    .map((value, index) => `${index * 2},${(23 - (value / top) * 22).toFixed(1)}`)
    .join(" ");
  return html`<svg
    class="minutes"
    viewBox="0 0 ${values.length * 2} 24"
    preserveAspectRatio="none"
    role="img"
    aria-label="${route}: at most ${top} requests a minute"
  >
    <polyline points="${points}" vector-effect="non-scaling-stroke"></polyline>
  </svg>`;
}

function missing(what: string): Html {
  return html`<section>
    <h2>${what}</h2>
    <p class="notice">Cannot be read right now.</p>
  </section>`;
}

function rateClass(rate: number): string {
  return rate >= 1 ? "bad" : "good";
}

function percent(share: number, digits: number): string {
  return `${(share * 100).toFixed(digits)}%`;
}

function time(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

function minutes(ms: number): string {
  return `${Math.ceil(ms / 60_000)} min`;
}

function shortJson(value: unknown): string {
  const text = value === null ? "nothing" : JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}
