/** A Worker that is the cache and nothing else, for tests over real HTTP. The rest of the edge is not in it. */
import {
  type CompiledCachePolicy,
  type EdgeCache,
  PurgeView,
  createCache,
  inputOf,
} from "../../src/cache/index.ts";
import { responseOf } from "../../src/http/answer.ts";
import policy from "compiled-policy";

interface Bindings {
  readonly ORIGIN: string;
  readonly MEMORY_ONLY?: string;
}

const NO_PURGES = new PurgeView([]);
let cache: EdgeCache | undefined;

const worker = {
  async fetch(request: Request, env: Bindings, context: ExecutionContext): Promise<Response> {
    cache ??= createCache(policy satisfies CompiledCachePolicy, {
      cacheApi: env.MEMORY_ONLY === undefined ? caches.default : null,
      originStallMs: 60_000,
      host: "store.acme.com",
      now: () => Date.now(),
      random: () => Math.random(),
      observe: () => undefined,
      publish: () => undefined,
    });
    const url = new URL(request.url);
    if (url.pathname === "/_memory")
      return Response.json({ bytes: cache.memory.bytes, count: cache.memory.count });
    const canonical = `https://store.acme.com${url.pathname}${url.search}`;
    const input = {
      ...inputOf(new Request(canonical, request)),
      path: url.pathname,
      query: url.search.slice(1),
      purges: NO_PURGES,
      originMs: 10_000,
      waitUntil: (promise: Promise<unknown>): void => context.waitUntil(promise),
    };
    const fetchOrigin = async (asked: Request): Promise<Response> =>
      fetch(new Request(asked.url.replace("https://store.acme.com", env.ORIGIN), asked));
    try {
      const page = cache.compose(await cache.serve(input, fetchOrigin), input, fetchOrigin);
      return responseOf(page.answer);
    } catch (error) {
      return new Response(String(error), { status: 502 });
    }
  },
};

// oxlint-disable-next-line import/no-default-export -- the form workerd asks for
export { worker as default };
