declare module "compiled-policy" {
  import type { CompiledCachePolicy } from "../../src/cache/index.ts";

  const policy: CompiledCachePolicy;
  export { policy as default };
}
