/**
 * Requests, purges, time and the origin's answers in any order: whatever
 * interleaves, nobody gets another's variant, a purged page, or one staler than
 * its windows allow.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import { answer, classWith, policyOf, rigOf } from "./rig.ts";

const FRESH_S = 10;
const STALE_S = 20;
const FIELDS = {
  "cache-control": `max-age=${FRESH_S}, stale-while-revalidate=${STALE_S}`,
  vary: "accept-language",
  "cache-tag": "all-pages",
};

type Step =
  | { readonly kind: "get"; readonly path: string; readonly language: string }
  | { readonly kind: "purge"; readonly by: "tag" | "url" | "all"; readonly soft: boolean }
  | { readonly kind: "pass"; readonly seconds: number }
  | { readonly kind: "answer"; readonly how: "page" | "error" | "cut" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("get" as const),
      path: fc.constantFrom("/a", "/b"),
      language: fc.constantFrom("pt", "en"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("purge" as const),
      by: fc.constantFrom("tag" as const, "url" as const, "all" as const),
      soft: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("pass" as const), seconds: fc.constantFrom(1, 5, 11, 25) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("answer" as const),
      how: fc.constantFrom(
        "page" as const,
        "page" as const,
        "page" as const,
        "error" as const,
        "cut" as const,
      ),
    }),
  },
);

/** What the origin made of one question. */
interface Page {
  readonly path: string;
  readonly language: string;
  readonly askedAt: number;
  readonly answeredAt: number;
}

const turn = async (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

function cut(text: string): Response {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode(text.slice(0, 5))),
    pull: (controller) => controller.error(new Error("connection lost")),
  });
  return new Response(body, { headers: FIELDS });
}

async function play(steps: readonly Step[]): Promise<{ served: number; shared: number }> {
  const rig = rigOf(policyOf([classWith()]));
  const pending: ((how: "page" | "error" | "cut") => void)[] = [];
  rig.origin = async ({ url, headers }) => {
    const askedAt = rig.clock.now;
    return new Promise((resolve) => {
      pending.push((how) => {
        const language = headers.get("accept-language") ?? "";
        const page: Page = { path: new URL(url).pathname, language, askedAt, answeredAt: rig.clock.now };
        const text = JSON.stringify(page);
        if (how === "error") resolve(answer("down", {}, 503, rig.clock.now));
        else resolve(how === "cut" ? cut(text) : answer(text, FIELDS, 200, rig.clock.now));
      });
    });
  };
  let served = 0;
  let shared = 0;
  const get = async (path: string, language: string): Promise<void> => {
    const start = rig.clock.now;
    const purges = [...rig.purges];
    let text: string;
    let outcome: string;
    try {
      const answered = await rig.get(path, { "accept-language": language });
      ({ outcome } = answered);
      text = await answered.response.text();
      if (answered.response.status !== 200) return;
    } catch {
      return;
    }
    const page: Page = JSON.parse(text);
    expect([page.path, page.language]).toEqual([path, language]);
    for (const purge of purges) {
      const hits = purge.kind !== "url" || purge.value === path;
      if (!hits || page.askedAt > purge.at) continue;
      // Ordered before this request began, and after this page was asked for.
      expect(purge.soft ? outcome : "gone", `${outcome}: ${text}`).toBe("stale");
    }
    if (page.answeredAt <= start) expect(start - page.answeredAt).toBeLessThan((FRESH_S + STALE_S) * 1000);
    served++;
    if (outcome !== "miss") shared++;
  };
  const all: Promise<void>[] = [];
  for (const one of steps) {
    if (one.kind === "get") all.push(get(one.path, one.language));
    else if (one.kind === "pass") rig.clock.now += one.seconds * 1000;
    else if (one.kind === "answer") pending.shift()?.(one.how);
    else {
      rig.clock.now++;
      const value = { tag: "all-pages", url: "/a", all: "" }[one.by];
      rig.purges.push({ kind: one.by, value, soft: one.soft, at: rig.clock.now });
      rig.clock.now++;
    }
    await turn();
  }
  for (let rounds = 0; rounds < 50; rounds++) {
    for (const done of pending.splice(0)) done("page");
    await turn();
  }
  await Promise.all(all);
  return { served, shared };
}

it("holds in any order of requests, purges, answers, errors and time", async () => {
  const totals = { served: 0, shared: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const { served, shared } = await play(steps);
      totals.served += served;
      totals.shared += shared;
    }),
    { numRuns: 50 },
  );
  // Not vacuously: pages were served, and others' pages among them.
  expect(totals.served).toBeGreaterThan(100);
  expect(totals.shared).toBeGreaterThan(20);
}, 60_000);
