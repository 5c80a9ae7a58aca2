import type { CanonicalTarget } from "../../http/canonical.ts";
import { EdgeError } from "../../http/errors.ts";
import type { CompiledRoutes } from "../compiled.ts";
import { refuseMediaRequest } from "../media-request.ts";
import { createRouter } from "../routes.ts";

/** What keeps a request from the cache and its origin before they are asked, in words; undefined where nothing does. */
export type ExplainRefusal = (
  target: CanonicalTarget,
  request: { readonly method: string; readonly headers: Headers },
) => string | undefined;

/** For `edge cache explain`. Pure. */
export function refusals(policy: CompiledRoutes): ExplainRefusal {
  const route = createRouter(policy);
  return (target, { method, headers }) => {
    const { kind } = route(target);
    if (kind === "fabric")
      return "the path is private; without the Fabric's credentials it is an unknown one";
    if (kind !== "media") return undefined;
    try {
      refuseMediaRequest(method, target.path, headers, policy.media.paths);
      return undefined;
    } catch (error) {
      const { status, message } = EdgeError.from(error);
      return `the edge answers ${status} (${message})`;
    }
  };
}
