/**
 * The dearest requests that can be found: hostile pieces repeated and shuffled,
 * and a search that goes on from the dearest text it has. `node bench/sentinel.ts`
 */
import {
  createSentinel,
  type InspectionRequest,
  NO_OVERRIDES,
  type Sentinel,
  type SentinelPackage,
} from "../src/sentinel/index.ts";
import { bodyRequest, formRequest, randomizer, shuffledTokens } from "../test/support/node/sentinel-rules.ts";
import { print } from "./table.ts";

const HOSTILE: Readonly<Record<string, (length: number) => string>> = {
  "shuffled attack tokens": (length) => shuffledTokens(length, randomizer(3), ""),
  "shuffled attack tokens, spaced": (length) => shuffledTokens(length, randomizer(5), " "),
  "random bytes": (length) => {
    const random = randomizer(9);
    return Array.from({ length }, () => String.fromCharCode(random(256))).join("");
  },
  "random visible signs": (length) => {
    const random = randomizer(9);
    return Array.from({ length }, () => String.fromCharCode(32 + random(95))).join("");
  },
  "random letters of all scripts": (length) => {
    const random = randomizer(9);
    const point = (): number => (random(3) === 0 ? 0xa0 + random(0x3000) : 32 + random(95));
    const text = Array.from({ length }, () => String.fromCodePoint(point())).join("");
    return Buffer.from(text).toString("latin1").slice(0, length);
  },
  ...Object.fromEntries(
    [
      " ",
      "(",
      "'",
      "/",
      "a",
      "../",
      "<script ",
      "<svg on",
      "%2525",
      "&#60;",
      "\\u0041",
      "${jndi:",
      "select ",
      "1 or 1=1 ",
      "/*",
      ";cat ",
      "+ADw-",
      "\xc0\xae",
      "/etc?",
      "{{",
      "$IFS",
      "0x41",
      "QUJDREVGR0hJSktM ",
    ].map((piece) => [
      `${JSON.stringify(piece)} repeated`,
      (length: number) => piece.repeat(Math.ceil(length / piece.length)).slice(0, length),
    ]),
  ),
};

/** Milliseconds of user CPU: the least of some rounds, for what the machine did besides is not the engine's. */
function cpu(sentinel: Sentinel, asked: InspectionRequest): number {
  const times = Math.ceil(20 / kibOf(asked));
  const rounds = Array.from({ length: 7 }, () => {
    const began = process.cpuUsage().user;
    for (let turn = 0; turn < times; turn++) void sentinel.inspectRequest(asked, NO_OVERRIDES, 0);
    return (process.cpuUsage().user - began) / 1000 / times;
  });
  return Math.min(...rounds);
}

/** What is inspected: head and body. */
function kibOf({ target, headers, body }: InspectionRequest): number {
  const fields = headers.reduce((bytes, [name, value]) => bytes + name.length + value.length, 0);
  return (target.length + fields + body.length) / 1024;
}

export function worstCase(pkg: SentinelPackage): void {
  const sentinel = createSentinel(pkg);
  const rows: { name: string; ms: number; perKib: number }[] = [];
  for (const [name, make] of Object.entries(HOSTILE)) {
    for (const length of [1_024, 8_192, 32_768, 131_072]) {
      const shapes = {
        form: formRequest(make(length)),
        text: bodyRequest("text/plain", make(length)),
        JSON: bodyRequest("application/json", JSON.stringify([make(length)])),
      };
      for (const [shape, asked] of Object.entries(shapes)) {
        const kib = kibOf(asked);
        const ms = cpu(sentinel, asked);
        rows.push({ name: `${name}, ${shape} of ${kib.toFixed(0)} KiB`, ms, perKib: ms / kib });
      }
    }
  }
  print("", "");
  print(`worst of ${rows.length} hostile requests in all (aim 30)`, "ms", "ms/KiB");
  for (const { name, ms, perKib } of rows.toSorted((a, b) => b.ms - a.ms).slice(0, 5))
    print(name, ms, perKib);
  print("worst a KiB (aim 0.5)", "ms", "ms/KiB");
  for (const { name, ms, perKib } of rows.toSorted((a, b) => b.perKib - a.perKib).slice(0, 5))
    print(name, ms, perKib);
}

/** Texts that are tried by a search. */
const TRIES = 600;

const chunks = (text: string, length: number): string[] =>
  text.match(new RegExp(`.{1,${length}}`, "gs")) ?? [];
const line = (text: string): string => text.replace(/[\r\n\0]/g, " ");
const headed = (name: string, value: string): InspectionRequest => {
  const plain = bodyRequest("text/plain", "");
  return { ...plain, method: "GET", headers: [...plain.headers, [name, value]] };
};

/** Where a text can stand. */
const SHAPES: Readonly<Record<string, (text: string) => InspectionRequest>> = {
  text: (text) => bodyRequest("text/plain", text),
  "JSON of short values": (text) => bodyRequest("application/json", JSON.stringify(chunks(text, 16))),
  GraphQL: (text) => bodyRequest("application/graphql", `query{a(b:${JSON.stringify(text)})}`),
  "XML attributes": (text) => {
    const tags = chunks(text.replace(/[<"]/g, " "), 40).map((value) => `<b c="${value}"/>`);
    return bodyRequest("application/xml", `<a>${tags.join("")}</a>`);
  },
  multipart: (text) =>
    bodyRequest(
      "multipart/form-data; boundary=b",
      `--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n${text}\r\n--b--\r\n`,
    ),
  base64: (text) => bodyRequest("text/plain", Buffer.from(text, "latin1").toString("base64")),
  "short cookies": (text) => headed("cookie", chunks(line(text).replaceAll(";", " "), 6).join("; ")),
  header: (text) => headed("x-any", line(text)),
  query: (text) => ({
    ...bodyRequest("text/plain", ""),
    method: "GET",
    target: `/x?${text.replace(/[\s\0#]/g, "+")}`,
  }),
};

/**
 * Climbs from the dearest text known: pieces are exchanged, and what takes more
 * work is kept. Pieces are the literals of the rules, so that expressions run, and
 * what attacks are made of. Work is the engine's own measure, the same on every
 * machine; the dearest request found is then timed.
 */
export function searchWorst(pkg: SentinelPackage): void {
  const search = new Search(pkg);
  print("", "");
  print(`dearest of ${TRIES} texts of a search (aim 0.5, 30)`, "ms", "ms/KiB", "work/byte");
  for (const length of [512, 2_048, 8_192, 131_072]) search.run("text", length);
  for (const shape of Object.keys(SHAPES)) search.run(shape, 1_024);
}

class Search {
  readonly #sentinel: Sentinel;
  readonly #pieces: readonly string[];
  readonly #tokens: readonly string[];
  readonly #random = randomizer(17);

  constructor(pkg: SentinelPackage) {
    this.#sentinel = createSentinel(pkg);
    this.#pieces = pkg.literals;
    this.#tokens = shuffledTokens(4_096, this.#random, " ").split(" ");
  }

  run(shape: string, length: number): void {
    const make = (pieces: readonly string[]): InspectionRequest | undefined =>
      SHAPES[shape]?.(pieces.join("").slice(0, length));
    let best = Array.from({ length: Math.ceil(length / 3) }, () => this.#piece());
    let work = this.#workOf(make(best));
    for (let turn = 0; turn < TRIES / (length > 10_000 ? 10 : 1); turn++) {
      const next = this.#changed(best);
      const more = this.#workOf(make(next));
      if (more <= work) continue;
      best = next;
      work = more;
    }
    const dearest = make(best);
    if (dearest === undefined) return;
    const ms = cpu(this.#sentinel, dearest);
    const kib = kibOf(dearest);
    print(`${shape}, ${kib.toFixed(1)} KiB`, ms, ms / kib, work / kib / 1024);
  }

  /** A few exchanges, or a part repeated all over. */
  #changed(pieces: readonly string[]): string[] {
    const random = this.#random;
    const next = [...pieces];
    if (random(4) === 0) {
      const part = next.slice(0, 1 + random(6));
      for (let at = 0; at < next.length; at++) next[at] = part[at % part.length] ?? "";
    } else for (let at = 0; at <= next.length / 16; at++) next[random(next.length)] = this.#piece();
    return next;
  }

  #piece(): string {
    const from = this.#random(3) === 0 ? this.#tokens : this.#pieces;
    return from[this.#random(from.length)] ?? "";
  }

  #workOf(asked: InspectionRequest | undefined): number {
    if (asked === undefined) return 0;
    const verdict = this.#sentinel.inspectRequest(asked, NO_OVERRIDES, 0);
    return verdict instanceof Promise ? 0 : verdict.work;
  }
}
