/** The room's cookies: `ticket.<room>` and `pass.<room>`, bound to this host where the store is on https. */
import { cookieValue, cookieValues } from "../http/headers.ts";

export type CookieKind = "ticket" | "pass";

const MOST_OF_ONE_NAME = 4;

export class Cookies {
  readonly #secure: boolean;

  /** @param secure whether visitors come over https: cookies are `__Host-` and Secure then (RFC 6265bis section 4.1.3) */
  constructor(secure: boolean) {
    this.#secure = secure;
  }

  read(headers: Headers, kind: CookieKind, room: string): string | null {
    return cookieValue(headers, this.#name(kind, room));
  }

  /** The first few of that name: one that is set on the store's parent domain may stand before the room's own. */
  readAll(headers: Headers, kind: CookieKind, room: string): string[] {
    return [...cookieValues(headers, this.#name(kind, room))].slice(0, MOST_OF_ONE_NAME);
  }

  /** A Set-Cookie value. @param maxAge seconds; 0 takes the cookie away */
  set(kind: CookieKind, room: string, value: string, maxAge: number): string {
    const secure = this.#secure ? "; Secure" : "";
    return `${this.#name(kind, room)}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Lax${secure}`;
  }

  #name(kind: CookieKind, room: string): string {
    return `${this.#secure ? "__Host-" : ""}${kind}.${room}`;
  }
}
