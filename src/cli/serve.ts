import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { unstable_getMiniflareWorkerOptions } from "wrangler";
import { buildBundle } from "./bundle.ts";
import { compilePolicy } from "./compile.ts";
import { ROOT, type WorkerBundle } from "./project.ts";
import { type ServeSettings, readServeSettings } from "./settings.ts";
import { listenTls } from "./tls.ts";
import { Refusal } from "./usage.ts";

/** A running edge. */
export interface RunningEdge {
  readonly url: string;
  /** The same edge without TLS in between, for whoever runs on this machine and cannot know a self-signed certificate. */
  readonly directUrl: string;
  /** How many Sentinel rules it was started with. */
  readonly rules: number;
  close(): Promise<void>;
}

/**
 * The entry on one machine: the production Worker behind workerd's own listener,
 * and a second entry for connections whose TLS ended in front of it. Both hand
 * the request on untouched: `new Request` would normalise its URL.
 */
const LOCAL_ENTRY = `
import worker from "./index.js";
export * from "./index.js";
export default worker;
const secured = new WeakMap();
export const tls = {
  fetch(request, env, ctx) {
    let local = secured.get(env);
    if (local === undefined) secured.set(env, (local = { ...env, LOCAL_SCHEME: "https" }));
    return worker.fetch(request, local, ctx);
  },
};`;

/**
 * Runs the production bundle in workerd under Miniflare, without its entry proxy
 * (which would cost four times the throughput and normalise URLs).
 * @param bundle a bundle built before, to start faster
 */
export async function serveEdge(settings: ServeSettings, bundle?: WorkerBundle): Promise<RunningEdge> {
  const policy = await compilePolicy(settings.sources);
  const built = bundle ?? (await buildBundle());
  const port = settings.port === 0 ? await freePort() : settings.port;
  const plainPort = settings.https ? await freePort() : port;
  const securePort = settings.https ? await freePort() : undefined;
  const authorities = [port, ...(securePort === undefined ? [] : [securePort])];
  const runtime = keepingSignals(
    () =>
      new Miniflare(
        convertV4MiniflareOptions({
          ...edgeWorker(settings, built, policy, authorities),
          unsafeDirectSockets: [
            { host: "127.0.0.1", port: plainPort },
            ...(securePort === undefined ? [] : [{ host: "127.0.0.1", port: securePort, entrypoint: "tls" }]),
          ],
          ...(settings.persist === undefined ? {} : { resourcePersistencePath: resolve(settings.persist) }),
          cf: false,
        }),
      ),
  );
  await ready(runtime, port);
  const front =
    securePort === undefined
      ? undefined
      : await listenTls({ port, plainPort, securePort }).catch(async (cause: unknown) => {
          await runtime.dispose();
          throw cause;
        });
  return {
    url: `${settings.https ? "https" : "http"}://127.0.0.1:${port}`,
    directUrl: `http://127.0.0.1:${securePort ?? port}`,
    rules: policy.sentinel.rules.length,
    async close() {
      await front?.close();
      await runtime.dispose();
    },
  };
}

/** The Worker as Miniflare takes it, but for where it listens. `ports`: those by which it is reached. */
export function edgeWorker(
  settings: ServeSettings,
  built: WorkerBundle,
  policy: unknown,
  ports: readonly number[],
) {
  const { workerOptions } = unstable_getMiniflareWorkerOptions(join(ROOT, "wrangler.toml"));
  const { modulesRules: _rules, ...declared } = workerOptions;
  return {
    ...declared,
    name: "edge",
    modules: [
      { type: "ESModule" as const, path: "local-entry.js", contents: LOCAL_ENTRY },
      ...Object.entries(built.scripts).map(([path, contents]) => ({
        type: "ESModule" as const,
        path,
        contents,
      })),
      { type: "Text" as const, path: built.policyModule, contents: JSON.stringify(policy) },
    ],
    modulesRoot: ".",
    bindings: {
      ...settings.passedOn,
      STOREFRONT_ORIGIN: settings.storefront.join(","),
      ARCHIVE_ORIGIN: settings.archive.join(","),
      LOCAL_AUTHORITIES: ports.flatMap((own) => [`127.0.0.1:${own}`, `localhost:${own}`]).join(","),
      TICKET_KEYS: settings.ticketKeys ?? `local:${keptSecret(settings.persist, "ticket-key")}`,
      ...(settings.https ? {} : { LOCAL_SCHEME: "plain" }),
      ...(settings.mode === undefined ? {} : { SENTINEL_MODE: settings.mode }),
      ...(settings.adminToken === undefined ? {} : { ADMIN_TOKEN: settings.adminToken }),
    },
    serviceBindings: {
      ...zoneBindings("STOREFRONT", settings.storefront),
      ...zoneBindings("ARCHIVE", settings.archive),
    },
    stripCfConnectingIp: false,
  };
}

/** @throws Refusal where workerd cannot start, most often because the port is taken */
async function ready(runtime: Miniflare, port: number): Promise<void> {
  try {
    await runtime.ready;
  } catch (cause) {
    await runtime.dispose().catch(() => undefined);
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Refusal(`workerd did not start on port ${port} (is it taken? set PORT): ${reason}`, cause);
  }
}

/**
 * One external server a zone: unlike a plain `fetch` to its address, a service
 * binding keeps the Host of the request's URL, so that origins see the domain.
 */
function zoneBindings(
  prefix: string,
  zones: readonly URL[],
): Record<string, { external: { address: string; http: object } | { address: string; https: object } }> {
  return Object.fromEntries(
    zones.map((zone, index) => {
      const secure = zone.protocol === "https:";
      const address = `${zone.hostname}:${zone.port || (secure ? "443" : "80")}`;
      const external = secure
        ? {
            address,
            https: { options: {}, tlsOptions: { trustBrowserCas: true }, certificateHost: zone.hostname },
          }
        : { address, http: {} };
      return [`${prefix}_${index}`, { external }];
    }),
  );
}

/** A secret of this machine: kept with the rest of the state, so that a restart costs nobody a place or a session. */
export function keptSecret(persist: string | undefined, name: string): string {
  const fresh = randomBytes(32).toString("base64url");
  if (persist === undefined) return fresh;
  const file = join(persist, name);
  if (!existsSync(file)) {
    mkdirSync(persist, { recursive: true });
    writeFileSync(file, fresh, { mode: 0o600 });
  }
  return readFileSync(file, "utf8");
}

export function freePort(): Promise<number> {
  return new Promise((resolvePort, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() =>
        typeof address === "object" && address !== null
          ? resolvePort(address.port)
          : reject(new Error("no free port")),
      );
    });
  });
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/**
 * Resolves when the process is asked to stop; asked again, it ends at once. To be called before anything is started
 * that would outlive the process: a signal while it is starting is heard once it has.
 */
export function untilStopped(): Promise<void> {
  return new Promise((stop) => {
    let asked = false;
    for (const signal of SIGNALS)
      process.on(signal, () => {
        if (asked) process.exit(1);
        asked = true;
        stop();
      });
  });
}

/** Miniflare ends the process at a signal, whatever else there is to close: where signals are handled already, they stay with who does. */
function keepingSignals<T>(make: () => T): T {
  const before = SIGNALS.map((signal) => process.listeners(signal));
  const made = make();
  SIGNALS.forEach((signal, index) => {
    const own = before[index] ?? [];
    if (own.length === 0) return;
    for (const listener of process.listeners(signal))
      if (!own.includes(listener)) process.removeListener(signal, listener);
  });
  return made;
}

/** What the operator should know about how this edge runs. */
export function announce(settings: ServeSettings, { url, rules }: RunningEdge): void {
  if (!settings.https)
    process.stdout.write(
      "note: no TLS here, so the redirect from http to https is off (HTTPS=1 turns both on)\n",
    );
  if (settings.adminToken === undefined)
    process.stdout.write("note: no ADMIN_TOKEN, so the private API (/_edge/) is closed\n");
  if (settings.persist === undefined)
    process.stdout.write(
      "note: no PERSIST folder, so mode, rooms and audit log last until this process ends\n",
    );
  if (rules === 0)
    process.stdout.write("WARNING: there are no Sentinel rules in this RULES_DIR: nothing is blocked\n");
  process.stdout.write(`ready ${url}\n`);
}

/** `edge serve`: the edge alone, in front of STOREFRONT_ORIGIN and ARCHIVE_ORIGIN. */
export async function serveCommand(): Promise<number> {
  const settings = readServeSettings(process.env);
  const stopped = untilStopped();
  const edge = await serveEdge(settings);
  announce(settings, edge);
  await stopped;
  await edge.close();
  return 0;
}
