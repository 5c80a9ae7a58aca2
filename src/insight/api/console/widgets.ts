/** The console's small parts: a table, a chart, figures as people read them. */
import { html } from "hono/html";
import type { TrafficRow } from "./figures.ts";

export type Html = ReturnType<typeof html>;

/** A table; a column whose head begins with `#` holds numbers. It scrolls by itself where the screen is narrow. */
export function table(head: readonly string[], rows: readonly Html[], none: string): Html {
  if (rows.length === 0) return html`<p class="soft">${none}</p>`;
  const heads = head.map((name) =>
    name.startsWith("#")
      ? html`<th scope="col" class="number">${name.slice(1)}</th>`
      : html`<th scope="col">${name}</th>`,
  );
  return html`<div class="wide" tabindex="0">
    <table>
      <thead>
        <tr>
          ${heads}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

/** Requests by minute as a line; the table beside it says the same in figures. */
export function chart({ route, minutes: values }: TrafficRow): Html {
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

export function missing(what: string): Html {
  return html`<section>
    <h2>${what}</h2>
    <p class="notice">Cannot be read right now.</p>
  </section>`;
}

export function rateClass(rate: number): string {
  return rate >= 1 ? "bad" : "good";
}

export function percent(share: number, digits: number): string {
  return `${(share * 100).toFixed(digits)}%`;
}

export function time(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

export function minutes(ms: number): string {
  return `${Math.ceil(ms / 60_000)} min`;
}

const MAX_VALUE = 160;

/** A decision in a line: times as times, members that say nothing left out. */
export function valueText(value: unknown): string {
  if (value === null) return "nothing";
  if (typeof value !== "object") return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== null && typeof member !== "object");
  const text = members
    .map(
      ([name, member]) =>
        `${name} ${name === "until" && typeof member === "number" ? time(member) : String(member)}`,
    )
    .join(", ");
  const whole =
    text === "" || members.length < Object.values(value).filter((member) => member !== null).length;
  const shown = whole ? JSON.stringify(value) : text;
  return shown.length > MAX_VALUE ? `${shown.slice(0, MAX_VALUE - 1)}…` : shown;
}
