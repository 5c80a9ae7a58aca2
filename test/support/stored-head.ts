import type { StoredHead } from "../../src/cache/stored.ts";

/** The head of a stored page of a minute, asked for at 0, but for what a test cares about. */
export function storedHead(overrides: Partial<StoredHead> = {}): StoredHead {
  return {
    status: 200,
    headers: [],
    edgeHeaders: [],
    requestTime: 0,
    responseTime: 0,
    initialAge: 0,
    lifetime: 60,
    staleWhileRevalidate: 0,
    staleIfError: 0,
    noCache: false,
    mustRevalidate: false,
    vary: [],
    variant: "",
    tags: [],
    anyTag: false,
    target: "/",
    fragments: false,
    ...overrides,
  };
}
