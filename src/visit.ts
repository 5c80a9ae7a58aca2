/** A request as cache and origin get to know it: under its canonical URL, without what only the edge may say or hear. */
import type { CacheInput, PurgeView } from "./cache/index.ts";
import { endsAtEntrance } from "./gateway/index.ts";
import type { Fields } from "./http/fields.ts";
import type { Body } from "./inspection.ts";
import type { Life } from "./life.ts";
import type { EdgeParts, WaitUntil } from "./parts.ts";

/** What the cache gets to know of a request. The Request for an origin is made when it is asked for: a hit has no need of it. */
export class Visit implements CacheInput {
  readonly method: string;
  readonly headers: Fields;
  readonly hasBody: boolean;
  readonly host: string;
  readonly path: string;
  readonly query: string;
  readonly purges: PurgeView;
  readonly originMs: number;
  readonly waitUntil: WaitUntil;
  private readonly make: () => Request;
  private made: Request | null = null;

  constructor(body: Body, life: Life, purges: PurgeView, parts: EdgeParts, waitUntil: WaitUntil) {
    const headers = originFields(life, parts);
    this.method = life.method;
    this.headers = headers;
    this.hasBody = body !== null;
    this.host = parts.blueprint.domain;
    this.path = life.target.path;
    this.query = life.target.query;
    this.purges = purges;
    this.originMs = life.route.deadlineMs;
    this.waitUntil = waitUntil;
    this.make = () => originRequest(headers, life, parts);
  }

  get request(): Request {
    return (this.made ??= this.make());
  }
}

/** The client's fields without what only the edge may say or hear, and what is of the client's hop. */
export function originFields(life: Life, parts: EdgeParts): Fields {
  return parts.fabric.withhold(life.headers.without(endsAtEntrance(life.headers)), life.access);
}

/** The request under its canonical URL. Its body travels beside it. */
export function originRequest(fields: Fields, { target, method }: Life, parts: EdgeParts): Request {
  const { path, query } = target;
  return new Request(`https://${parts.blueprint.domain}${path}${query === "" ? "" : `?${query}`}`, {
    method,
    headers: fields.toHeaders(),
  });
}
