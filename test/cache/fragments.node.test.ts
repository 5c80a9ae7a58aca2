/** Over real HTTP, through the whole edge: no origin works on a fragment that nobody waits for any more. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { RunningEdge } from "../../src/cli/serve.ts";
import { type TestOrigin, eventually, serve, startOrigin } from "../support/node/edge.ts";

let origin: TestOrigin;
let edge: RunningEdge;
/** Fragments whose answer the origin owes, by path; those it need not answer any more. */
let owed: Map<string, ServerResponse>;
let givenUp: string[];

/** A template that includes the visitor's header, which hangs; the other fragment is its own class's. */
function answerWith(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url ?? "";
  response.setHeader("content-type", "text/html");
  if (path.startsWith("/catalog")) {
    response.setHeader("surrogate-control", 'content="ESI/1.0"').setHeader("cache-control", "max-age=600");
    response.end('begin <esi:include src="/fragments/header"/><esi:include src="/fragments/shared"/> end');
    return;
  }
  owed.set(path, response);
  response.on("close", () => {
    if (!response.writableFinished) givenUp.push(path);
  });
}

beforeAll(async () => {
  origin = await startOrigin(answerWith);
  edge = await serve({ STOREFRONT_ORIGIN: origin.url, ARCHIVE_ORIGIN: origin.url });
});
afterAll(async () => {
  await edge.close();
  await origin.close();
});
beforeEach(() => {
  owed = new Map();
  givenUp = [];
});

it("a late fragment is given up at its origin, unless it fills the cache", async () => {
  const page = await fetch(`${edge.url}/catalog`);
  expect(await page.text()).toBe("begin  end");
  await eventually(async () => (givenUp.length > 0 ? true : undefined), 5000);
  expect(givenUp).toEqual(["/fragments/header"]);
  owed.get("/fragments/shared")?.setHeader("cache-control", "max-age=600").end("shared");
  const shared = await eventually(async () => {
    const response = await fetch(`${edge.url}/fragments/shared`);
    return response.headers.get("cache-status")?.includes("hit") === true ? response.text() : undefined;
  }, 5000);
  expect(shared).toBe("shared");
});

it("a client that leaves takes its own fragment along, by its deadline at the latest", async () => {
  const client = new AbortController();
  const page = await fetch(`${edge.url}/catalog?page=2`, { signal: client.signal });
  const reader = page.body?.getReader();
  await reader?.read();
  await eventually(async () => (owed.has("/fragments/header") ? true : undefined), 5000);
  client.abort();
  await eventually(async () => (givenUp.includes("/fragments/header") ? true : undefined), 5000);
  expect(givenUp).toEqual(["/fragments/header"]);
});
