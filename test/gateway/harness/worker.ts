/**
 * The gateway alone behind a real socket: every request goes straight to its route's
 * origin. `/__events` answers what was observed; `x-test-origin` is the report.
 */
import {
  type CompiledRoutes,
  type Gateway,
  type GatewayEvent,
  OriginError,
  createGateway,
  errorPage,
  traceOf,
} from "../../../src/gateway/index.ts";
import { canonicalize } from "../../../src/http/canonical.ts";
import { EdgeError } from "../../../src/http/errors.ts";

interface HarnessEnv {
  readonly POLICY: CompiledRoutes;
  /** Prefix to number of zones. */
  readonly ZONES: { readonly storefront: readonly string[]; readonly archive: readonly string[] };
  readonly [binding: string]: unknown;
}

const HOST = "store.acme.com";
const events: GatewayEvent[] = [];
let gateway: Gateway | undefined;

function isFetcher(value: unknown): value is Fetcher {
  return typeof value === "object" && value !== null && "fetch" in value;
}

function gatewayOf(env: HarnessEnv): Gateway {
  const zonesOf = (origins: readonly string[], prefix: string) =>
    origins.map((origin, index) => {
      const binding = env[`${prefix}_${index}`];
      if (!isFetcher(binding)) throw new Error(`no binding ${prefix}_${index}`);
      return {
        name: `${prefix.toLowerCase()}-${index}`,
        origin,
        base: `http://${HOST}`,
        fetch: (url: string, init: RequestInit) => binding.fetch(url, init),
      };
    });
  gateway ??= createGateway(
    env.POLICY,
    {
      storefront: zonesOf(env.ZONES.storefront, "STOREFRONT"),
      archive: zonesOf(env.ZONES.archive, "ARCHIVE"),
    },
    { random: Math.random, observe: (event) => events.push(event) },
  );
  return gateway;
}

// oxlint-disable-next-line import/no-default-export -- the entry of a Worker
export default {
  async fetch(request: Request, env: HarnessEnv, ctx: ExecutionContext): Promise<Response> {
    const target = canonicalize(request.url, "http");
    if (target.path === "/__events") return Response.json(events.splice(0));
    const edge = gatewayOf(env);
    const route = edge.route(target);
    const query = target.query === "" ? "" : `?${target.query}`;
    try {
      const asked = new Request(`http://${HOST}${target.path}${query}`, request);
      const { response, origin } = await edge.forward(route, asked, {
        clientIp: "203.0.113.7",
        requestId: "harness-request",
        scheme: "http",
        host: HOST,
        authority: target.authority,
        trace: traceOf(request.headers),
        now: Date.now,
        waitUntil: (promise) => ctx.waitUntil(promise),
      });
      const finished = edge.finish(response, { tls: true });
      if (finished.status === 101) return finished;
      const { ended: _ended, ...report } = origin;
      finished.headers.set("x-test-origin", JSON.stringify(report));
      return finished;
    } catch (thrown) {
      const error = EdgeError.from(thrown);
      const page = errorPage(
        error,
        "harness-request",
        request.headers.get("accept"),
        request.headers.get("accept-language"),
      );
      if (error instanceof OriginError) page.headers.set("x-test-failures", error.failures.join(","));
      if (error.code === "internal") page.headers.set("x-test-bug", String(error.cause));
      return edge.finish(page, { tls: true });
    }
  },
} satisfies ExportedHandler<HarnessEnv>;
