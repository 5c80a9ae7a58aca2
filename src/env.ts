/**
 * The Worker's bindings as wrangler.toml (and, on one machine, `serve`) declares
 * them. Values are checked once an isolate by `readSettings` in bindings.ts; a module
 * gets what it needs passed in and never reads `Env` itself, its Durable Object
 * excepted.
 */
export interface Env {
  readonly CONTROL: DurableObjectNamespace;
  readonly ROOM: DurableObjectNamespace;
  readonly GATE: DurableObjectNamespace;
  readonly INSIGHT: DurableObjectNamespace;
  readonly RATE_5_60: RateLimit;
  readonly RATE_20_60: RateLimit;
  readonly RATE_120_60: RateLimit;
  readonly RATE_600_60: RateLimit;
  /** Comma-separated URLs, one a zone. */
  readonly STOREFRONT_ORIGIN: string;
  readonly ARCHIVE_ORIGIN: string;
  /** Secret: bearer token of the private API. Absent: bearer access is closed. */
  readonly ADMIN_TOKEN?: string;
  /** Secret: `kid:base64url-key[,kid:key...]`, the first signs tickets and passes, all verify. */
  readonly TICKET_KEYS?: string;
  /** Initial mode, over the blueprint's: `block` or `monitor`. */
  readonly SENTINEL_MODE?: string;
  /** Cloudflare Access: team domain (`https://acme.cloudflareaccess.com`) and application audience. */
  readonly ACCESS_TEAM?: string;
  readonly ACCESS_AUD?: string;
  /** `1`: private paths only from the blueprint's Fabric CIDR. */
  readonly FABRIC_ONLY?: string;
  /** Webhook that alerts are posted to. */
  readonly ALERT_WEBHOOK?: string;
  /** One machine only (`serve`): authorities that stand for the blueprint's domain, comma-separated. */
  readonly LOCAL_AUTHORITIES?: string;
  /**
   * Servers of the zones by number, where a binding reaches them (one machine):
   * unlike `fetch` of their address, it keeps the store's domain as Host.
   */
  readonly [zone: `STOREFRONT_${number}` | `ARCHIVE_${number}`]: Fetcher | undefined;
  /** One machine only: `https` where the listener in front terminates TLS, `plain` where there is no TLS at all. */
  readonly LOCAL_SCHEME?: string;
}
