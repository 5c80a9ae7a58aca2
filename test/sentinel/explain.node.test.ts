import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  compileSentinel,
  type CorpusEntry,
  explain,
  formatExplanation,
  parseRequestText,
  parseRequestWords,
  type SentinelPackage,
  parseEntry,
  scoreCorpus,
} from "../../src/sentinel/compile/index.ts";

let root = "";
let pkg: SentinelPackage;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "explain-"));
  mkdirSync(join(root, "sentinel"));
  const text = `class: test
rules:
  - id: one
    description: a rule for tests
    variables: [args]
    transform: [remove-whitespace]
    operator: { rx: 'evil' }
    conditions: [{ variables: [method], operator: { within: [GET, POST] } }]
    hit: [GET /?q=evil]
    miss: [GET /]
`;
  writeFileSync(join(root, "sentinel", "a.yaml"), text);
  const { value } = compileSentinel(root, { proofs: join(root, "proofs.json") });
  if (value === undefined) throw new Error("not compiled");
  pkg = value;
});
afterAll(() => rmSync(root, { recursive: true }));

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe("a request as people have it", () => {
  test("a curl line, evidence untouched", () => {
    const request =
      parseRequestText(`curl 'https://shop.example/a/../b?q=%27#frag' -X PUT -H 'X-A: b c' --compressed -A "agent \\"x\\"" -b 'a=1' \\
      --data-raw $'{"a":"it\\u0027s\\n"}' -H 'content-type: application/json'`);
    expect(request).toMatchObject({ method: "PUT", target: "/a/../b?q=%27" });
    const headers = new Map(request.headers.map(([name, value]) => [name.toLowerCase(), value]));
    expect([
      headers.get("x-a"),
      headers.get("user-agent"),
      headers.get("cookie"),
      headers.get("content-type"),
    ]).toEqual(["b c", 'agent "x"', "a=1", "application/json"]);
    expect(text(request.body)).toBe('{"a":"it\'s\n"}');
  });

  test("curl's forms", () => {
    const post = parseRequestText("curl https://shop.example -d a=1 --data-urlencode 'b=x y'");
    expect([post.method, post.target, text(post.body)]).toEqual(["POST", "/", "a=1&b=x%20y"]);
    const get = parseRequestText("curl -G 'https://shop.example/s' -d q=1");
    expect([get.method, get.target, text(get.body)]).toEqual(["GET", "/s?q=1", ""]);
  });

  const header = (line: string, name: string): string | undefined =>
    parseRequestText(line).headers.find(([given]) => given.toLowerCase() === name)?.[1];
  const sent = (line: string): [string, string, string] => {
    const { method, target, body } = parseRequestText(line);
    return [method, target, text(body)];
  };

  test("what curl makes of its options", () => {
    const at = "https://shop.example:8443/a";
    expect(header(`curl -sSu joe:pw ${at}`, "authorization")).toBe("Basic am9lOnB3");
    expect(sent(`curl -u joe:pw ${at}`)).toEqual(["GET", "/a", ""]);
    expect(header(`curl ${at}`, "host")).toBe("shop.example:8443");
    expect(header(`curl ${at} -H 'Host: other.example'`, "host")).toBe("other.example");
    expect(header(`curl ${at} -H 'User-Agent:'`, "user-agent")).toBeUndefined();
    expect(header(`curl -A a -e https://b/ ${at}`, "referer")).toBe("https://b/");
    expect(header(`curl -b 'a=1; b=2' --url ${at}`, "cookie")).toBe("a=1; b=2");
    expect(sent(`curl -I ${at}`)).toEqual(["HEAD", "/a", ""]);
    expect(sent(`curl -XPUT ${at} -d ''`)).toEqual(["PUT", "/a", ""]);
    expect(sent(`curl -G '${at}?x=1#f' -d q=1 --data-urlencode 'r=a&b'`)).toEqual([
      "GET",
      "/a?x=1&q=1&r=a%26b",
      "",
    ]);
    expect(sent(`curl ${at} --json '{"a":' --json '1}'`)).toEqual(["POST", "/a", '{"a":1}']);
    expect(header(`curl ${at} --json 1`, "accept")).toBe("application/json");
  });

  test("curl's files", () => {
    const file = join(root, "data.txt");
    writeFileSync(file, "a=1\nb=2\n");
    const body = (option: string): string => sent(`curl https://shop.example/ ${option}`)[2];
    expect(body(`-d @${file}`)).toBe("a=1b=2");
    expect(body(`--data-binary @${file}`)).toBe("a=1\nb=2\n");
    expect(body("--data-raw @x")).toBe("@x");
    expect(body(`--data-urlencode n@${file}`)).toBe("n=a%3D1%0Ab%3D2%0A");
    expect(() => body("-d @/nowhere/x")).toThrow("sends the file /nowhere/x, which cannot be read");
  });

  test("curl's multipart forms are parsed as such", async () => {
    const file = join(root, "up.txt");
    writeFileSync(file, "content");
    const request = parseRequestText(`curl https://shop.example/ -F a=b -F 'up=@${file};type=text/plain'`);
    const { values } = await explain(pkg, request);
    expect(request.method).toBe("POST");
    const seen = new Map(values.map(({ where, forms }) => [where, forms[0]]));
    expect(seen.get("args.body:a")).toBe("b");
    expect(text(request.body)).toContain(
      'name="up"; filename="up.txt"\r\nContent-Type: text/plain\r\n\r\ncontent\r\n',
    );
  });

  test.each([
    ["curl --frobnicate x https://a.example/", "the curl option --frobnicate is not known"],
    ["curl -sZ https://a.example/", "the curl option -Z is not known"],
    ["curl https://a.example/ -H", "the curl option -H lacks its argument"],
    ["curl https://a.example/ https://b.example/", "two URLs"],
    ["curl 'https://a.example/", "a quote is not closed"],
    ['curl "https://a.example/', "a quote is not closed"],
    ["curl https://a.example/ -b jar.txt", "names a file of cookies"],
    ['curl ^"https://a.example/', "a quote is not closed"],
  ])("refused, not misread: %s", (line, message) => {
    expect(() => parseRequestText(line)).toThrow(message);
  });

  test("curl as Chrome copies it for cmd.exe", () => {
    const line = String.raw`curl ^"https://shop.example/s?q=a^%^20b^&r=^%^22^" ^
  -X ^"PUT^" ^
  -H ^"x-a: b^" ^
  --data-raw ^"^{^\^"a^\^":^\^"c:^\^\d^\^"^}^"`;
    const request = parseRequestText(line);
    expect([request.method, request.target]).toEqual(["PUT", "/s?q=a%20b&r=%22"]);
    expect(header(line, "x-a")).toBe("b");
    expect(text(request.body)).toBe(String.raw`{"a":"c:\d"}`);
  });

  test("words from which a shell has taken the quotes", () => {
    const request = parseRequestWords(["curl", "-H", "X-A: b c", "https://shop.example/?q=a b"]);
    expect(request.target).toBe("/?q=a b");
    expect(request.headers).toContainEqual(["X-A", "b c"]);
    expect(parseRequestWords(["GET", "/x"]).target).toBe("/x");
  });

  test("which entry of a HAR is meant has to be said where there are several", () => {
    const entry = (path: string) => ({
      request: { method: "GET", url: `https://shop.example${path}`, headers: [] },
    });
    const har = JSON.stringify({ log: { entries: [entry("/1"), entry("/2")] } });
    expect(() => parseRequestText(har)).toThrow("the HAR has 2 entries; say which with --entry 1 to 2");
    expect(() => parseRequestText(har, { entry: 3 })).toThrow("no entry 3");
    expect(parseRequestText(har, { entry: 2 }).target).toBe("/2");
  });

  test("a HAR entry, and a whole log", () => {
    const entry = {
      request: {
        method: "POST",
        url: "https://shop.example/x?y",
        headers: [
          { name: ":authority", value: "shop.example" },
          { name: "X-A", value: "b" },
        ],
        postData: { text: "body" },
      },
    };
    for (const har of [entry, entry.request, { log: { entries: [entry] } }]) {
      const request = parseRequestText(JSON.stringify(har));
      expect([request.method, request.target, text(request.body)]).toEqual(["POST", "/x?y", "body"]);
      expect(request.headers).toContainEqual(["X-A", "b"]);
    }
  });

  test("raw", () => {
    const request = parseRequestText("POST /x?a b HTTP/1.0\r\nHost: h\r\n\r\nbody\r\n\r\nmore");
    expect([request.method, request.target, request.protocol, text(request.body)]).toEqual([
      "POST",
      "/x?a b",
      "HTTP/1.0",
      "body\r\n\r\nmore",
    ]);
  });

  test.each(["", "hello", "{}", "curl -X POST"])("%j is none", (input) =>
    expect(() => parseRequestText(input)).toThrow(),
  );
});

describe("an explanation", () => {
  test("shows each value, its forms, the transformations and what was found", async () => {
    const lines = formatExplanation(
      await explain(pkg, parseRequestText("GET /?q=e%2520v+il&r=fine")),
      pkg,
      false,
    );
    expect(lines.join("\n"))
      .toBe(`block: score 5 of 5, 1 rule matched, work ${/work (\d+)/.exec(lines[0] ?? "")?.[1] ?? ""}

values
  method  "GET"
  args.query:q  "e%20v il"
    peeled 1  "e v il"
  args.query:r  "fine"

one  critical 5: a rule for tests
  asks  rx evil
    args.query:q, peeled 1
      value                "e v il"
      remove-whitespace    "evil"
      ->                   found "evil"
  and  within GET, POST
    method, as parsed
      value                "GET"
      ->                   found "GET"`);
  });

  test("shows what would have matched but for an exclusion", async () => {
    const exclusion = {
      rules: ["one"],
      tags: [],
      paths: ["/help"],
      reason: "searched for",
      expires: Infinity,
    };
    const excluding = {
      ...pkg,
      exclusions: [{ ...exclusion, parameters: [{ variable: "args", entry: "q" }] }],
    };
    const told = async (target: string): Promise<string> =>
      formatExplanation(await explain(excluding, parseRequestText(`GET ${target}`)), pkg, false).join("\n");
    const excluded = await told("/help?q=evil");
    expect(excluded).toMatch(/^pass: score 0 of 5, 0 rules matched/);
    expect(excluded).toContain("one  excluded here");
    expect(excluded).toContain('found "evil", but excluded here by exclusions.yaml');
    expect(await told("/help?q=fine")).not.toContain("excluded");
  });

  test("of one rule says why it did not match", async () => {
    const explanation = await explain(pkg, parseRequestText("GET /?q=fine"), { only: "one" });
    const lines = formatExplanation(explanation, pkg, true).join("\n");
    expect(lines).toContain("one  did not match");
    expect(lines).toContain("no (none of its literals occurs)");
  });
});

test("a corpus is scored by set, with the rules to blame", async () => {
  const line = (set: string, path: string, wanted: string): CorpusEntry =>
    parseEntry(JSON.stringify({ id: path, set, method: "GET", path, headers: [], expect: wanted }));
  const { sets, lines } = await scoreCorpus(pkg, [
    line("bad", "/?q=evil", "block"),
    line("bad", "/?q=fine", "block"),
    line("good", "/?q=evil", "pass"),
  ]);
  expect(lines).toBe(3);
  expect(sets.map(({ set, total, correct, blame }) => [set, total, correct, ...blame])).toEqual([
    ["bad", 2, 1],
    ["good", 1, 0, ["one", 1]],
  ]);
  expect(() => parseEntry('{"id":1}')).toThrow();
});
