/** The console's pages, rendered on the server; they work without JavaScript and hold no inline style or script. */
import { html } from "hono/html";
import type { Sighting } from "../../sightings.ts";
import { exclusionDraft } from "./exclusion.ts";
import {
  modeSection,
  modeForm,
  objectivesSection,
  trafficSection,
  cacheSection,
  rulesSection,
  roomsSection,
  autoscaleSection,
  auditSection,
} from "./sections.ts";
import type { Overview } from "./views.ts";
import { table, missing, time, type Html } from "./widgets.ts";

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
  const { mode, audit } = overview;
  return html`
    ${notice === null ? "" : html`<p class="notice" role="alert">${notice}</p>`}
    <div class="grid">
      <div data-live="mode">${modeSection(mode, now)}</div>
      ${modeForm(mode)}
    </div>
    <div data-live="figures">${figuresPart(overview)}</div>
    ${auditSection(audit)}
  `;
}

/** What is renewed every few seconds; it holds no form. */
export function livePart(overview: Overview, now: number): Html {
  return html`
    <div data-live="mode">${modeSection(overview.mode, now)}</div>
    <div data-live="figures">${figuresPart(overview)}</div>
  `;
}

function figuresPart({ objectives, alerts, figures, rooms, autoscale }: Overview): Html {
  return html`
    ${objectivesSection(objectives, alerts)}
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
