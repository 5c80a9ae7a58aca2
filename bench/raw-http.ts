/**
 * HTTP/1.1 for load tests: GET requests over kept connections, one at a time on
 * each. A fifth of the cost of Node's client, so that on one machine the server
 * has the processor and not the visitors.
 */
import { createConnection, type Socket } from "node:net";

export interface RawAnswer {
  readonly status: number;
  /** Header fields by lower-case name; Set-Cookie apart. */
  readonly headers: ReadonlyMap<string, string>;
  readonly setCookies: readonly string[];
  readonly body: string;
}

interface Call {
  readonly text: string;
  readonly resolve: (answer: RawAnswer) => void;
  readonly reject: (error: Error) => void;
}

const TIMEOUT_MS = 15_000;
const CRLF = "\r\n";

export class RawClient {
  readonly #most: number;
  readonly #idle: Connection[] = [];
  readonly #waiting: Call[] = [];
  #open = 0;
  port = 0;

  /** @param most connections at once */
  constructor(most: number) {
    this.#most = most;
  }

  /** Requests that no connection is free for. */
  get queued(): number {
    return this.#waiting.length;
  }

  /** @throws Error where the connection fails or no answer comes */
  get(path: string, fields: Readonly<Record<string, string>>): Promise<RawAnswer> {
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}${CRLF}`);
    const text = `GET ${path} HTTP/1.1${CRLF}${lines.join("")}${CRLF}`;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ text, resolve, reject });
      this.#next();
    });
  }

  close(): void {
    for (const connection of this.#idle) connection.close();
  }

  #next(): void {
    const call = this.#waiting[0];
    if (call === undefined) return;
    let connection = this.#idle.pop();
    // The server has closed it meanwhile.
    while (connection?.alive === false) connection = this.#idle.pop();
    if (connection === undefined) {
      if (this.#open >= this.#most) return;
      this.#open += 1;
      connection = new Connection(this.port, () => (this.#open -= 1));
    }
    this.#waiting.shift();
    const used = connection;
    used
      .send(call.text)
      .then(call.resolve, call.reject)
      .finally(() => {
        if (used.alive) this.#idle.push(used);
        this.#next();
      })
      .catch(() => undefined);
  }
}

class Connection {
  readonly #socket: Socket;
  #received = "";
  #call: { resolve: (answer: RawAnswer) => void; reject: (error: Error) => void } | null = null;
  alive = true;

  constructor(port: number, closed: () => void) {
    this.#socket = createConnection({ host: "127.0.0.1", port, noDelay: true });
    this.#socket.setEncoding("latin1");
    this.#socket.setTimeout(TIMEOUT_MS, () => this.#socket.destroy(new Error("no answer in time")));
    this.#socket.on("data", (text: string) => this.#read(text));
    this.#socket.on("error", () => undefined);
    this.#socket.once("close", () => {
      this.alive = false;
      closed();
      this.#call?.reject(new Error("the connection was closed"));
      this.#call = null;
    });
  }

  send(text: string): Promise<RawAnswer> {
    return new Promise((resolve, reject) => {
      if (!this.alive) return reject(new Error("the connection was closed"));
      this.#call = { resolve, reject };
      this.#socket.write(text, "latin1");
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(text: string): void {
    this.#received += text;
    const answer = parse(this.#received);
    if (answer === null) return;
    this.#received = "";
    if (answer.headers.get("connection") === "close") this.alive = false;
    this.#call?.resolve(answer);
    this.#call = null;
  }
}

/** The whole answer; null while there is more to come. */
function parse(text: string): RawAnswer | null {
  const end = text.indexOf(CRLF + CRLF);
  if (end < 0) return null;
  const [first = "", ...lines] = text.slice(0, end).split(CRLF);
  const headers = new Map<string, string>();
  const setCookies: string[] = [];
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === "set-cookie") setCookies.push(value);
    else headers.set(name, value);
  }
  const body = bodyOf(text.slice(end + 4), headers);
  return body === null ? null : { status: Number(first.split(" ")[1]), headers, setCookies, body };
}

/** RFC 9112 section 6: by length, or in chunks. */
function bodyOf(rest: string, headers: ReadonlyMap<string, string>): string | null {
  if (headers.get("transfer-encoding") !== "chunked") {
    const length = Number(headers.get("content-length") ?? 0);
    return rest.length < length ? null : rest.slice(0, length);
  }
  let body = "";
  for (let at = 0; ;) {
    const line = rest.indexOf(CRLF, at);
    if (line < 0) return null;
    const size = Number.parseInt(rest.slice(at, line), 16);
    const end = line + 2 + size;
    if (rest.length < end + 2) return null;
    if (size === 0) return body;
    body += rest.slice(line + 2, end);
    at = end + 2;
  }
}
