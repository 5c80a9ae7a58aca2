import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addBody, encodingsOf, inflate } from "../../src/sentinel/bodies/index.ts";
import { Automaton } from "../../src/sentinel/engine/automaton.ts";
import { attempt } from "../../src/sentinel/engine/index.ts";
import { Transaction } from "../../src/sentinel/engine/transaction.ts";
import { DEFAULT_SETTINGS } from "../../src/sentinel/package.ts";
import { COLLECTIONS } from "../../src/sentinel/variables.ts";
import { latin1Bytes } from "./support.ts";

interface Parsed {
  readonly values: readonly string[];
  readonly faults: readonly string[];
  readonly budget: string | null;
}

function parse(type: string, body: string, complete = true): Parsed {
  const tx = new Transaction(new Automaton([]), DEFAULT_SETTINGS.limits, new Set(COLLECTIONS), 0);
  const headers: [string, string][] = type === "" ? [] : [["Content-Type", type]];
  const budget = attempt(() => addBody({ headers, bytes: latin1Bytes(body), complete }, tx));
  const shown = tx.values.filter(({ collection }) => !/^body|names$/.test(collection));
  return {
    values: shown.map(
      ({ collection, name, text }) =>
        `${collection.replace("args.body", "")}${name === "" ? "" : `${collection === "args.body" ? "" : ":"}${name}`}=${text}`,
    ),
    faults: tx.of("body.faults").map(({ text }) => text),
    budget,
  };
}

function part(headers: string, content: string): string {
  return `--b\r\n${headers}\r\n\r\n${content}\r\n`;
}
const FIELD = 'Content-Disposition: form-data; name="a"';
const MULTIPART = "multipart/form-data; boundary=b";

const CASES: readonly (readonly [
  what: string,
  type: string,
  body: string,
  values: readonly string[],
  faults?: readonly string[],
])[] = [
  ["a form", "application/x-www-form-urlencoded", "a=1+2&b=%3C&c&=d", ["a=1 2", "b=<", "c=", "=d"]],
  [
    "JSON",
    "application/json",
    '{"a":{"b":[1,"x\\u003c",null]},"c":"d"}',
    ["a.b[0]=1", "a.b[1]=x<", "a.b[2]=null", "c=d"],
  ],
  [
    "JSON escapes as if they were not escaped",
    "application/json",
    '{"a":"\\u00e9\\ud83d\\udc5f\\u2019\\uff1c\\ud800\\/"}',
    ["a=\xc3\xa9\xf0\x9f\x91\x9f'<?/"],
  ],
  ["JSON with a key twice", "application/json", '{"a":1,"a":2}', ["a=1", "a=2"], ["duplicate-key"]],
  [
    "JSON under long keys by the end of its name",
    "application/json",
    `{"${"k".repeat(600)}":{"a":[1]}}`,
    [`${"k".repeat(508)}.a[0]=1`.slice(-514)],
  ],
  [
    "XML under long names by the end of its name",
    "text/xml",
    `<${"k".repeat(600)}><a b="c">d</a></${"k".repeat(600)}>`,
    [`${"k".repeat(510)}.a@b=c`, `${"k".repeat(510)}.a=d`],
  ],
  ["JSON in JSON", "application/json", '{"a":"{\\"b\\":\\"c\\"}"}', ['a={"b":"c"}', "a.b=c"]],
  ["JSON in a form", "application/x-www-form-urlencoded", "a=%7B%22b%22%3A1%7D", ['a={"b":1}', "a.b=1"]],
  ["what follows broken JSON", "application/json", '{"a":1} or <x>', ["a=1", "=or <x>"], ["malformed-json"]],
  ["what begins like JSON", "application/json", "{{7*7}}", ["={{7*7}}"], ["malformed-json"]],
  [
    "a form's text without a name",
    "application/x-www-form-urlencoded",
    "a=1&b' or '1'='1",
    ["a=1", "b' or '1'='1", "=b' or '1'='1"],
  ],
  ["a JSON string that never ends", "application/json", '{"a":"<x', ["=<x"], ["malformed-json"]],
  ["JSON behind a byte order mark", "application/json", '\xef\xbb\xbf{"a":1}', ["a=1"]],
  [
    "JSON said to be a form",
    "application/x-www-form-urlencoded",
    '{"a":"b"}',
    ['{"a":"b"}=', "a=b"],
    ["mislabelled"],
  ],
  ["a form said to be JSON", "application/json", "a=b", ["=a=b", "a=b"], ["malformed-json", "mislabelled"]],
  ["JSON said to be an image", "image/png", '{"a":"b"}', ['files.content={"a":"b"}', "a=b"], ["mislabelled"]],
  ["JSON said to be nothing", "", '{"a":"b"}', ["a=b"]],
  ["plain text", "text/plain", "hello there", ["=hello there"]],
  ["bytes said to be nothing", "", "\x01\x02\x03\xff\x00", ["files.content=\x01\x02\x03\xff\x00"]],
  ["text with a control byte", "", `${"x".repeat(40)}\x01`, [`=${"x".repeat(40)}\x01`]],
  ["bytes", "application/octet-stream", "\0\x01", ["files.content=\0\x01"]],
  ["UTF-16", "application/json; charset=utf-16le", '{\0"\0a\0"\0:\x001\0}\0', ["a=1"], ["charset"]],
  ["a charset of a partner", "text/plain; charset=shift_jis", "x", ["=x"], ["charset"]],
  ["a charset by its other name", "text/plain; charset=cp1252", "x", ["=x"], ["charset"]],
  ["a charset that hides", "text/plain; charset=ibm037", "x", ["=x"], ["hidden-charset"]],
  [
    "an upload without a name",
    MULTIPART,
    `${part(`${FIELD}; filename=""`, "x")}--b--`,
    ["files.fields=a", "files:a=", "files.types:a=", "files.content:a=x", "a=x"],
  ],
  ["a field", MULTIPART, `${part(FIELD, "x")}--b--`, ["a=x"]],
  ["a field with bare line feeds", MULTIPART, `--b\n${FIELD}\n\nx\n--b--`, ["a=x"]],
  ["a quoted boundary", 'multipart/form-data; boundary="b"', `${part(FIELD, "x")}--b--`, ["a=x"]],
  [
    "two boundaries",
    "multipart/form-data; boundary=b; boundary=c",
    `${part(FIELD, "x")}--b--`,
    ["a=x"],
    ["bad-boundary"],
  ],
  ["no boundary", "multipart/form-data", `${part(FIELD, "x")}--b--`, ["a=x"], ["bad-boundary"]],
  ["two names", MULTIPART, `${part(`${FIELD}; name="b"`, "x")}--b--`, ["a=x"], ["duplicate-field-parameter"]],
  [
    "no name",
    MULTIPART,
    `${part("Content-Disposition: form-data", "x")}--b--`,
    ["=x"],
    ["malformed-multipart"],
  ],
  ["no headers at all", MULTIPART, "--b\r\n\r\nx\r\n--b--", ["=x"], ["malformed-multipart"]],
  [
    "text before the first part",
    MULTIPART,
    `evil\r\n${part(FIELD, "x")}--b--`,
    ["=evil", "a=x"],
    ["malformed-multipart"],
  ],
  [
    "text after the last part",
    MULTIPART,
    `${part(FIELD, "x")}--b--\r\nevil`,
    ["=\r\nevil", "a=x"],
    ["malformed-multipart"],
  ],
  ["no end", MULTIPART, part(FIELD, "x"), ["a=x\r\n"], ["malformed-multipart"]],
  [
    "an upload",
    MULTIPART,
    `${part(`${FIELD}; filename="x.php"\r\nContent-Type: image/png`, "<?php")}--b--`,
    ["files.fields=a", "files:a=x.php", "files.types:a= image/png", "files.content:a=<?php"],
  ],
  [
    "a file name said two ways",
    MULTIPART,
    `${part(`${FIELD}; filename=x.jpg; filename*=UTF-8''x%2Ephp`, "y")}--b--`,
    ["files.fields=a", "files:a=x.jpg", "files:a=x.php", "files.types:a=", "files.content:a=y"],
    ["duplicate-field-parameter"],
  ],
  [
    "an escaped quote in a file name",
    MULTIPART,
    `${part(`${FIELD}; filename="a\\".php"`, "y")}--b--`,
    ["files.fields=a", 'files:a=a".php', "files.types:a=", "files.content:a=y"],
  ],
  [
    "a folded header",
    MULTIPART,
    `${part('Content-Disposition: form-data;\r\n name="a"', "x")}--b--`,
    ["a=x"],
  ],
  [
    "base64 in a part",
    MULTIPART,
    `${part(`${FIELD}\r\nContent-Transfer-Encoding: base64`, "PHg+")}--b--`,
    ["a=<x>"],
    ["part-header"],
  ],
  [
    "quoted-printable in a part",
    MULTIPART,
    `${part(`${FIELD}\r\nContent-Transfer-Encoding: quoted-printable`, "=3Cx=\r\n=3E")}--b--`,
    ["a=<x>"],
    ["part-header"],
  ],
  [
    "a charset of a part",
    MULTIPART,
    `${part(`${FIELD}\r\nContent-Type: text/plain; charset=utf-7`, "x")}--b--`,
    ["a=x"],
    ["charset"],
  ],
  [
    "XML",
    "application/xml",
    '<?xml version="1.0"?><a k="v&lt;"><b>x</b>y</a>',
    ['#instruction=xml version="1.0"', "a@k=v<", "a.b=x", "a=y"],
  ],
  [
    "XML text joined over comments and CDATA",
    "text/xml",
    "<a>sel<!--c--><![CDATA[ect]]></a>",
    ["a#comment=c", "a=select"],
  ],
  [
    "a document type",
    "text/xml",
    '<!DOCTYPE a SYSTEM "x"><a/>',
    ['#doctype=<!DOCTYPE a SYSTEM "x"'],
    ["xml-doctype"],
  ],
  [
    "an entity",
    "text/xml",
    '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    ['#doctype=<!DOCTYPE a [<!ENTITY x "y">]', "a=&x;"],
    ["xml-doctype", "xml-entity"],
  ],
  ["broken XML", "text/xml", "<a><b></a>", ["a=</a>"], ["malformed-xml"]],
  [
    "GraphQL in JSON",
    "application/json",
    '{"query":"query Q($a:Int){ p: product(id:\\"1\\\\u0027\\") { name } } #c"}',
    ["query.argument=1'", "query.argument=c", "graphql.depth=2", "graphql.fields=2", "graphql.aliases=1"],
  ],
  [
    "GraphQL as such",
    "application/graphql",
    '{ a(x: """b""") }',
    ["query.argument=b", "graphql.depth=1", "graphql.fields=1", "graphql.aliases=0"],
  ],
  [
    "GraphQL strings with escapes",
    "application/graphql",
    '{ a(x: "b\\r\\nc\\uff1c") { d } }',
    ["query.argument=b\r\nc<", "graphql.depth=2", "graphql.fields=2", "graphql.aliases=0"],
  ],
  [
    "what only looks like GraphQL",
    "application/json",
    '{"query":"{ select * from users }"}',
    ["query={ select * from users }"],
  ],
];

describe("bodies", () => {
  const cases = CASES.map(([what, type, body, values, faults = []]) => ({
    what,
    type,
    body,
    values,
    faults,
  }));

  test.each(cases)("$what", ({ type, body, values, faults }) => {
    const parsed = parse(type, body);
    expect(parsed.values).toEqual(values);
    expect(parsed.faults.toSorted()).toEqual([...faults].toSorted());
    expect(parsed.budget).toBeNull();
  });

  test("all ran", () => expect(CASES).toHaveLength(53));

  test("a prefix is marked and not called malformed", () => {
    expect(parse("application/json", '{"a":"b', false)).toMatchObject({
      values: ["=b"],
      faults: ["truncated"],
    });
  });

  test.each([
    ["nesting", "application/json", "[".repeat(40)],
    ["nesting", "text/xml", "<a>".repeat(40)],
    ["nesting", "application/graphql", `{${"a{".repeat(40)}`],
    ["parts", MULTIPART, part(FIELD, "x").repeat(200)],
    ["values", "application/x-www-form-urlencoded", "a=1&".repeat(3000)],
  ])("the budget of %s is exceeded by name (%s)", (budget, type, body) => {
    expect(parse(type, body).budget).toBe(budget);
  });

  test.each([
    "application/json",
    "text/xml",
    MULTIPART,
    "application/x-www-form-urlencoded",
    "application/graphql",
    "",
    "text/plain; charset=utf-16",
  ])("no text of type %j makes a parser throw anything but a budget", (type) => {
    const piece = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      '"',
      ":",
      ",",
      "\\",
      "\\u00",
      "a",
      "1",
      "<",
      ">",
      "<a>",
      "</a>",
      "<!--",
      "]]>",
      "<![CDATA[",
      "<!DOCTYPE",
      "&",
      "=",
      "%",
      "--b",
      "\r\n",
      "\n",
      "--",
      FIELD,
      "; filename*=",
      "'",
      "(",
      ")",
      "...",
      "$",
      "@",
      "#",
      '"""',
      "\0",
      "\xff",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), fc.boolean(), (pieces, complete) => {
        const { budget } = parse(type, pieces.join(""), complete);
        expect([null, "nesting", "values", "parts"]).toContain(budget);
      }),
      { numRuns: 400 },
    );
  });
});

describe("compressed bodies", () => {
  const compress = async (text: string, format: "gzip" | "deflate" | "deflate-raw"): Promise<Uint8Array> =>
    new Uint8Array(
      await new Response(new Blob([text]).stream().pipeThrough(new CompressionStream(format))).arrayBuffer(),
    );
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

  test.each(["gzip", "deflate"] as const)("%s is undone", async (format) => {
    const { bytes, fault } = await inflate(await compress("a=1", format), [format], 1000, true);
    expect([text(bytes), fault]).toEqual(["a=1", null]);
  });

  test("a deflate without its zlib frame, as some clients send it", async () => {
    const { bytes, fault } = await inflate(await compress("a=1", "deflate-raw"), ["deflate"], 1000, true);
    expect([text(bytes), fault]).toEqual(["a=1", null]);
  });

  test("what is no compression is none", () => {
    expect(encodingsOf([["Content-Encoding", "UTF-8, identity, none, gzip"]])).toEqual(["gzip"]);
  });

  test("twice", async () => {
    const once = await compress("a=1", "deflate");
    const twice = new Uint8Array(
      await new Response(new Blob([once]).stream().pipeThrough(new CompressionStream("gzip"))).arrayBuffer(),
    );
    expect(text((await inflate(twice, ["deflate", "gzip"], 1000, true)).bytes)).toBe("a=1");
  });

  test("a bomb exceeds the budget of that name", async () => {
    await expect(inflate(await compress("a".repeat(100_000), "gzip"), ["gzip"], 1000, true)).rejects.toThrow(
      "inflated",
    );
  });

  test("what is no gzip is a fault, a gzip that is cut off only where it should be whole", async () => {
    const { bytes, fault } = await inflate(latin1Bytes("hello"), ["gzip"], 1000, true);
    expect([text(bytes), fault], "left as it came").toEqual(["hello", "bad-compression"]);
    const whole = await compress("abc".repeat(2000), "gzip");
    const cut = whole.subarray(0, whole.length - 9);
    expect((await inflate(cut, ["gzip"], 10_000, true)).fault).toBe("bad-compression");
    expect((await inflate(cut, ["gzip"], 10_000, false)).fault).toBeNull();
  });

  test("an encoding that nobody here can undo is named", async () => {
    expect((await inflate(latin1Bytes("x"), ["br"], 1000, true)).fault).toBe("unknown-encoding");
  });
});
