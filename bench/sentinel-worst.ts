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
  const times = Math.ceil(20_000 / asked.body.length);
  const rounds = Array.from({ length: 7 }, () => {
    const began = process.cpuUsage().user;
    for (let turn = 0; turn < times; turn++) void sentinel.inspectRequest(asked, NO_OVERRIDES, 0);
    return (process.cpuUsage().user - began) / 1000 / times;
  });
  return Math.min(...rounds);
}

/** What is inspected: the body, and the head of some 60 bytes. */
function kibOf({ body }: InspectionRequest): number {
  return (body.length + 60) / 1024;
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

/** Texts that are tried by the search, a size. */
const TRIES = 600;

/**
 * Climbs from the dearest text known: pieces are exchanged, and what takes more
 * work a byte is kept. Pieces are the literals of the rules, so that expressions
 * run, and what attacks are made of. Work is the engine's own measure, the same on
 * every machine; the dearest text found is then timed.
 */
export function searchWorst(pkg: SentinelPackage): void {
  const sentinel = createSentinel(pkg);
  const random = randomizer(17);
  const tokens = shuffledTokens(4_096, random, " ").split(" ");
  const piece = (): string =>
    (random(3) === 0 ? tokens[random(tokens.length)] : pkg.literals[random(pkg.literals.length)]) ?? "";
  const workOf = (pieces: readonly string[], length: number): number => {
    const verdict = sentinel.inspectRequest(textRequest(pieces, length), NO_OVERRIDES, 0);
    return verdict instanceof Promise ? 0 : verdict.work;
  };
  print("", "");
  print(`dearest of ${TRIES} texts of a search (aim 0.5, 30)`, "ms", "ms/KiB", "work/byte");
  for (const length of [512, 2_048, 8_192, 131_072]) {
    let best = Array.from({ length: Math.ceil(length / 3) }, piece);
    let work = workOf(best, length);
    for (let turn = 0; turn < TRIES / (length > 10_000 ? 10 : 1); turn++) {
      const next = [...best];
      // A few exchanges, or a part repeated all over.
      if (random(4) === 0) {
        const part = next.slice(0, 1 + random(6));
        for (let at = 0; at < next.length; at++) next[at] = part[at % part.length] ?? "";
      } else for (let at = 0; at <= next.length / 16; at++) next[random(next.length)] = piece();
      const more = workOf(next, length);
      if (more <= work) continue;
      best = next;
      work = more;
    }
    const dearest = textRequest(best, length);
    const ms = cpu(sentinel, dearest);
    print(`text of ${length} bytes`, ms, ms / kibOf(dearest), work / length);
  }
}

function textRequest(pieces: readonly string[], length: number): InspectionRequest {
  return bodyRequest("text/plain", pieces.join("").slice(0, length));
}
