import { exportJWK, generateKeyPair, SignJWT, type JSONWebKeySet } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { createFabric, type FabricConfig } from "../../src/fabric/index.ts";
import { parseCidr } from "../../src/http/cidr.ts";

const now = Date.UTC(2026, 10, 22);
const context = { clientIp: "10.40.1.2", now };
const token = "correct-horse-battery-staple";
const issuer = "https://acme.cloudflareaccess.com";
const audience = "aud-1";
type Pair = Awaited<ReturnType<typeof generateKeyPair>>;
let pair: Pair;
let other: Pair;
let set: JSONWebKeySet;

beforeAll(async () => {
  [pair, other] = await Promise.all([generateKeyPair("RS256"), generateKeyPair("RS256")]);
  set = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: "k1", alg: "RS256", use: "sig" }] };
});

function fabric(config: Partial<FabricConfig> = {}) {
  return createFabric({ adminToken: token, access: null, cidr: null, ...config });
}

function ask(headers: Record<string, string>, cf?: unknown): Request {
  const request = new Request("https://store.acme.com/_edge/", { headers });
  if (cf !== undefined) Object.defineProperty(request, "cf", { value: cf });
  return request;
}

describe("bearer token", () => {
  const cases = [
    { given: `Bearer ${token}`, open: true },
    { given: `bearer ${token}`, open: true },
    { given: `Bearer ${token}x`, open: false },
    { given: `Bearer ${token.slice(1)}`, open: false },
    { given: token, open: false },
    { given: "Bearer ", open: false },
    { given: `Basic ${btoa(`admin:${token}`)}`, open: false },
  ];
  it.each(cases)("$given: $open", async ({ given, open }) => {
    const access = await fabric().authorize(ask({ authorization: given }), context);
    expect(access).toEqual(open ? { actor: "token", via: "token" } : null);
  });

  it("is closed where none is configured, to the empty one too", async () => {
    for (const adminToken of [null, ""]) {
      const closed = fabric({ adminToken });
      expect(await closed.authorize(ask({ authorization: "Bearer undefined" }), context)).toBeNull();
      expect(await closed.authorize(ask({ authorization: "Bearer null" }), context)).toBeNull();
      expect(await closed.isAdminToken("")).toBe(false);
      expect(await closed.browsers.invite(now)).toBeNull();
    }
  });
});

describe("the Fabric's addresses", () => {
  const cidr = parseCidr("10.40.0.0/16");
  it.each([
    ["10.40.255.255", true],
    ["10.41.0.1", false],
    ["::ffff:10.40.0.1", true],
    ["", false],
    ["unknown", false],
  ])("%s: %s", async (clientIp, open) => {
    const access = await fabric({ cidr }).authorize(ask({ authorization: `Bearer ${token}` }), {
      clientIp,
      now,
    });
    expect(access !== null).toBe(open);
  });
});

describe("client certificate", () => {
  const good = { certPresented: "1", certVerified: "SUCCESS", certRevoked: "0", certSubjectDN: "CN=ops" };
  it.each([
    ["verified", good, "certificate:CN=ops"],
    ["revoked", { ...good, certRevoked: "1" }, null],
    ["not verified", { ...good, certVerified: "FAILED:expired" }, null],
    ["not presented", { ...good, certPresented: "0" }, null],
    ["absent", undefined, null],
  ])("%s", async (_, tlsClientAuth, actor) => {
    const access = await fabric().authorize(ask({}, { tlsClientAuth }), context);
    expect(access?.actor ?? null).toBe(actor);
  });

  it("is not believed from a header", async () => {
    const headers = { "cf-client-cert-verified": "SUCCESS", "cf-client-cert-subject-dn": "CN=ops" };
    expect(await fabric().authorize(ask(headers), context)).toBeNull();
  });
});

describe("Access", () => {
  interface Forgery {
    readonly iss?: string;
    readonly aud?: string;
    readonly exp?: number | null;
    readonly kid?: string;
    readonly key?: CryptoKey | Uint8Array;
    readonly alg?: string;
  }
  async function sign({
    iss = issuer,
    aud = audience,
    exp = now / 1000 + 60,
    kid = "k1",
    key,
    alg = "RS256",
  }: Forgery) {
    const jwt = new SignJWT({ email: "ops@acme.com" })
      .setProtectedHeader({ alg, kid })
      .setIssuer(iss)
      .setAudience(aud)
      .setIssuedAt(now / 1000 - 60);
    if (exp !== null) jwt.setExpirationTime(exp);
    return jwt.sign(key ?? pair.privateKey);
  }
  function withAccess(fetchKeys: () => Promise<JSONWebKeySet> = () => Promise.resolve(set)) {
    return fabric({ adminToken: null, access: { issuer, audience, fetchKeys } });
  }
  const show = async (door: ReturnType<typeof fabric>, jwt: string, at = now) =>
    door.authorize(ask({ "cf-access-jwt-assertion": jwt }), { ...context, now: at });

  it("lets in whom it vouches for, by name", async () => {
    expect(await show(withAccess(), await sign({}))).toEqual({ actor: "access:ops@acme.com", via: "access" });
  });

  it("lets in nobody by anything less", async () => {
    const forgeries: readonly Forgery[] = [
      { iss: "https://evil.cloudflareaccess.com" },
      { aud: "aud-2" },
      { exp: now / 1000 - 31 },
      { exp: null },
      { kid: "k2" },
      { key: other.privateKey },
      { alg: "HS256", key: new TextEncoder().encode(JSON.stringify(set.keys[0])) },
    ];
    for (const forgery of forgeries) expect(await show(withAccess(), await sign(forgery))).toBeNull();
    const [header, payload, signature] = (await sign({})).split(".");
    const none = btoa(JSON.stringify({ alg: "none", kid: "k1" })).replaceAll("=", "");
    const broken = [
      `${none}.${payload}.`,
      `${header}.${payload}.`,
      `${header}..${signature}`,
      "",
      "a.b.c",
      "..",
      "🙈",
    ];
    for (const jwt of broken.filter((text) => /^[\x20-\x7e]*$/.test(text))) {
      expect(await show(withAccess(), jwt)).toBeNull();
    }
    expect(forgeries).toHaveLength(7);
  });

  it("fetches keys once, and for an unknown key at most once a minute", async () => {
    let fetches = 0;
    const door = withAccess(() => {
      fetches++;
      return Promise.resolve(set);
    });
    const good = await sign({});
    const strange = await sign({ kid: "k2" });
    for (let count = 0; count < 10; count++) await show(door, good);
    for (let count = 0; count < 10; count++) await show(door, strange);
    expect(fetches).toBe(1);
    await show(door, strange, now + 59_000);
    expect(fetches).toBe(1);
    for (let count = 0; count < 10; count++) await show(door, strange, now + 61_000);
    expect(fetches).toBe(2);
  });

  it("learns a rotated key", async () => {
    let published = set;
    const door = withAccess(() => Promise.resolve(published));
    await show(door, await sign({}));
    published = { keys: [{ ...(await exportJWK(other.publicKey)), kid: "k2", alg: "RS256" }] };
    const later = now + 61_000;
    const rotated = await sign({ kid: "k2", key: other.privateKey, exp: later / 1000 + 60 });
    expect(await show(door, rotated, later)).not.toBeNull();
  });

  it("keeps the keys it knows while the issuer is out of reach, and is closed without any", async () => {
    let reachable = true;
    let fetches = 0;
    const door = withAccess(() => {
      fetches++;
      return reachable ? Promise.resolve(set) : Promise.reject(new Error("down"));
    });
    await show(door, await sign({}));
    reachable = false;
    const later = now + 2 * 3_600_000;
    const stillGood = await sign({ exp: later / 1000 + 60 });
    for (let count = 0; count < 5; count++) expect(await show(door, stillGood, later)).not.toBeNull();
    expect(fetches).toBe(2);
    expect(
      await show(
        withAccess(() => Promise.reject(new Error("down"))),
        await sign({}),
      ),
    ).toBeNull();
  });
});

describe("a browser", () => {
  const name = "__Host-edge-console";
  const address = "https://store.acme.com";
  async function cookie(door = fabric()): Promise<string> {
    const ticket = /ticket=(.*)$/.exec((await door.browsers.invite(now)) ?? "")?.[1] ?? "";
    return ((await door.browsers.open(ticket, now)) ?? "").split(";", 1)[0] ?? "";
  }

  it("is invited for two minutes, to one address, by GET", async () => {
    const path = (await fabric().browsers.invite(now)) ?? "";
    expect(path).toMatch(/^\/_edge\/enter\?ticket=\d+\.[0-9a-f]{64}$/);
    const opened = await fabric().authorize(new Request(address + path), context);
    expect(opened).toEqual({ actor: "console", via: "invitation" });
    const late = { ...context, now: now + 120_000 };
    expect(await fabric().authorize(new Request(address + path), late)).toBeNull();
    const query = path.slice(path.indexOf("?"));
    for (const elsewhere of ["/_edge/", "/_edge/api/mode", "/_edge/enter/", "/admin"]) {
      expect(await fabric().authorize(new Request(address + elsewhere + query), context)).toBeNull();
    }
    expect(await fabric().authorize(new Request(address + path, { method: "POST" }), context)).toBeNull();
  });

  it("gets a session in a cookie that no page and no other site can use", async () => {
    const door = fabric();
    const ticket = /ticket=(.*)$/.exec((await door.browsers.invite(now)) ?? "")?.[1] ?? "";
    const session = await door.browsers.open(ticket, now);
    expect(session).toMatch(
      new RegExp(`^${name}=\\d+\\.[0-9a-f]{64}; Max-Age=28800; Path=/; Secure; HttpOnly; SameSite=Strict$`),
    );
    expect(await door.browsers.open("1.0", now)).toBeNull();
    expect(door.browsers.leave).toContain(`${name}=; Max-Age=0;`);
  });

  it("stays for eight hours", async () => {
    const header = { cookie: `a=b; ${await cookie()}` };
    expect(await fabric().authorize(ask(header), context)).toEqual({ actor: "console", via: "session" });
    const late = now + 8 * 3_600_000;
    expect(await fabric().authorize(ask(header), { ...context, now: late })).toBeNull();
  });

  it("leaves when the token changes", async () => {
    const header = { cookie: await cookie() };
    expect(await fabric({ adminToken: "another-token" }).authorize(ask(header), context)).toBeNull();
  });

  it("cannot pass an invitation for a session, nor edit either", async () => {
    const value = await cookie();
    const expires = /=(\d+)\./.exec(value)?.[1] ?? "";
    const invitation = /ticket=(.*)$/.exec((await fabric().browsers.invite(now)) ?? "")?.[1] ?? "";
    const edits = [
      `${name}=${invitation}`,
      value.replace(expires, String(Number(expires) + 1)),
      value.replace(/.$/, (last) => (last === "0" ? "1" : "0")),
      `${name}=${expires}.`,
      `${name}=${expires}`,
      `${name}=.`,
      `${name}=`,
    ];
    for (const edit of edits) expect(await fabric().authorize(ask({ cookie: edit }), context)).toBeNull();
    expect(edits).toHaveLength(7);
  });
});
