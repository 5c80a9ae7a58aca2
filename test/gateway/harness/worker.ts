/**
 * The gateway alone behind a real socket: every request goes straight to its route's
 * origin. `/__begin` makes a new one, `/__events` answers what was observed,
 * `x-test-origin` is the report.
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
  /** `PORT_<n>`: a binding to that port of this machine. */
  readonly [binding: string]: unknown;
}

/** What a test wants to begin with: a new gateway, which remembers nothing. */
interface Beginning {
  readonly policy: CompiledRoutes;
  readonly storefront: readonly number[];
  readonly archive: readonly number[];
}

const HOST = "store.acme.com";
let events: GatewayEvent[] = [];
let gateway: Gateway | undefined;

function isFetcher(value: unknown): value is Fetcher {
  return typeof value === "object" && value !== null && "fetch" in value;
}

function begin({ policy, storefront, archive }: Beginning, env: HarnessEnv): Gateway {
  const observed: GatewayEvent[] = [];
  events = observed;
  const zonesOf = (ports: readonly number[], prefix: string) =>
    ports.map((port, index) => {
      const binding = env[`PORT_${port}`];
      if (!isFetcher(binding)) throw new Error(`no binding to port ${port}`);
      return {
        name: `${prefix}-${index}`,
        origin: `http://127.0.0.1:${port}`,
        base: `http://${HOST}`,
        fetch: (url: string, init: RequestInit) => binding.fetch(url, init),
      };
    });
  const zones = { storefront: zonesOf(storefront, "storefront"), archive: zonesOf(archive, "archive") };
  return createGateway(policy, zones, { random: Math.random, observe: (event) => observed.push(event) });
}

// oxlint-disable-next-line import/no-default-export -- the entry of a Worker
export default {
  async fetch(request: Request, env: HarnessEnv, ctx: ExecutionContext): Promise<Response> {
    const target = canonicalize(request.url, "http");
    if (target.path === "/__events") return Response.json(events.splice(0));
    if (target.path === "/__begin") {
      gateway = begin(await request.json<Beginning>(), env);
      return new Response(null, { status: 204 });
    }
    const edge = gateway;
    if (edge === undefined) throw new Error("no test has begun");
    const route = edge.route(target);
    const query = target.query === "" ? "" : `?${target.query}`;
    try {
      const asked = new Request(`http://${HOST}${target.path}${query}`, request);
      const { response, origin } = await edge.forward(route, asked, {
        clientIp: "203.0.113.7",
        requestId: "harness-request",
        scheme: "http",
        host: HOST,
        trace: traceOf(request.headers),
        now: Date.now,
        waitUntil: (promise) => ctx.waitUntil(promise),
      });
      const { response: finished } = edge.finish(response, { tls: true, requestId: "harness-request" });
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
      return edge.finish(page, { tls: true, requestId: "harness-request" }).response;
    }
  },
} satisfies ExportedHandler<HarnessEnv>;
