/**
 * The door of the Archive: object storage for the shop's media under
 * `/media/`. It serves what the catalog names and nothing else: a name is
 * looked up, never walked, so there is no listing and no way out of it.
 */
import { Hono, type Context } from "hono";
import { decideDelivery } from "./ranges.ts";
import { openObjects, type ObjectsOptions } from "./objects.ts";
import type { StoredObject } from "./synthetic.ts";

export type ArchiveOptions = ObjectsOptions;

/** The application. */
export function createArchive(options: ArchiveOptions): Hono {
  const objects = openObjects(options);
  const app = new Hono();
  app.onError((error, context) => {
    process.emitWarning(error);
    return refusal(context, 500);
  });
  app.notFound((context) => refusal(context, 404));
  app.get("/healthz", (context) => context.text("ok", 200, { "Cache-Control": "no-store" }));
  app.get("/media/*", async (context) => {
    const object = await objects.find(new URL(context.req.url).pathname);
    return object === undefined ? refusal(context, 404) : deliver(context, object);
  });
  app.all("/media/*", (context) => refusal(context, 405));
  return app;
}

function refusal(context: Context, status: 404 | 405 | 500): Response {
  if (status === 405) context.header("Allow", "GET, HEAD");
  return context.text("", status, { "Cache-Control": status === 404 ? "public, max-age=10" : "no-store" });
}

async function deliver(context: Context, object: StoredObject): Promise<Response> {
  const delivery = decideDelivery(context.req.raw.headers, object, object.size);
  const headers = new Headers({
    ETag: object.etag,
    "Last-Modified": object.lastModified.toUTCString(),
    "Cache-Control": "public, max-age=31536000, immutable",
    "Accept-Ranges": "bytes",
    "X-Content-Type-Options": "nosniff",
  });
  switch (delivery.status) {
    case 304:
    case 412:
      return new Response(null, { status: delivery.status, headers });
    case 416:
      headers.set("Content-Range", `bytes */${object.size}`);
      headers.set("Cache-Control", "no-store");
      return new Response(null, { status: 416, headers });
    case 206:
      headers.set("Content-Range", `bytes ${delivery.start}-${delivery.end}/${object.size}`);
      return send(context, object, headers, delivery.status, delivery.start, delivery.end);
    case 200:
      return send(context, object, headers, delivery.status, 0, object.size - 1);
    default:
      return delivery satisfies never;
  }
}

function send(
  context: Context,
  object: StoredObject,
  headers: Headers,
  status: 200 | 206,
  start: number,
  end: number,
): Response {
  headers.set("Content-Type", object.type);
  headers.set("Content-Length", String(end - start + 1));
  const body = context.req.method === "HEAD" ? null : object.read(start, end);
  return new Response(body, { status, headers });
}
