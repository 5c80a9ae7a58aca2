/**
 * The Fabric's door: who may see the private paths. Fails closed: whatever goes
 * wrong here (keys out of reach, a broken token, no credential configured) is a
 * denial, and a denial looks like a path that does not exist.
 */
import { containsAddress, type Cidr } from "../http/cidr.ts";
import type { Fields } from "../http/fields.ts";
import { cookieValue } from "../http/headers.ts";
import { createAccessVerifier, type AccessConfig } from "./access-jwt.ts";
import { createPasses, INVITATION_PATH, SESSION_COOKIE, sessionCookie } from "./session.ts";
import { createTokenCheck } from "./token.ts";

export { fetchAccessKeys, type AccessConfig } from "./access-jwt.ts";

export interface FabricConfig {
  /** The bearer token of the private API; null closes bearer access and console sessions. */
  readonly adminToken: string | null;
  /** Cloudflare Access; null where the store does not use it. */
  readonly access: AccessConfig | null;
  /** Where set, private paths open only to clients inside, whatever their credential. */
  readonly cidr: Cidr | null;
}

/** Someone the Fabric let in. */
export interface Access {
  /** How the audit log names the caller: `token`, `console`, `access:<email>`, `certificate:<subject>`. */
  readonly actor: string;
  readonly via: "token" | "session" | "invitation" | "access" | "certificate";
}

export interface AccessContext {
  readonly clientIp: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface Fabric {
  /** Who is calling; null is a denial, to be answered as an unknown path is. */
  authorize(request: Request, context: AccessContext): Promise<Access | null>;
  /** Whether `token` is the admin token, in constant time. */
  isAdminToken(token: string): Promise<boolean>;
  /** The fields without the Fabric's own credentials, for whoever is behind the edge: nobody there needs the key to it. */
  withhold(fields: Fields, access: Access | null): Fields;
  readonly browsers: BrowserDoor;
}

/** How a browser without Cloudflare Access gets in: an invitation is traded for a session. */
export interface BrowserDoor {
  /** Path and query of an invitation, good for two minutes; null where there is no admin token to derive it from. */
  invite(now: number): Promise<string | null>;
  /** `Set-Cookie` of a session of eight hours for an invitation's ticket; null where it is none. */
  open(ticket: string, now: number): Promise<string | null>;
  /** `Set-Cookie` that ends the session in this browser. */
  readonly leave: string;
}

export function createFabric(config: FabricConfig): Fabric {
  const isAdminToken = createTokenCheck(config.adminToken);
  const passes =
    config.adminToken === null || config.adminToken === "" ? null : createPasses(config.adminToken);
  const verifyAccess = config.access === null ? null : createAccessVerifier(config.access);

  async function authorize(request: Request, { clientIp, now }: AccessContext): Promise<Access | null> {
    if (config.cidr !== null && !containsAddress(config.cidr, clientIp)) return null;
    const bearer = /^Bearer +([\x21-\x7e]+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
    if (bearer !== undefined && (await isAdminToken(bearer))) return { actor: "token", via: "token" };
    const certificate = certificateOf(request);
    if (certificate !== null) return { actor: `certificate:${certificate}`, via: "certificate" };
    const assertion = request.headers.get("cf-access-jwt-assertion");
    if (assertion !== null && verifyAccess !== null) {
      const subject = await verifyAccess(assertion, now);
      if (subject !== null) return { actor: `access:${subject}`, via: "access" };
    }
    if (passes === null) return null;
    const session = cookieValue(request.headers, SESSION_COOKIE);
    if (session !== null && (await passes.verify("session", session, now))) {
      return { actor: "console", via: "session" };
    }
    const ticket = invitationIn(request);
    return ticket !== null && (await passes.verify("invitation", ticket, now))
      ? { actor: "console", via: "invitation" }
      : null;
  }

  return {
    authorize,
    isAdminToken,
    withhold(fields, access) {
      const rest = access?.via === "token" ? fields.without((name) => name === "authorization") : fields;
      const cookies = rest.get("cookie");
      if (cookies?.includes(SESSION_COOKIE) !== true) return rest;
      const kept = cookies.split(/;\s*/).filter((pair) => !pair.startsWith(`${SESSION_COOKIE}=`));
      return rest.with("cookie", kept.length > 0 ? kept.join("; ") : null);
    },
    browsers: {
      async invite(now) {
        return passes === null ? null : `${INVITATION_PATH}?ticket=${await passes.issue("invitation", now)}`;
      },
      async open(ticket, now) {
        if (passes === null || !(await passes.verify("invitation", ticket, now))) return null;
        return sessionCookie(await passes.issue("session", now));
      },
      leave: sessionCookie(null),
    },
  };
}

/** The ticket of a request that opens an invitation: it opens this one address and nothing else. */
function invitationIn(request: Request): string | null {
  if (request.method !== "GET") return null;
  const { pathname, searchParams } = new URL(request.url);
  return pathname === INVITATION_PATH ? searchParams.get("ticket") : null;
}

/** Subject of a client certificate that the platform verified and that is not revoked (mutual TLS); else null. */
function certificateOf(request: Request): string | null {
  const tls = member(request.cf, "tlsClientAuth");
  const proven =
    member(tls, "certPresented") === "1" &&
    member(tls, "certVerified") === "SUCCESS" &&
    member(tls, "certRevoked") !== "1";
  if (!proven) return null;
  const subject = member(tls, "certSubjectDN");
  return typeof subject === "string" && subject !== "" ? subject : "unnamed";
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
