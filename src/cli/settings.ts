import { type Fault, FaultList } from "../authoring/index.ts";
import { type PolicySources, policySources } from "./project.ts";

/** What `serve` and `start` read from the environment, checked. */
export interface ServeSettings {
  readonly port: number;
  readonly sources: PolicySources;
  /** One URL a zone. */
  readonly storefront: readonly URL[];
  readonly archive: readonly URL[];
  readonly mode: "block" | "monitor" | undefined;
  readonly adminToken: string | undefined;
  /** Folder for Durable Object storage; undefined: in memory. */
  readonly persist: string | undefined;
  readonly https: boolean;
  readonly ticketKeys: string | undefined;
  /** Bindings handed on as they are: alerts and Cloudflare Access. */
  readonly passedOn: Readonly<Record<string, string>>;
}

const PASSED_ON = ["ALERT_WEBHOOK", "ACCESS_TEAM", "ACCESS_AUD", "FABRIC_ONLY"];

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the settings of the environment.
 * @throws FaultList naming every variable that is wrong, and the remedy
 */
export function readServeSettings(environment: Environment): ServeSettings {
  const faults: Fault[] = [];
  const reject = (name: string, what: string, remedy: string): void => {
    faults.push({ file: `environment variable ${name}`, line: 0, column: 0, message: what, remedy });
  };
  const value = (name: string): string | undefined => environment[name] || undefined;

  const port = Number(value("PORT") ?? 8787);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    reject("PORT", `"${value("PORT")}" is not a port`, "give a number from 0 to 65535 (0: any free one)");
  const mode = value("SENTINEL_MODE");
  if (mode !== undefined && mode !== "block" && mode !== "monitor")
    reject("SENTINEL_MODE", `"${mode}" is not a mode`, "use block or monitor");
  const https = value("HTTPS");
  if (https !== undefined && https !== "1" && https !== "0")
    reject("HTTPS", `"${https}" is neither 1 nor 0`, "set HTTPS=1 for TLS, or unset it");
  const adminToken = value("ADMIN_TOKEN");
  if (adminToken !== undefined && !/^[\x21-\x7e]{8,512}$/.test(adminToken))
    reject("ADMIN_TOKEN", "is not a token", "use 8 to 512 visible ASCII characters without spaces");
  const zones = (name: string): URL[] => readOrigins(name, value(name), reject);
  const settings: ServeSettings = {
    port,
    sources: policySources({ ...environment }),
    storefront: zones("STOREFRONT_ORIGIN"),
    archive: zones("ARCHIVE_ORIGIN"),
    mode: mode === "block" || mode === "monitor" ? mode : undefined,
    adminToken,
    persist: value("PERSIST"),
    https: https === "1",
    ticketKeys: value("TICKET_KEYS"),
    passedOn: Object.fromEntries(
      PASSED_ON.flatMap((name) => {
        const text = value(name);
        return text === undefined ? [] : [[name, text]];
      }),
    ),
  };
  if (faults.length > 0) throw new FaultList(faults);
  return settings;
}

function readOrigins(
  name: string,
  text: string | undefined,
  reject: (name: string, what: string, remedy: string) => void,
): URL[] {
  const remedy = "give one http or https URL a zone, comma-separated, as http://127.0.0.1:3000";
  if (text === undefined) {
    reject(name, "is not set", remedy);
    return [];
  }
  return text.split(",").flatMap((part) => {
    const url = URL.parse(part.trim());
    if (
      url !== null &&
      /^https?:$/.test(url.protocol) &&
      url.pathname === "/" &&
      url.search === "" &&
      url.username === ""
    )
      return [url];
    reject(name, `"${part.trim()}" is not an origin`, remedy);
    return [];
  });
}
