import { answer, watch } from "./app.ts";
import type { Env } from "./env.ts";

export { ControlObject } from "./control/index.ts";
export { InsightObject } from "./insight/index.ts";
export { GateObject, RoomObject } from "./queue/index.ts";

export default {
  fetch: (request, env, ctx) => answer(request, env, (work) => ctx.waitUntil(work)),
  scheduled: (_controller, env, ctx) => ctx.waitUntil(watch(env)),
} satisfies ExportedHandler<Env>;
