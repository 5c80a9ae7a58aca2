import { readFileSync } from "node:fs";
import { build } from "esbuild";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunningEdge } from "../../src/cli/serve.ts";
import { parseEntry, requestOf } from "../../src/sentinel/compile/index.ts";
import { createSentinel, type InspectionRequest, NO_OVERRIDES } from "../../src/sentinel/index.ts";
import { ADMIN_TOKEN, sendRaw, serve, startOrigin, type TestOrigin } from "../support/node/edge.ts";
import {
  bodyRequest,
  formRequest,
  randomizer,
  shipped,
  shuffledTokens,
} from "../support/node/sentinel-rules.ts";

const { pkg, examples } = shipped();
const REQUESTS = 1_000;

/** Corpus files of one's own (`CORPUS`, separated by commas), a thousand of their lines from all over. */
function fromCorpus(files: string): InspectionRequest[] {
  const lines = files
    .split(",")
    .flatMap((file) => readFileSync(file, "utf8").split("\n"))
    .filter((line) => line.trim() !== "");
  const step = lines.length / REQUESTS;
  return Array.from({ length: REQUESTS }, (_none, at) => {
    const request = requestOf(parseEntry(lines[Math.floor(at * step)] ?? ""));
    const headers = request.headers.filter(([name]) => !/^(?:connection|content-length)$/i.test(name));
    return { ...request, headers };
  });
}

/** The examples beside the rules, then shuffled tokens in every kind of body. */
function requests(): InspectionRequest[] {
  const corpus = process.env["CORPUS"];
  if (corpus !== undefined && corpus !== "") return fromCorpus(corpus);
  const random = randomizer(7);
  const made = examples.slice(0, REQUESTS / 2);
  while (made.length < REQUESTS) {
    const odd = random(4) === 0 ? String.fromCharCode(0x80 + random(128), 0x80 + random(128)) : "";
    const text = shuffledTokens(8 + random(120), random, random(2) === 0 ? " " : "") + odd;
    const kind = random(4);
    if (kind === 0)
      made.push({
        ...formRequest(""),
        method: "GET",
        target: `/s?q=${encodeURIComponent(text)}`,
        headers: [["host", "store.acme.com"]],
        body: new Uint8Array(),
      });
    else if (kind === 1) made.push(formRequest(text));
    else if (kind === 2) made.push(bodyRequest("application/json", JSON.stringify({ a: [text] })));
    else made.push(bodyRequest("text/xml", `<a>${text}</a>`));
  }
  return made;
}

async function verdict(request: InspectionRequest) {
  return createSentinel(pkg).inspectRequest(request, NO_OVERRIDES, 0);
}

describe("the same verdict everywhere", () => {
  let workerd: Miniflare;
  beforeAll(async () => {
    const bundle = await build({
      entryPoints: ["test/sentinel/parity-worker.ts"],
      bundle: true,
      format: "esm",
      write: false,
      target: "es2024",
    });
    workerd = new Miniflare(
      convertV4MiniflareOptions({
        modules: true,
        script: bundle.outputFiles[0]?.text ?? "",
        compatibilityDate: "2026-11-01",
      }),
    );
  });
  afterAll(() => workerd.dispose());

  test("in Node and in workerd", async () => {
    const sentinel = createSentinel(pkg);
    const jobs = requests();
    const expected: unknown[] = [];
    for (const request of jobs) {
      const found = await sentinel.inspectRequest(request, NO_OVERRIDES, 0);
      expected.push([
        found.outcome,
        found.score,
        found.budget,
        ...found.matches.map(({ rule, where }) => `${rule} ${where}`),
      ]);
    }
    const body = JSON.stringify({
      pkg,
      requests: jobs.map((request) => ({ ...request, body: [...request.body] })),
    });
    const answer = await workerd.dispatchFetch("http://edge/", { method: "POST", body });
    expect(await answer.json()).toEqual(expected);
    expect(expected).toHaveLength(REQUESTS);
    expect(expected.filter((entry) => JSON.stringify(entry).startsWith('["block"')).length).toBeGreaterThan(
      200,
    );
  }, 60_000);
});

describe("the same verdict over HTTP", () => {
  let origin: TestOrigin;
  let edge: RunningEdge;
  beforeAll(async () => {
    origin = await startOrigin((_request, response) => response.end("ok"));
    edge = await serve({ STOREFRONT_ORIGIN: origin.url, ARCHIVE_ORIGIN: origin.url });
  });
  afterAll(async () => {
    await edge.close();
    await origin.close();
  });

  test("for what HTTP can carry", async () => {
    const host = new URL(edge.url).host;
    const jobs = requests()
      .filter((_request, index) => index % 5 === 0)
      .filter(carried);
    let compared = 0;
    for (const request of jobs) {
      const sent = asSent(request, host);
      const header = await debugHeader(edge.url, sent);
      if (header === undefined) continue;
      const found = await verdict(sent);
      const counted = found.matches.filter(({ uncounted }) => uncounted === null);
      const matched = counted.map(({ rule }) => rule).join(",");
      expect(header, JSON.stringify([request.method, request.target])).toMatch(
        new RegExp(`^verdict=${found.outcome}; score=${found.score}; mode=block; matched=`),
      );
      expect(/matched=([^;]*)/.exec(header)?.[1]).toBe(matched);
      compared++;
    }
    expect(compared).toBeGreaterThan(100);
  }, 120_000);
});

/** What neither the client nor workerd refuses before the edge sees it. */
function carried({ method, target, headers }: InspectionRequest): boolean {
  const length = headers.some(([name]) =>
    /^(?:content-length|transfer-encoding|content-encoding|connection|expect|upgrade)$/i.test(name),
  );
  return (
    /^(?:GET|POST|PUT|DELETE|PATCH)$/.test(method) &&
    /^\/[!-;=?-~]*$/.test(target) &&
    !length &&
    headers.every(([, value]) => /^[\x20-\x7e]*$/.test(value))
  );
}

/** With each line that goes over the wire: the budget of work grows with what there is to inspect. */
function asSent(request: InspectionRequest, host: string): InspectionRequest {
  const headers: (readonly [string, string])[] = [
    ["host", host],
    ...request.headers.filter(([name]) => name.toLowerCase() !== "host"),
    ["x-edge-debug", ADMIN_TOKEN],
    ["connection", "close"],
  ];
  if (request.body.length > 0) headers.push(["content-length", String(request.body.length)]);
  return { ...request, headers };
}

/** Undefined where no answer of the line carries one (a redirect, another host, a rate limit). */
async function debugHeader(
  url: string,
  { method, target, headers, body }: InspectionRequest,
): Promise<string | undefined> {
  const lines = headers.map((pair) => pair.join(": "));
  const head = `${method} ${target} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`;
  const answer = await sendRaw(url, Buffer.concat([Buffer.from(head, "latin1"), body]));
  return /^x-sentinel: (verdict=(?!none).*)$/im.exec(answer)?.[1]?.trim();
}
