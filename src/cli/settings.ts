import { accessSync, constants, existsSync, mkdirSync, statSync } from "node:fs";
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
  const ticketKeys = value("TICKET_KEYS");
  if (ticketKeys !== undefined && !/^(?:[\w-]{1,16}:[\w-]{43,}(?:,\s*|$))+$/.test(ticketKeys)) {
    reject(
      "TICKET_KEYS",
      "is not a list of keys",
      "write kid:key[,kid:key...], each key at least 32 bytes in base64url",
    );
  }
  if ((value("ACCESS_TEAM") === undefined) !== (value("ACCESS_AUD") === undefined)) {
    reject("ACCESS_TEAM", "and ACCESS_AUD belong together", "set both or neither");
  }
  const webhook = value("ALERT_WEBHOOK");
  if (webhook !== undefined && !/^https?:$/.test(URL.parse(webhook)?.protocol ?? "")) {
    reject("ALERT_WEBHOOK", `"${webhook}" is not a URL`, "give an http or https URL");
  }
  const fabricOnly = value("FABRIC_ONLY");
  if (fabricOnly !== undefined && !/^[01]$/.test(fabricOnly)) {
    reject("FABRIC_ONLY", `"${fabricOnly}" is neither 1 nor 0`, "set FABRIC_ONLY=1, or unset it");
  }
  const persist = value("PERSIST");
  if (persist !== undefined && !isFolder(persist)) {
    reject(
      "PERSIST",
      `"${persist}" is not a folder that can be written`,
      "name a folder of yours; it is made where the folder above it exists",
    );
  }
  const zones = (name: string): URL[] => readOrigins(name, value(name), reject);
  const settings: ServeSettings = {
    port,
    sources: policySources({ ...environment }),
    storefront: zones("STOREFRONT_ORIGIN"),
    archive: zones("ARCHIVE_ORIGIN"),
    mode: mode === "block" || mode === "monitor" ? mode : undefined,
    adminToken,
    persist,
    https: https === "1",
    ticketKeys,
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

/** Makes the folder where its parent is there, and tells whether it can be written. */
function isFolder(path: string): boolean {
  try {
    if (!existsSync(path)) mkdirSync(path);
    accessSync(path, constants.W_OK);
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
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
