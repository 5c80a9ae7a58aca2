import type { Env as EdgeEnv } from "../../src/env.ts";

/** What `env` of "cloudflare:workers" holds in tests: the Worker's bindings. */
declare global {
  namespace Cloudflare {
    interface Env extends EdgeEnv {}
  }
}
