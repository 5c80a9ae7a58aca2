import type { Fault } from "../../authoring/index.ts";
import type { SentinelPackage } from "../package.ts";
import { createSentinel, type Sentinel } from "../sentinel.ts";
import { type InspectionRequest, NO_OVERRIDES, type SentinelSettings, type Verdict } from "../verdict.ts";
import { exchangeOf, type ResponseExample } from "./examples.ts";
import type { InlineTest } from "./rules.ts";

export interface InlineTestResult {
  readonly run: number;
  readonly faults: readonly Fault[];
}

/** Runs every example against the whole package with every rule on: a hit must match its rule, a miss must not. */
export async function runInlineTests(
  pkg: SentinelPackage,
  tests: readonly InlineTest[],
): Promise<InlineTestResult> {
  const sentinel = createSentinel({ ...pkg, exclusions: [] });
  const settings = { ...NO_OVERRIDES, paranoia: { block: 4, watch: 4 } };
  const faults: Fault[] = [];
  for (const { rule, kind, example, at } of tests) {
    const matched = await matches(sentinel, example, settings);
    if (matched.includes(rule) === (kind === "hit")) continue;
    const others = matched.length > 0 ? ` (matched: ${matched.join(", ")})` : "";
    faults.push({
      ...at,
      message: kind === "hit" ? `${rule} does not match its hit${others}` : `${rule} matches its miss`,
      remedy: `correct the rule or the example; see what it saw with rules explain`,
    });
  }
  return { run: tests.length, faults };
}

async function matches(
  sentinel: Sentinel,
  example: InlineTest["example"],
  settings: SentinelSettings,
): Promise<string[]> {
  const { request, response } = exchangeOf(example);
  const verdict = await sentinel.inspectRequest(request, settings, 0);
  const answers = response === null ? [] : answerVerdicts(sentinel, request, response, settings);
  return [
    ...[verdict, ...answers].flatMap(({ matches: found }) => found.map(({ rule }) => rule)),
    ...sentinel.rateKeys(request, settings).map(({ rule }) => rule),
  ];
}

function answerVerdicts(
  sentinel: Sentinel,
  { method, target }: InspectionRequest,
  { status, headers, body }: ResponseExample,
  settings: SentinelSettings,
): Verdict[] {
  const inspection = sentinel.inspectResponse({ method, target, status, headers }, settings, 0);
  const found = inspection.wantsBody ? inspection.chunk(body) : null;
  return found === null ? [inspection.head] : [inspection.head, found];
}
