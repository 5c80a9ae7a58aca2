import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { readSettings } from "../src/bindings.ts";
import type { Env } from "../src/env.ts";
import worker from "../src/index.ts";
import { builtPolicy } from "../src/policy.ts";

const bindings: Env = env;
const context = {
  waitUntil: () => undefined,
  passThroughOnException: () => undefined,
  props: {},
} as unknown as ExecutionContext;
const request = new Request("https://store.acme.com/") as Request<unknown, IncomingRequestCfProperties>;

describe("bindings", () => {
  it("that are wrong are all named at once, with the remedy", () => {
    const wrong = {
      ...bindings,
      STOREFRONT_ORIGIN: "nowhere",
      SENTINEL_MODE: "off",
      TICKET_KEYS: "",
      ACCESS_TEAM: "https://acme.cloudflareaccess.com",
    };
    const message =
      /STOREFRONT_ORIGIN: give one[^]*SENTINEL_MODE: use block or monitor[^]*TICKET_KEYS: set the secret[^]*ACCESS_TEAM and ACCESS_AUD: set both/;
    expect(() => readSettings(wrong, builtPolicy().blueprint)).toThrow(message);
  });

  it("that are wrong make every request a 500 with a request id, and say nothing of it to the client", async () => {
    const response = await worker.fetch(request, { ...bindings, TICKET_KEYS: "" }, context);
    expect(response.status).toBe(500);
    expect(response.headers.get("x-request-id")).toBeTruthy();
    expect(await response.text()).not.toContain("TICKET_KEYS");
  });

  it("decide the initial mode over the blueprint's, and which authorities are the store", () => {
    const { blueprint } = builtPolicy();
    expect(readSettings(bindings, blueprint)).toMatchObject({
      mode: "block",
      redirectToHttps: true,
      scheme: undefined,
    });
    const local = readSettings(
      { ...bindings, SENTINEL_MODE: "monitor", LOCAL_SCHEME: "plain", LOCAL_AUTHORITIES: "127.0.0.1:8787" },
      blueprint,
    );
    expect(local).toMatchObject({ mode: "monitor", redirectToHttps: false });
    expect([...local.authorities]).toEqual([
      "store.acme.com",
      "store.acme.com:80",
      "store.acme.com:443",
      "127.0.0.1:8787",
    ]);
  });
});

describe("the shipped policy", () => {
  it("is hydrated whole, with the blueprint's domain and a complete rule set", () => {
    const policy = builtPolicy();
    expect(policy.blueprint.domain).toBe("store.acme.com");
    expect(policy.sentinel.rules.length).toBeGreaterThan(30);
    expect(policy.version).toMatch(/^[0-9a-f]{16}$/);
  });
});
