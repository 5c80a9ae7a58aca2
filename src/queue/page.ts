/** The waiting page and its JSON: what people and programs in line are told. Pure. */
import { EARLY_MS } from "./estimate.ts";
import type { PageTemplate } from "./room-config.ts";
import { type Texts, textsOf, type Told } from "./texts.ts";
import type { Standing } from "./standing.ts";

/** The answer to programs and to the page's own polls. */
export function waitingJson(told: Told): Record<string, unknown> {
  const { policy, phase, event, standing, admitted, now } = told;
  const texts = textsOf(told);
  return {
    room: policy.name,
    state: admitted ? "admitted" : phase === "sold-out" ? "sold-out" : "queued",
    inQueue: !admitted && standing !== null && standing.ticketId !== null,
    position: standing?.ahead === null || standing === null ? null : standing.ahead + 1,
    peopleAhead: standing?.ahead ?? null,
    estimatedWaitSeconds: standing?.turnAt ? Math.max(0, Math.round((standing.turnAt - now) / 1000)) : null,
    nextPollSeconds: standing === null ? null : nextPollSeconds(standing, now),
    nextPollMs: standing === null ? null : Math.max(0, standing.dueAt - now),
    ticket: standing?.ticketId ?? null,
    lostPlace: standing?.fault ?? null,
    event:
      event === null
        ? null
        : {
            name: event.name,
            phase: now < event.startsAt ? "pre-queue" : now < event.endsAt ? "started" : "ended",
            startsAt: new Date(event.startsAt).toISOString(),
            endsAt: new Date(event.endsAt).toISOString(),
            commitment: standing?.commitment ?? null,
            seed: standing?.seed ?? null,
          },
    message: told.message,
    texts: pageTexts(texts),
  };
}

/** What changes on the page while it is open. */
function pageTexts({
  pageTitle,
  heading,
  status,
  detail,
  position,
  wait,
  draw,
  notice,
}: Texts): Partial<Texts> {
  return { pageTitle, heading, status, detail, position, wait, draw, notice };
}

/** Whole seconds until the next poll counts, for Retry-After and for pages without JavaScript. */
export function nextPollSeconds(standing: Standing, now: number): number {
  return Math.max(1, Math.ceil((standing.dueAt - EARLY_MS - now) / 1000));
}

/** The whole page. Every value is escaped; the template's own script and style are what its CSP allows. */
export function waitingHtml(template: PageTemplate, told: Told): string {
  const texts: Texts = textsOf(told);
  const values: Record<string, string> = {
    ...texts,
    language: told.language,
    room: told.policy.title,
    phase: told.phase,
    refreshSeconds: told.standing === null ? "" : String(nextPollSeconds(told.standing, told.now)),
    nextPollMs: told.standing === null ? "" : String(Math.max(0, told.standing.dueAt - told.now)),
    message: told.message ?? "",
  };
  return partsOf(template)
    .map((part) => textOf(part, values))
    .join("");
}

/** A piece of the template: text, a value's place, or a part that is there only with a value. */
type Part = string | { readonly value: string } | { readonly only: string; readonly parts: readonly Part[] };

const parsed = new WeakMap<PageTemplate, readonly Part[]>();

function partsOf(template: PageTemplate): readonly Part[] {
  let parts = parsed.get(template);
  if (parts === undefined) parsed.set(template, (parts = parse(template.html)));
  return parts;
}

function parse(html: string): Part[] {
  const parts: Part[] = [];
  let end = 0;
  for (const match of html.matchAll(/\{\{#(\w+)\}\}([\s\S]*?)\{\{\/\1\}\}|\{\{(\w+)\}\}/g)) {
    const [whole, only, inner = "", value = ""] = match;
    parts.push(html.slice(end, match.index));
    parts.push(only === undefined ? { value } : { only, parts: parse(inner) });
    end = match.index + whole.length;
  }
  parts.push(html.slice(end));
  return parts;
}

function textOf(part: Part, values: Readonly<Record<string, string>>): string {
  if (typeof part === "string") return part;
  if ("value" in part) return escapeHtml(values[part.value] ?? "");
  return values[part.only] ? part.parts.map((inner) => textOf(inner, values)).join("") : "";
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeHtml(text: string): string {
  return !/[&<>"']/.test(text) ? text : text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}
