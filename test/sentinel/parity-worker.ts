import {
  createSentinel,
  type InspectionRequest,
  NO_OVERRIDES,
  type SentinelPackage,
} from "../../src/sentinel/index.ts";

interface Job {
  readonly pkg: SentinelPackage;
  readonly requests: readonly (Omit<InspectionRequest, "body"> & { readonly body: readonly number[] })[];
}

/** Verdicts of many requests, as workerd reaches them. */
const worker = {
  async fetch(request: Request): Promise<Response> {
    const { pkg, requests } = await request.json<Job>();
    const sentinel = createSentinel(pkg);
    const verdicts = [];
    for (const entry of requests) {
      const verdict = await sentinel.inspectRequest(
        { ...entry, body: Uint8Array.from(entry.body) },
        NO_OVERRIDES,
        0,
      );
      verdicts.push([
        verdict.outcome,
        verdict.score,
        verdict.budget,
        ...verdict.matches.map(({ rule, where }) => `${rule} ${where}`),
      ]);
    }
    return Response.json(verdicts);
  },
};

// oxlint-disable-next-line import/no-default-export -- the form workerd asks for
export { worker as default };
