import { z } from "zod";
import type { SentinelPackage } from "../package.ts";
import { createSentinel } from "../sentinel.ts";
import { type InspectionRequest, NO_OVERRIDES, type Verdict } from "../verdict.ts";

const entrySchema = z.object({
  id: z.string(),
  set: z.string(),
  case: z.string().optional(),
  method: z.string(),
  path: z.string(),
  headers: z.array(z.tuple([z.string(), z.string()])),
  body_b64: z.string().default(""),
  expect: z.enum(["block", "pass"]),
  expect_ids: z.array(z.string()).optional(),
  no_expect_ids: z.array(z.string()).optional(),
});

/** A line of a corpus: a request and what should become of it. */
export type CorpusEntry = Readonly<z.output<typeof entrySchema>>;

export interface SetScore {
  readonly set: string;
  readonly expect: "block" | "pass";
  total: number;
  correct: number;
  /** Rules that matched where the outcome was wrong (false positives), with how often. */
  readonly blame: Map<string, number>;
  /** Wrong entries, the first few. */
  readonly wrong: { readonly id: string; readonly request: string; readonly matched: readonly string[] }[];
  milliseconds: number;
}

export interface CorpusScore {
  readonly sets: readonly SetScore[];
  readonly lines: number;
}

const KEPT_WRONG = 2_000;

/** Scores a package over a corpus, by set and case. */
export async function scoreCorpus(
  pkg: SentinelPackage,
  entries: AsyncIterable<CorpusEntry> | Iterable<CorpusEntry>,
  progress: (done: number) => void = () => {},
): Promise<CorpusScore> {
  const sentinel = createSentinel(pkg);
  const sets = new Map<string, SetScore>();
  let count = 0;
  for await (const entry of entries) {
    const began = performance.now();
    const verdict = await sentinel.inspectRequest(requestOf(entry), NO_OVERRIDES, Date.now());
    tally(sets, entry, verdict, performance.now() - began);
    if (++count % 1000 === 0) progress(count);
  }
  return { sets: [...sets.values()], lines: count };
}

/** One line of a corpus. Throws on a line that is not of the format. */
export function parseEntry(line: string): CorpusEntry {
  return entrySchema.parse(JSON.parse(line));
}

/** The request of a corpus line as the engine takes it. */
export function requestOf(entry: CorpusEntry): InspectionRequest {
  return {
    method: entry.method,
    target: entry.path,
    protocol: "HTTP/1.1",
    headers: entry.headers,
    body: Buffer.from(entry.body_b64, "base64"),
    bodyComplete: true,
    clientIp: "203.0.113.7",
  };
}

function tally(
  sets: Map<string, SetScore>,
  entry: CorpusEntry,
  verdict: Verdict,
  milliseconds: number,
): void {
  const key = `${entry.set} ${entry.case ?? ""} ${entry.expect}`;
  let set = sets.get(key);
  if (set === undefined) {
    const name = entry.case === undefined ? entry.set : `${entry.set}/${entry.case}`;
    set = {
      set: name,
      expect: entry.expect,
      total: 0,
      correct: 0,
      blame: new Map(),
      wrong: [],
      milliseconds: 0,
    };
    sets.set(key, set);
  }
  const matched = verdict.matches.filter(({ uncounted }) => uncounted === null).map(({ rule }) => rule);
  set.total++;
  set.milliseconds += milliseconds;
  if (isCorrect(entry, verdict, matched)) {
    set.correct++;
    return;
  }
  const blamed = verdict.budget === null ? matched : [...matched, `budget:${verdict.budget}`];
  for (const rule of blamed) set.blame.set(rule, (set.blame.get(rule) ?? 0) + 1);
  if (set.wrong.length < KEPT_WRONG)
    set.wrong.push({ id: entry.id, request: summary(entry), matched: blamed });
}

function isCorrect(entry: CorpusEntry, verdict: Verdict, matched: readonly string[]): boolean {
  return (
    verdict.outcome === entry.expect &&
    (entry.expect_ids ?? []).every((id) => matched.includes(id)) &&
    !(entry.no_expect_ids ?? []).some((id) => matched.includes(id))
  );
}

function summary({ method, path, body_b64, headers }: CorpusEntry): string {
  const body = Buffer.from(body_b64, "base64").toString("latin1").slice(0, 300);
  const common = /^(?:host|connection|user-agent|accept.*|sec-.*|referer|content-length|content-type)$/i;
  const odd = headers.filter(([name, value]) => !common.test(name) || /[<>'"`${}|]/.test(value)).slice(0, 4);
  return [`${method} ${path}`, ...odd.map((pair) => pair.join(": ")), body]
    .filter((part) => part !== "")
    .join(" | ");
}
