/**
 * The inspection of answers. Fails open on budgets: an answer that is too much to
 * look at is sent as far as it was found innocent. What is thrown beside them is
 * the edge's to decide.
 */
import { evaluate } from "./engine/evaluate.ts";
import { attempt, type Engine } from "./engine/index.ts";
import type { Finding } from "./engine/matching.ts";
import type { Memory } from "./engine/memory.ts";
import type { RequestScope } from "./engine/scope.ts";
import { runSequence } from "./engine/sequence.ts";
import { byteString, latin1 } from "./engine/byte-strings.ts";
import { score } from "./score.ts";
import type { Override, Verdict } from "./verdict.ts";

/** An answer before its body. */
export interface ResponseHead {
  /** Method and target of the request, as on the wire. */
  readonly method: string;
  readonly target: string;
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
}

/** An inspection of one answer, in progress. */
export interface ResponseInspection {
  /** Phase 3: by status and headers. */
  readonly head: Verdict;
  /** Whether the body is worth looking at: text, of any kind, and some rule is about it. */
  readonly wantsBody: boolean;
  /**
   * Phase 4: judges one chunk together with the end of what came before, so that
   * what spans two chunks is found. Null where nothing new was found. The first
   * chunk can be judged before anything is sent on, so that a leak in it becomes
   * another answer; a leak in a later one can only cut the stream.
   */
  chunk(bytes: Uint8Array): Verdict | null;
}

/** Bytes of the past that a chunk is judged with: longer than anything rules look for. */
const OVERLAP = 1_024;
/** Longer chunks are judged in pieces of this size. */
const WINDOW = 16_384;
/** Bytes of a body that are looked at; leaks of stack traces and errors stand at the beginning. */
const LOOKED_AT = 1_048_576;
const TEXT = /^(?:text\/|application\/(?:[\w.+-]*\+)?(?:json|xml|javascript|problem|xhtml)|$)/i;

/** Compressed answers are passed: origins are asked for plain ones. */
export function responseInspector(
  engine: Engine,
  head: ResponseHead,
  place: { readonly scope: RequestScope; readonly mode: Override | null },
  carried: Memory | null,
): ResponseInspection {
  const { pkg, compiled } = engine;
  const plan = compiled.response;
  const known = new Set<number>();
  let memory = carried;

  const judge = (part: string | null): Verdict => {
    const tx = engine.answer(part?.length ?? 0, memory);
    const findings: Finding[] = [];
    attempt(() => {
      tx.add("method", "", head.method);
      tx.add("path", "", byteString(head.target.split("?", 1)[0] ?? ""));
      tx.add("response.status", "", String(head.status));
      for (const [name, value] of head.headers) {
        tx.add("response.headers", name.toLowerCase(), byteString(value));
        tx.add("response.headers.names", "", name.toLowerCase());
      }
      if (part !== null) tx.addPlain("response.body", "", part);
    });
    // A budget that an answer exceeds is no reason to refuse it.
    attempt(() => {
      runSequence(compiled, plan, tx, place.scope, findings, part === null ? 3 : 4);
      evaluate(compiled, plan, tx, place.scope, findings);
    });
    // A body's windows each begin with what the head left behind, so that nothing is counted twice.
    if (part === null) ({ memory } = tx);
    const fresh = findings.filter(({ rule }) => !known.has(rule.index));
    for (const { rule } of fresh) known.add(rule.index);
    return score({ pkg, findings: fresh, ...place, budget: null, tx });
  };

  let past = "";
  let seen = 0;
  const chunk = (bytes: Uint8Array): Verdict | null => {
    let found: Verdict | null = null;
    for (let at = 0; at < bytes.length && seen < LOOKED_AT && found === null; at += WINDOW) {
      const text = past + latin1(bytes.subarray(at, at + WINDOW));
      seen += text.length - past.length;
      past = text.slice(-OVERLAP);
      const verdict = judge(text);
      if (verdict.matches.length > 0) found = verdict;
    }
    return found;
  };

  const type = head.headers.find(([name]) => name.toLowerCase() === "content-type")?.[1] ?? "";
  const encoded = head.headers.some(
    ([name, value]) => name.toLowerCase() === "content-encoding" && value !== "identity",
  );
  const wantsBody = place.mode !== "off" && plan.wanted.has("response.body") && TEXT.test(type) && !encoded;
  return { head: judge(null), wantsBody, chunk };
}
