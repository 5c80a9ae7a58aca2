import type { EdgeBlueprint, Mode } from "./blueprint.ts";
import type { Env } from "./env.ts";

/** What the bindings say, checked. */
export interface Settings {
  /** Zones of each origin, in order. */
  readonly storefront: readonly URL[];
  readonly archive: readonly URL[];
  readonly mode: Mode;
  readonly adminToken: string | null;
  readonly ticketKeys: string;
  readonly access: { readonly issuer: string; readonly audience: string } | null;
  readonly fabricOnly: boolean;
  readonly authorities: ReadonlySet<string>;
  /** Scheme of the client where the listener in front knows better than the URL. */
  readonly scheme: "https" | undefined;
  readonly redirectToHttps: boolean;
  /** Origins whose pages may change things through the private API. */
  readonly ownOrigins: readonly string[];
  readonly alertWebhook: string | null;
}

/**
 * Reads the bindings; wrangler.toml and the deployment's secrets set them.
 * @throws Error naming every variable that is wrong, and the remedy
 */
export function readSettings(env: Env, blueprint: EdgeBlueprint): Settings {
  const faults: string[] = [];
  const zones = (name: "STOREFRONT_ORIGIN" | "ARCHIVE_ORIGIN"): URL[] => {
    const parts = (env[name] ?? "").split(",");
    const sound = parts.flatMap((part) => {
      const url = URL.parse(part.trim());
      return url !== null && /^https?:$/.test(url.protocol) ? [url] : [];
    });
    if (sound.length !== parts.length)
      faults.push(`${name}: give one http or https URL a zone, comma-separated`);
    return sound;
  };
  const storefront = zones("STOREFRONT_ORIGIN");
  const archive = zones("ARCHIVE_ORIGIN");
  if (env.SENTINEL_MODE !== undefined && !/^(?:block|monitor)$/.test(env.SENTINEL_MODE)) {
    faults.push("SENTINEL_MODE: use block or monitor");
  }
  if (env.FABRIC_ONLY !== undefined && !/^[01]$/.test(env.FABRIC_ONLY))
    faults.push("FABRIC_ONLY: use 1 or 0");
  if (env.ALERT_WEBHOOK !== undefined && !/^https?:$/.test(URL.parse(env.ALERT_WEBHOOK)?.protocol ?? "")) {
    faults.push("ALERT_WEBHOOK: give an http or https URL");
  }
  if (!env.TICKET_KEYS)
    faults.push("TICKET_KEYS: set the secret, as kid:key with 32 random bytes in base64url");
  if ((env.ACCESS_TEAM === undefined) !== (env.ACCESS_AUD === undefined)) {
    faults.push("ACCESS_TEAM and ACCESS_AUD: set both or neither");
  }
  if (faults.length > 0) throw new Error(`the Worker's bindings are wrong:\n${faults.join("\n")}`);
  const local = (env.LOCAL_AUTHORITIES ?? "").split(",").filter((authority) => authority !== "");
  const secure = blueprint.tls && env.LOCAL_SCHEME !== "plain";
  const authorities = [blueprint.domain, `${blueprint.domain}:80`, `${blueprint.domain}:443`, ...local];
  return {
    storefront,
    archive,
    mode:
      env.SENTINEL_MODE === "block" || env.SENTINEL_MODE === "monitor" ? env.SENTINEL_MODE : blueprint.mode,
    adminToken: env.ADMIN_TOKEN ?? null,
    ticketKeys: env.TICKET_KEYS ?? "",
    access:
      env.ACCESS_TEAM === undefined || env.ACCESS_AUD === undefined
        ? null
        : { issuer: env.ACCESS_TEAM.replace(/\/$/, ""), audience: env.ACCESS_AUD },
    fabricOnly: env.FABRIC_ONLY === "1",
    authorities: new Set(authorities),
    scheme: env.LOCAL_SCHEME === "https" ? "https" : undefined,
    redirectToHttps: secure,
    ownOrigins: authorities.map((authority) => `${secure ? "https" : "http"}://${authority}`),
    alertWebhook: env.ALERT_WEBHOOK ?? null,
  };
}
