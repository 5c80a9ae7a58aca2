import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type RequestListener, createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { judgeHere, replayCommand } from "../../src/cli/replay.ts";
import type { InspectionRequest } from "../../src/sentinel/index.ts";
import { condition, packageOf } from "../sentinel/support.ts";

let folder = "";
let told = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "replay-"));
  told = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    told += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** Replays requests for these paths against an edge that answers so; without rules, which pass everything. */
async function replay(paths: readonly string[], edge: RequestListener | null): Promise<number> {
  const file = join(folder, "requests.jsonl");
  const lines = paths.map((path) =>
    JSON.stringify({ id: path, set: "t", method: "GET", path, headers: [], body_b64: "", expect: "pass" }),
  );
  writeFileSync(file, lines.join("\n"));
  const server = createServer(edge ?? undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  vi.stubEnv("EDGE_URL", `http://127.0.0.1:${port}`);
  vi.stubEnv("ADMIN_TOKEN", "token");
  const close = (): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
  // Nobody listens on a port that was just given back.
  if (edge === null) await close();
  try {
    return await replayCommand([file], packageOf([]));
  } finally {
    if (edge !== null) await close();
  }
}

const PASSED = "verdict=pass; score=0; mode=block; matched=";

it("an edge that does not answer is an error, not a request that HTTP refused", async () => {
  await expect(replay(["/a", "/b"], null)).rejects.toThrow(
    /^no edge answers at http:.*ECONNREFUSED.*EDGE_URL/,
  );
});

it("an edge that judges nothing is an error: most likely the token is not its own", async () => {
  const silent: RequestListener = (_request, response) => response.end();
  await expect(replay(["/a"], silent)).rejects.toThrow(/judged none of 1 requests.*ADMIN_TOKEN/);
});

it("what HTTP refuses is no failure; a connection that breaks off is, and is counted apart", async () => {
  const edge: RequestListener = (request, response) => {
    if (request.url === "/broken") request.socket.destroy();
    else if (request.url === "/refused") response.writeHead(400).end();
    else response.setHeader("x-sentinel", `${PASSED}; answer=leak-1`).end();
  };
  expect(await replay(["/a", "/refused", "/a b"], edge)).toBe(0);
  expect(told).toBe(
    "/refused: refused by HTTP before Sentinel\n/a b: refused by HTTP before Sentinel\n" +
      "3 requests: 1 judged alike, 0 differently, 2 refused by HTTP before Sentinel, 0 broken off\n",
  );
  told = "";
  expect(await replay(["/a", "/broken"], edge)).toBe(1);
  expect(told).toMatch(/^\/broken: broken off \(.+\)\n2 requests: 1 judged alike, .*, 1 broken off\n$/);
});

it("judges here what the edge sees: the beginning of a long body, and none of a GET", async () => {
  const pkg = packageOf([{ id: "r-1", conditions: [condition(["args"], "contains", { list: 0 })] }], {
    lists: [["evil"]],
  });
  const judge = judgeHere(pkg);
  const sent = (method: string, body: string): InspectionRequest => ({
    method,
    target: "/",
    protocol: "HTTP/1.1",
    headers: [["content-type", "application/x-www-form-urlencoded"]],
    body: new TextEncoder().encode(body),
    bodyComplete: true,
    clientIp: "127.0.0.1",
  });
  const filler = "a".repeat(pkg.settings.limits.body);
  const outcomes = [sent("POST", "a=evil"), sent("POST", `b=${filler}&a=evil`), sent("GET", "a=evil")].map(
    judge,
  );
  expect((await Promise.all(outcomes)).map(({ matched }) => matched)).toEqual(["r-1", "", ""]);
});

it("a verdict that differs is shown with both", async () => {
  const edge: RequestListener = (_request, response) =>
    response.setHeader("x-sentinel", "verdict=block; score=5; mode=block; matched=r-1; budget=work").end();
  expect(await replay(["/a"], edge)).toBe(1);
  expect(told).toContain('/a: here {"outcome":"pass","score":0,"matched":""}, edge {"outcome":"block"');
});
