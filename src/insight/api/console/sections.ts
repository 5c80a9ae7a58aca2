/** The sections of the console's page, one a subject. */
import { html } from "hono/html";
import type { OpenAlert } from "../../alerts.ts";
import type { AutoscaleSignal } from "../../autoscale.ts";
import type { ObjectiveStatus } from "../../slo.ts";
import type { Figures } from "./figures.ts";
import type { AuditView, ModeView, RoomView } from "./views.ts";
import { table, chart, missing, rateClass, percent, time, minutes, valueText, type Html } from "./widgets.ts";

export function modeSection(mode: ModeView | null, now: number): Html {
  if (mode === null) return missing("Mode");
  const says =
    mode.mode === "block" ? "Sentinel blocks attacks" : "Sentinel only watches: attacks reach the store";
  return html`<section aria-labelledby="mode">
    <h2 id="mode">Mode</h2>
    <p class="mode ${mode.mode}" role="status">${mode.mode}</p>
    <p>
      ${says}${mode.until === null ? "." : ` until ${time(mode.until)} (${minutes(mode.until - now)} left).`}
    </p>
  </section>`;
}

export function modeForm(mode: ModeView | null): Html {
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

export function objectivesSection(
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
          ${status.budgetLeft < 0 ? "overspent" : percent(status.budgetLeft, 0)}
        </td>
      </tr>`,
  );
  const head = ["Objective", "Of", "#Target", "#Burn 1 h", "#6 h", "#3 d", "Budget left"];
  return html`<section aria-labelledby="objectives">
    <h2 id="objectives">Objectives and budgets</h2>
    ${alerts?.map((alert) => html`<p class="notice">${alert.severity}: ${alert.summary} (since ${time(alert.since)})</p>`)}
    ${table(head, rows, "Nothing has been measured yet.")}
  </section>`;
}

function counts(title: string, of: Figures["errors"]): Html {
  if (of.length === 0) return html``;
  return html`<p class="soft">${title}: ${of.map(([name, count]) => `${name} ${count}`).join(", ")}</p>`;
}

export function trafficSection({ traffic, errors, events }: Figures): Html {
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
    ${table(["Route class", "#Requests", "#Failed", "#p95", "By minute"], rows, "No requests.")}
    ${counts("Errors", errors)} ${counts("Events", events)}
  </section>`;
}

export function cacheSection({ cache, hitRatio }: Figures): Html {
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
    ${table(["Outcome", "#Requests"], rows, "No requests.")}
  </section>`;
}

const RULES_SHOWN = 15;

export function rulesSection({ rules, blocked }: Figures): Html {
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
    ${table(["Rule", "#Matches", "#Only watched"], rows, "No rule matched.")}
  </section>`;
}

export function roomsSection(rooms: readonly RoomView[] | null): Html {
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
    ${table(["Room", "State", "#Waiting", "#Admitted a minute", "#Wait"], rows, "No rooms.")}
  </section>`;
}

export function autoscaleSection(signal: AutoscaleSignal | null): Html {
  if (signal === null) return missing("Autoscale");
  return html`<section aria-labelledby="autoscale">
    <h2 id="autoscale">Autoscale: ${signal.desired} of ${signal.max} replicas of ${signal.target}</h2>
    <p>
      ${signal.requestsPerSecond.toFixed(1)} requests/s reach it and ${signal.waiting} people wait: a demand
      of ${signal.total.toFixed(1)}/s at ${signal.threshold}/s a replica.
    </p>
  </section>`;
}

export function auditSection(audit: readonly AuditView[] | null): Html {
  if (audit === null) return missing("Audit log");
  // Only the last change of a thing can be taken back; the log is newest first.
  const isLast = (entry: AuditView): boolean =>
    audit.find(({ subject }) => subject === entry.subject) === entry;
  const rows = audit.map(
    (entry) =>
      html`<tr>
        <td class="number">${entry.version}</td>
        <td class="nowrap">${time(entry.at)}</td>
        <td class="nowrap">${entry.actor}</td>
        <td>${entry.subject}</td>
        <td class="text">${valueText(entry.before)} → ${valueText(entry.after)}</td>
        <td class="text">${entry.reason}</td>
        <td class="nowrap">${entry.subject !== "purge" && isLast(entry) ? undoForm(entry.version) : ""}</td>
      </tr>`,
  );
  return html`<section aria-labelledby="audit">
    <h2 id="audit">Audit log</h2>
    ${table(["#Version", "When", "Who", "What", "Change", "Why", ""], rows, "Nothing was changed yet.")}
  </section>`;
}

export function undoForm(version: number): Html {
  return html`<form method="post" action="/_edge/undo">
    <input type="hidden" name="version" value="${version}" />
    <input type="hidden" name="reason" value="undone in the console" />
    <button aria-label="Undo version ${version}">Undo</button>
  </form>`;
}
