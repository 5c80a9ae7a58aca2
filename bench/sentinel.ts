/**
 * Sentinel's cost: CPU a request, by size, by number of rules, at worst, and at
 * start-up. User CPU of this process is measured, not the clock, so that a busy
 * machine disturbs less. `node bench/sentinel.ts`
 */
import { compileSentinel, rawRequest, type SentinelPackage } from "../src/sentinel/compile/index.ts";
import {
  createSentinel,
  type InspectionRequest,
  NO_OVERRIDES,
  type Sentinel,
} from "../src/sentinel/index.ts";
import { randomizer } from "../test/support/node/sentinel-rules.ts";
import { inWorkerd } from "./sentinel-workerd.ts";
import { searchWorst, worstCase } from "./sentinel-worst.ts";
import { print } from "./table.ts";

const BROWSER = `Host: store.acme.com
Connection: keep-alive
User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8
Accept-Language: en-GB,en;q=0.9,de;q=0.7
Accept-Encoding: gzip, deflate, br, zstd
Referer: https://store.acme.com/catalog?page=2
Sec-Fetch-Site: same-origin
Sec-Fetch-Mode: navigate
Sec-Fetch-Dest: document`;
const WORDS = "the quick brown fox jumps over a lazy dog and buys 2 pairs of shoes; isn't that nice?".split(
  " ",
);

function prose(length: number): string {
  let text = "";
  for (let at = 0; text.length < length; at++) text += `${WORDS[(at * 7) % WORDS.length] ?? ""} `;
  return text.slice(0, length);
}

function get(index: number): InspectionRequest {
  const id = 1_691_605_328 + index;
  return rawRequest(
    `GET /product/blue-shoe-${index % 200}?variant=${index % 40}&utm_source=news\n${BROWSER}\nCookie: _ga=GA1.1.${id}.1749483974; sid=f0dd665d59a81948343d56${id}; consent=%7B%22ad%22%3Afalse%7D`,
  );
}

function cart(index: number): InspectionRequest {
  const items = Array.from({ length: 14 }, (_none, at) => ({
    sku: `SKU-${1000 + at + index}`,
    quantity: at,
    name: `Blue running shoe number ${at} for men and women`,
    note: "Please gift-wrap this, thank you! It's a present.",
  }));
  return rawRequest(
    `POST /api/cart\n${BROWSER}\nContent-Type: application/json\n\n${JSON.stringify({ items })}`,
  );
}

function form(length: number, index: number): InspectionRequest {
  const text = prose(length);
  const fields: string[] = [];
  for (let at = 0; at * 60 < length; at++)
    fields.push(
      `field${at}=${encodeURIComponent(text.slice(at * 60, at * 60 + 54) + String(index)).replaceAll("%20", "+")}`,
    );
  const body = fields.join("&").slice(0, length);
  return rawRequest(`POST /review\n${BROWSER}\nContent-Type: application/x-www-form-urlencoded\n\n${body}`);
}

/** Milliseconds of user CPU a request: the median of five rounds, each over different requests. */
function cpu(sentinel: Sentinel, make: (index: number) => InspectionRequest, count: number): number {
  const requests = Array.from({ length: Math.min(count, 400) }, (_none, index) => make(index));
  const round = (): number => {
    const began = process.cpuUsage().user;
    for (let at = 0; at < count; at++) {
      const request = requests[at % requests.length];
      if (request !== undefined) void sentinel.inspectRequest(request, NO_OVERRIDES, 0);
    }
    return (process.cpuUsage().user - began) / 1000 / count;
  };
  round();
  const rounds = Array.from({ length: 5 }, round).toSorted((a, b) => a - b);
  return rounds[2] ?? 0;
}

function threeRequests(pkg: SentinelPackage): void {
  const sentinel = createSentinel(pkg);
  const empty = createSentinel({ ...pkg, rules: [], literals: [] });
  const rows: readonly (readonly [string, (index: number) => InspectionRequest, number, number])[] = [
    ["GET, 10 browser headers, 3 cookies", get, 8000, 0.05],
    [`POST, JSON cart of ${cart(0).body.length} B`, cart, 1500, 0.3],
    ["POST, form of 32 KiB", (index) => form(32_768, index), 120, 2],
  ];
  print("added CPU, ms", "no rules", "all rules", "aim");
  for (const [name, make, count, aim] of rows)
    print(name, cpu(empty, make, count), cpu(sentinel, make, count), aim);
}

function bodySizes(pkg: SentinelPackage): void {
  const sentinel = createSentinel(pkg);
  print("", "");
  print("body, innocent", "ms", "ms/KiB");
  for (const kib of [1, 4, 16, 64, 128]) {
    const ms = cpu(sentinel, (index) => form(kib * 1024, index), Math.max(20, 2000 / kib));
    print(`form of ${kib} KiB`, ms, ms / kib);
  }
}

/** Rules like the shipped ones: an expression with a word of its own, over the same variables. */
function manyRules(count: number): SentinelPackage {
  const random = randomizer(11);
  const letter = (): string => "abcdefghijklmnoprstuvwy"[random(23)] ?? "a";
  const word = (length: number): string => Array.from({ length }, letter).join("");
  const words = Array.from({ length: count }, () => [word(5 + random(4)), word(4 + random(4))] as const);
  return {
    format: 1,
    version: `many-${count}`,
    settings: compiled().settings,
    rules: words.map((_pair, index) => ({
      id: `many-${index}`,
      class: "many",
      description: "",
      phase: 2,
      severity: "critical",
      score: 5,
      paranoia: 1,
      tags: [],
      action: "score",
      shadow: false,
      conditions: [
        {
          targets: [{ variable: "args" }, { variable: "cookies" }, { variable: "headers" }],
          transforms:
            index % 3 === 0 ? ["lowercase"] : index % 3 === 1 ? ["sql-comments", "compress-whitespace"] : [],
          peel: true,
          operator: { name: "rx", negate: false, expression: index },
          literals: [index],
        },
      ],
    })),
    expressions: words.map(([first, second]) => ({
      source: `\\b${first}\\s{1,9}(?:${second}|[a-f]{2})\\(`,
      flags: "is",
      engine: "native",
      limit: 0,
      weight: 2,
      worst: 8,
      burst: 80,
      span: 0,
    })),
    literals: words.map(([first]) => first),
    lists: [],
    exclusions: [],
    rates: [],
  };
}

function ruleCounts(): void {
  print("", "");
  print("number of rules", "GET, ms", "cart, ms", "form, ms", "start-up, ms");
  for (const count of [100, 1_000, 10_000]) {
    const pkg = manyRules(count);
    const sentinel = createSentinel(pkg);
    const began = process.cpuUsage().user;
    createSentinel(pkg);
    const startUp = (process.cpuUsage().user - began) / 1000;
    print(
      String(count),
      cpu(sentinel, get, 4000),
      cpu(sentinel, cart, 800),
      cpu(sentinel, (index) => form(32_768, index), 60),
      startUp,
    );
  }
}

function compiled(): SentinelPackage {
  const { value, faults } = compileSentinel("rules");
  if (value === undefined) throw new Error(JSON.stringify(faults));
  return value;
}

/** All tables. */
export async function benchSentinel(): Promise<void> {
  const pkg = compiled();
  const text = JSON.stringify(pkg);
  await inWorkerd(pkg, { "10,000 rules": manyRules(10_000) });
  const began = process.cpuUsage().user;
  createSentinel(JSON.parse(text));
  print(
    `${pkg.rules.length} rules, package of ${Math.ceil(text.length / 1024)} KiB, start-up ms`,
    (process.cpuUsage().user - began) / 1000,
  );
  print("", "");
  threeRequests(pkg);
  bodySizes(pkg);
  ruleCounts();
  worstCase(pkg);
  searchWorst(pkg);
}

if (import.meta.main) await benchSentinel();
