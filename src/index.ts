import { partsFor } from "./app.ts";
import { handle } from "./edge.ts";
import type { Env } from "./env.ts";

export { ControlObject } from "./control/index.ts";
export { InsightObject } from "./insight/index.ts";
export { GateObject, RoomObject } from "./queue/index.ts";

export default {
  fetch: (request, env, ctx) => handle(request, partsFor(env), (work) => ctx.waitUntil(work)),
} satisfies ExportedHandler<Env>;
