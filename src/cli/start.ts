import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type Stack, edgeSignal, startAutoscaler, startStack } from "../../stack/index.ts";
import type { WorkerBundle } from "./project.ts";
import { callApi, forgetEdge, rememberEdge } from "./client.ts";
import { type RunningEdge, announce, keptSecret, serveEdge, untilStopped } from "./serve.ts";
import { readServeSettings } from "./settings.ts";

/** The whole reference architecture on this machine. */
export interface RunningSystem {
  readonly edge: RunningEdge;
  readonly stack: Stack;
  readonly adminToken: string;
  close(): Promise<void>;
}

/**
 * Starts the origin stack and the edge in front of it. Origins named in the
 * environment take the place of the stack's own. `bundle`: one built before, to start faster.
 */
export async function startSystem(
  environment: NodeJS.ProcessEnv,
  bundle?: WorkerBundle,
): Promise<RunningSystem> {
  const adminToken = environment["ADMIN_TOKEN"] || randomBytes(24).toString("base64url");
  // The stack starts before the edge whose cache it purges; the outbox retries until the edge is there.
  let purge = (_tags: readonly string[]): Promise<void> =>
    Promise.reject(new Error("the edge is not up yet"));
  const persist = environment["PERSIST"];
  // Everything that is wrong with the environment is said before anything starts; the origins are not known yet.
  const anywhere = "http://127.0.0.1:1";
  readServeSettings({
    ...environment,
    STOREFRONT_ORIGIN: environment["STOREFRONT_ORIGIN"] || anywhere,
    ARCHIVE_ORIGIN: environment["ARCHIVE_ORIGIN"] || anywhere,
    ADMIN_TOKEN: adminToken,
  });
  const stack = await startStack({
    ...(persist
      ? { dataDir: join(persist, "stack"), sessionSecret: keptSecret(persist, "session-secret") }
      : {}),
    ...(environment["DATABASE_URL"] ? { databaseUrl: environment["DATABASE_URL"] } : {}),
    ...(environment["REDIS_URL"] ? { redisUrl: environment["REDIS_URL"] } : {}),
    edgePurge: (tags) => purge(tags),
  });
  try {
    const settings = readServeSettings({
      ...environment,
      STOREFRONT_ORIGIN: environment["STOREFRONT_ORIGIN"] || stack.storefrontOrigins.join(","),
      ARCHIVE_ORIGIN: environment["ARCHIVE_ORIGIN"] || stack.archiveOrigins.join(","),
      ADMIN_TOKEN: adminToken,
    });
    const edge = await serveEdge(settings, bundle);
    const api = { url: edge.directUrl, token: adminToken };
    purge = async (tags) => {
      await callApi("purge", { tags, soft: false, reason: "stock changed" }, api);
    };
    const autoscaler = startAutoscaler({
      desired: edgeSignal(edge.directUrl, adminToken),
      target: {
        replicas: () => stack.replicas("storefront"),
        scale: (count) => stack.scale("storefront", count),
      },
    });
    announce(settings, edge);
    return {
      edge,
      stack,
      adminToken,
      async close() {
        await autoscaler.close();
        await edge.close();
        await stack.close();
      },
    };
  } catch (error) {
    await stack.close();
    throw error;
  }
}

function nextSteps(url: string, adminToken: string, given: boolean): string {
  return [
    `  shop      ${url}/`,
    `  console   npm run edge -- console  prints an address that signs your browser in`,
    `  metrics   curl -H 'authorization: Bearer ${given ? "$ADMIN_TOKEN" : adminToken}' ${url}/_edge/metrics`,
    `  operate   npm run edge -- status | mode monitor --for 30m | purge --tag catalog | room status`,
    ...(given
      ? []
      : [`  token     ${adminToken}  (made for this run; commands in this folder find it by themselves)`]),
    "",
  ].join("\n");
}

/** `edge start`: everything on embedded defaults, until stopped. */
export async function startCommand(): Promise<number> {
  const stopped = untilStopped();
  const system = await startSystem(process.env);
  const { url, directUrl } = system.edge;
  rememberEdge({ url, directUrl, token: system.adminToken });
  process.stdout.write(nextSteps(url, system.adminToken, Boolean(process.env["ADMIN_TOKEN"])));
  await stopped;
  forgetEdge();
  await system.close();
  return 0;
}
