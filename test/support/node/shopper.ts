/** What a visitor got: where the room put him, and what it said. */
export interface Seen {
  readonly status: number;
  readonly room: string | null;
  readonly headers: Headers;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

/** A browser as far as the room is concerned: cookies, and an Accept of its choice. */
export class Shopper {
  readonly cookies = new Map<string, string>();
  readonly #url: string;
  readonly #userAgent: string;

  constructor(url: string, userAgent = "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0") {
    this.#url = url;
    this.#userAgent = userAgent;
  }

  /** The same cookies in another browser. */
  copy(userAgent?: string): Shopper {
    const other = new Shopper(this.#url, userAgent ?? this.#userAgent);
    for (const [name, value] of this.cookies) other.cookies.set(name, value);
    return other;
  }

  async visit(path: string, accept = "text/html"): Promise<Seen> {
    const response = await fetch(`${this.#url}${path}`, {
      headers: {
        accept,
        "user-agent": this.#userAgent,
        cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; "),
      },
    });
    const text = await response.text();
    for (const line of response.headers.getSetCookie()) {
      const [pair = ""] = line.split(";");
      const [name, value] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
      if (value === "") this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    const isJson = response.headers.get("content-type")?.includes("json") === true;
    const json: Record<string, unknown> = isJson ? JSON.parse(text) : {};
    return {
      status: response.status,
      room: response.headers.get("x-waiting-room"),
      headers: response.headers,
      text,
      json,
    };
  }

  /** Comes back when told until the room lets him in. */
  async enter(path: string): Promise<Seen> {
    for (;;) {
      const seen = await this.visit(path);
      if (seen.room !== "queued") return seen;
      const wait = Number(seen.headers.get("retry-after"));
      await new Promise((resolve) => setTimeout(resolve, wait * 1000));
    }
  }
}
