import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type CompiledSentinel,
  compileSentinel,
  ruleJsonSchema,
  runInlineTests,
} from "../../src/sentinel/compile/index.ts";

const NOW = Date.UTC(2026, 10, 22);
let root = "";
let count = 0;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "sentinel-"));
});
afterAll(() => rmSync(root, { recursive: true }));

/** Compiles files as rules/sentinel/ would hold them. */
function compile(files: Readonly<Record<string, string | Uint8Array>>): CompiledSentinel {
  const dir = join(root, String(count++));
  for (const [name, text] of Object.entries(files)) {
    const path = join(dir, "sentinel", name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  return compileSentinel(dir, { now: NOW, proofs: join(root, "proofs.json") });
}

/** A file with one rule; `lines` replace or add keys. */
function rule(...lines: string[]): string {
  return [
    "class: test",
    "rules:",
    "  - id: one",
    "    description: a rule for tests",
    ...lines.map((line) => `    ${line}`),
    "    hit: [GET /?q=evil]",
    "    miss: [GET /]",
  ].join("\n");
}
const SOUND = rule("variables: [args]", "operator: { contains: evil }");

describe("a sound folder", () => {
  test("compiles, and equal rules give equal versions", () => {
    const one = compile({ "a.yaml": SOUND });
    expect(one.faults).toEqual([]);
    expect(one.value).toMatchObject({
      format: 1,
      rules: [{ id: "one", class: "test", phase: 2, score: 5 }],
      literals: ["evil"],
    });
    expect(one.value?.version).toMatch(/^[0-9a-f]{16}$/);
    expect(compile({ "a.yaml": SOUND }).value?.version).toBe(one.value?.version);
    expect(compile({ "a.yaml": SOUND.replace("evil }", "vile }") }).value?.version).not.toBe(
      one.value?.version,
    );
    expect(JSON.parse(JSON.stringify(one.value))).toEqual(one.value);
  });

  test("may be empty or absent", () => {
    expect(compile({}).value).toMatchObject({ rules: [] });
    expect(compileSentinel(join(root, "nowhere"), { proofs: join(root, "proofs.json") }).value).toMatchObject(
      { rules: [] },
    );
  });

  test("takes the phase from the variables, the score from the severity, the rest from defaults", () => {
    const text = `class: test\ndefaults: { variables: [path], severity: notice, tags: [t] }\nlists: { words: [a, b] }\nmacros: { gap: '\\s{1,3}' }\nrules:\n${["path", "body", "response.status", "response.body"].map((name, index) => `  - { id: r${index}, description: a rule for tests, variables: [${name}], operator: { rx: 'a{{gap}}b' }, hit: [GET /], miss: [GET /] }`).join("\n")}\n  - { id: r9, description: a rule for tests, operator: { within: $words }, severity: error, hit: [GET /], miss: [GET /] }`;
    const { value, faults } = compile({ "a.yaml": text });
    expect(faults).toEqual([]);
    expect(value?.rules.map(({ phase, score, tags }) => [phase, score, ...tags])).toEqual([
      [1, 2, "t"],
      [2, 2, "t"],
      [3, 2, "t"],
      [4, 2, "t"],
      [1, 4, "t"],
    ]);
    expect(value?.expressions.map(({ source }) => source)).toEqual(["a(?:\\s{1,3})b"]);
    expect(value?.lists).toEqual([["a", "b"]]);
  });

  test("reads phrase files and settings", () => {
    const { value, faults } = compile({
      "a.yaml": rule("variables: [args]", "operator: { phrases: file:bad.txt }"),
      "data/bad.txt": "# a comment\nEvil\n\nTwo words\n",
      "settings.yaml": "thresholds: { total: 7 }\nlimits: { body: 2048 }\nbeyond: reject",
    });
    expect(faults).toEqual([]);
    expect(value).toMatchObject({
      lists: [["Evil", "Two words"]],
      settings: {
        thresholds: { total: 7, classes: {} },
        limits: { body: 2048, values: 4000 },
        beyond: "reject",
      },
    });
  });

  test("exports a schema that editors can use", () => {
    expect(ruleJsonSchema()).toMatchObject({
      type: "object",
      required: ["class"],
      properties: { rules: { type: "array" } },
    });
    expect(ruleJsonSchema("exclusions")).toMatchObject({ required: ["exclusions"] });
    expect(ruleJsonSchema("settings")).toMatchObject({ type: "object" });
  });
});

const EXCLUSION = (lines: string): Record<string, string> => ({
  "a.yaml": SOUND,
  "exclusions.yaml": `exclusions:\n  - reason: a reason that is long enough\n    expires: 2027-01-01\n    ${lines.split("\n").join("\n    ")}\n`,
});

const REFUSED: readonly (readonly [
  what: string,
  files: Readonly<Record<string, string | Uint8Array>>,
  line: number,
  message: RegExp,
])[] = [
  [
    "a capture of what has no groups",
    { "a.yaml": rule("variables: [args]", "operator: sqli", "capture: true") },
    7,
    /nothing to capture/,
  ],
  [
    "a capture that nothing captured",
    {
      "a.yaml": rule(
        "variables: [args]",
        "operator: sqli",
        "conditions: [{ variables: [capture:1], operator: present }]",
      ),
    },
    7,
    /nothing is captured before/,
  ],
  [
    "a first condition that compares with another value",
    { "a.yaml": rule("variables: [args]", 'operator: { equals: "%{headers:host}" }') },
    6,
    /the first condition compares with another value/,
  ],
  [
    "an unknown variable in a text",
    {
      "a.yaml": rule(
        "variables: [args]",
        "operator: sqli",
        'conditions: [{ variables: [path], operator: { contains: "x%{hosts}" } }]',
      ),
    },
    7,
    /unknown variable hosts/,
  ],
  [
    "what sequences remember",
    { "a.yaml": rule("variables: [tx:score]", "operator: sqli") },
    5,
    /unknown variable tx;? ?/,
  ],
  ["broken YAML", { "a.yaml": "class: [" }, 1, /not valid YAML/],
  [
    "an unknown key",
    { "a.yaml": rule("variables: [args]", "operator: sqli", "colour: red") },
    7,
    /colour: unknown key/,
  ],
  ["no class", { "a.yaml": "rules: []" }, 1, /class/],
  ["no variables", { "a.yaml": rule("operator: sqli") }, 3, /no variables/],
  [
    "an unknown variable",
    { "a.yaml": rule("variables: [argz]", "operator: sqli") },
    5,
    /unknown variable argz/,
  ],
  [
    "an entry of what has none",
    { "a.yaml": rule("variables: [path:x]", "operator: sqli") },
    5,
    /path has no entries/,
  ],
  [
    "only what is left out",
    { "a.yaml": rule('variables: ["!args:x"]', "operator: sqli") },
    5,
    /nothing is looked at/,
  ],
  [
    "an unknown operator",
    { "a.yaml": rule("variables: [args]", "operator: { magic: x }") },
    6,
    /unknown operator magic/,
  ],
  [
    "an operator without its argument",
    { "a.yaml": rule("variables: [args]", "operator: rx") },
    6,
    /"rx" is not how rx is written/,
  ],
  [
    "two operators at once",
    { "a.yaml": rule("variables: [args]", "operator: { rx: a, contains: b }") },
    6,
    /more than one operator/,
  ],
  [
    "a list by the name of what every object has",
    { "a.yaml": `lists: { a: [b] }\n${rule("variables: [args]", "operator: { phrases: $constructor }")}` },
    7,
    /unknown list \$constructor/,
  ],
  [
    "a macro by the name of what every object has",
    { "a.yaml": `macros: { a: b }\n${rule("variables: [args]", "operator: { rx: 'x{{constructor}}' }")}` },
    7,
    /macro constructor is not known/,
  ],
  [
    "a phrase file in another encoding",
    {
      "a.yaml": rule("variables: [args]", "operator: { phrases: file:words.txt }"),
      "data/words.txt": Buffer.from("evil\nn\xe3o\n", "latin1"),
    },
    2,
    /not UTF-8/,
  ],
  [
    "an example that is no request",
    { "a.yaml": SOUND.replace("[GET /]", "[union select]") },
    8,
    /"union select" is no request line/,
  ],
  [
    "an example with a line that is no header",
    { "a.yaml": SOUND.replace("[GET /]", '["GET /\\nHost"]') },
    8,
    /"Host" is no header/,
  ],
  [
    "an unknown transformation",
    { "a.yaml": rule("variables: [args]", "transform: [rot13]", "operator: sqli") },
    6,
    /unknown transformation "rot13"/,
  ],
  ["a duplicate id", { "a.yaml": SOUND, "b.yaml": SOUND }, 3, /one: the id is taken/],
  [
    "the blocking decision as an id",
    { "a.yaml": SOUND.replace("id: one", "id: block") },
    3,
    /blocking decision/,
  ],
  [
    "a bad CIDR",
    { "a.yaml": rule("variables: [client.ip]", "operator: { ip: [10.0.0.0/33] }") },
    6,
    /"10.0.0.0\/33" is no address/,
  ],
  [
    "a bad byte range",
    { "a.yaml": rule("variables: [args]", "operator: { bytes-outside: [32-999] }") },
    6,
    /"32-999" is no byte/,
  ],
  [
    "an expression that is none",
    { "a.yaml": rule("variables: [args]", "operator: { rx: '(' }") },
    6,
    /Unterminated group|Invalid regular expression/,
  ],
  [
    "an exponential expression that only V8 can run",
    { "a.yaml": rule("variables: [args]", "operator: { rx: '^(?=x)(a+)+$' }") },
    6,
    /cannot run it/,
  ],
  [
    "an expression beyond ASCII",
    { "a.yaml": rule("variables: [args]", "operator: { rx: 'é' }") },
    6,
    /beyond ASCII/,
  ],
  [
    "an unknown list",
    { "a.yaml": rule("variables: [args]", "operator: { phrases: $none }") },
    6,
    /unknown list \$none/,
  ],
  [
    "an unknown macro",
    { "a.yaml": rule("variables: [args]", "operator: { rx: '{{none}}' }") },
    6,
    /macro none is not known/,
  ],
  [
    "a phrase file that is not there",
    { "a.yaml": rule("variables: [args]", "operator: { phrases: file:none.txt }") },
    6,
    /no phrase file none.txt/,
  ],
  ["no hit", { "a.yaml": SOUND.replace("hit: [GET /?q=evil]", "hit: []") }, 7, /no example/],
  ["no miss", { "a.yaml": SOUND.replace(/\n {4}miss.*/, "") }, 3, /miss/],
  [
    "a bad severity",
    { "a.yaml": rule("variables: [args]", "operator: sqli", "severity: awful") },
    7,
    /not a severity/,
  ],
  [
    "an exclusion of the blocking decision",
    EXCLUSION("rules: [block]\npaths: [/x]"),
    4,
    /without it every attack passes/,
  ],
  [
    "an exclusion of ModSecurity's blocking rule",
    EXCLUSION('rules: ["949110"]\npaths: [/x]'),
    4,
    /without it every attack passes/,
  ],
  ["an exclusion of no rule", EXCLUSION("paths: [/x]"), 2, /names no rule/],
  ["an exclusion of everything everywhere", EXCLUSION("rules: [one]"), 2, /of everything everywhere/],
  ["an exclusion of an unknown rule", EXCLUSION("rules: [two]\npaths: [/x]"), 4, /no rule two/],
  ["an exclusion of an unknown tag", EXCLUSION("tags: [two]\npaths: [/x]"), 4, /no rule has the tag two/],
  [
    "an exclusion of an unknown variable",
    EXCLUSION("rules: [one]\nparameters: [argz]"),
    5,
    /unknown variable argz/,
  ],
  [
    "an expired exclusion",
    {
      ...EXCLUSION("rules: [one]\npaths: [/x]"),
      "exclusions.yaml":
        "exclusions:\n  - rules: [one]\n    paths: [/x]\n    reason: a reason that is long enough\n    expires: 2026-11-21\n",
    },
    5,
    /expired on 2026-11-21/,
  ],
  [
    "an exclusion without a reason",
    {
      "a.yaml": SOUND,
      "exclusions.yaml": "exclusions:\n  - rules: [one]\n    paths: [/x]\n    expires: 2027-01-01\n",
    },
    2,
    /reason/,
  ],
  [
    "a rule that looks at a request's values in an answer",
    { "a.yaml": rule("variables:", "  - response.body", "  - args", "operator: { contains: evil }") },
    7,
    /one: args is not there when answers are looked at/,
  ],
  [
    "a condition that does",
    {
      "a.yaml": rule(
        "variables: [response.body]",
        "operator: { contains: evil }",
        "conditions:",
        "  - { variables: [path], operator: present }",
        "  - { variables: [cookies], operator: present }",
      ),
    },
    9,
    /one: cookies is not there/,
  ],
  [
    "a comparison that does",
    {
      "a.yaml": rule(
        "variables: [response.headers:location]",
        "operator: { contains: http }",
        'conditions: [{ variables: [response.headers:location], operator: { contains: "%{headers:host}" } }]',
      ),
    },
    7,
    /one: headers is not there/,
  ],
  ["a file of another kind", { "mine.yml": SOUND }, 0, /no rules are read from this file/],
  ["a file without a kind", { "x.conf": "SecRule" }, 0, /no rules are read from this file/],
  ["a folder", { "more/a.yaml": SOUND }, 0, /no rules are read from a folder/],
  ["a phrase file beside the rules", { "bad.txt": "evil" }, 0, /no rules are read from this file/],
  ["a file in data/ that is no phrase file", { "data/bad.csv": "evil" }, 0, /no rules are read/],
  ["a setting that is none", { "settings.yaml": "thresholds: { total: 0 }" }, 1, /thresholds.total/],
];

describe("refused by name, line and remedy", () => {
  test.each(REFUSED)("%s", (_what, files, line, message) => {
    const { value, faults } = compile(files);
    expect(value).toBeUndefined();
    const fault = faults.find((entry) => message.test(entry.message));
    expect(fault, JSON.stringify(faults)).toBeDefined();
    expect(fault?.line).toBe(line);
    expect(fault?.remedy.length).toBeGreaterThan(5);
  });

  test("all ran", () => expect(REFUSED).toHaveLength(52));

  test("a file that is not read, with what to do about it", () => {
    const { faults } = compile({
      "mine.yml": SOUND,
      "data/unused.txt": "evil",
      "more/a.yaml": SOUND,
      ".DS_Store": "",
      "bad.txt": "evil",
    });
    expect(faults.map(({ file, remedy }) => [file.split("/").at(-1), remedy])).toEqual([
      ["bad.txt", "move it to data/ if it is a phrase file, or remove it"],
      ["mine.yml", "rename it to mine.yaml"],
      ["more", expect.stringContaining("move its files")],
    ]);
  });

  test("but method and path stand beside an answer", () => {
    const { faults } = compile({
      "a.yaml": rule(
        "variables: [response.headers:location]",
        "operator: { rx: '^([a-z]{1,9}):' }",
        "capture: true",
        'conditions: [{ variables: [capture:1, method], operator: { contains: "%{path}" } }]',
      ),
    });
    expect(faults).toEqual([]);
  });

  test("faults of shape and of sense at once, and none that only follow from another", () => {
    const { faults } = compile({
      "a.yaml": `class: Test
defaults: { variables: [args], severity: awful }
lists: { bad: 7 }
rules:
  - { id: one, description: short, operator: sqli, tags: [t], hit: [GET /], miss: [GET /] }
  - { id: two, description: a rule for tests, variables: [argz], operator: sqli, hit: [GET /], miss: [GET /] }
  - { id: three, description: a rule for tests, operator: { phrases: $bad }, hit: [GET /], miss: [GET /] }
  - { id: one, description: a rule for tests, variables: [client.ip], operator: { ip: [10.0.0.0/33] }, hit: [GET /], miss: [GET /] }
rates:
  - { id: four, description: short, paths: [x], key: [ip], limit: RATE, hit: [GET /], miss: [GET /] }
`,
      "exclusions.yaml": `exclusions:
  - { rules: [one], paths: [/x], reason: short, expires: 2027-01-01 }
  - { rules: [block], paths: [/x], reason: a reason that is long enough, expires: 2027-01-01 }
  - { rules: [one, two], tags: [t], paths: [/x], reason: a reason that is long enough, expires: 2026-01-01 }
`,
    });
    expect(faults.map(({ file, line }) => `${file.split("/").at(-1)}:${line}`).toSorted()).toEqual(
      [1, 2, 3, 5, 6, 8, 8, 10, 10]
        .map((line) => `a.yaml:${line}`)
        .concat([2, 3, 4].map((line) => `exclusions.yaml:${line}`))
        .toSorted(),
    );
  });

  test.each([
    ["description: short", /^rates\[0\]\.description: too short$/, /^say in one line what it holds back$/],
    ["paths: [x]", /^rates\[0\]\.paths\[0\]: not a path pattern$/, /^begin it with \//],
    ["paths: []", /^rates\[0\]\.paths: no path$/, /^give at least one/],
    [
      "hit: [{ response: { status: 99 } }]",
      /^rates\[0\]\.hit\[0\]\.response\.status: is below 100$/,
      /^write 100 or more$/,
    ],
  ])("%s says what to write", (line, message, remedy) => {
    const keys = {
      id: "four",
      description: "a limit for tests",
      paths: "[/x]",
      key: "[ip]",
      limit: "RATE",
      hit: "[GET /x]",
      miss: "[GET /]",
    };
    const [, key = "", value = ""] = /^(\w+): (.*)$/.exec(line) ?? [];
    const text = Object.entries({ ...keys, [key]: value }).map((pair) => pair.join(": "));
    const { faults } = compile({ "a.yaml": `class: test\nrates:\n  - ${text.join("\n    ")}\n` });
    expect(faults).toHaveLength(1);
    expect(faults[0]?.message).toMatch(message);
    expect(faults[0]?.remedy).toMatch(remedy);
  });

  test("what a rule asks is looked at where what it says of itself is wrong", () => {
    const { faults } = compile({
      "a.yaml": rule(
        "varables: [argz]",
        "severity: high",
        "operator: { rx: '(' }",
        "conditions: [{ variables: [argz], operator: sqli }]",
      ),
    });
    expect(new Set(faults.map(({ line }) => line))).toEqual(new Set([5, 6, 7, 8]));
    expect(faults).toHaveLength(4);
  });

  test("all faults at once", () => {
    const { faults } = compile({
      "a.yaml": rule("variables: [argz, path:x]", "operator: { rx: '(' }"),
      "b.yaml": "class: 7",
      "exclusions.yaml": "exclusions: 1",
    });
    expect(new Set(faults.map(({ file }) => file.split("/").at(-1)))).toEqual(
      new Set(["a.yaml", "b.yaml", "exclusions.yaml"]),
    );
    expect(faults.length).toBeGreaterThanOrEqual(5);
  });
});

describe("the examples beside rules", () => {
  test("behave, in every way of writing one", async () => {
    const hits = [
      "GET /?q=evil",
      '"POST /x\\nContent-Type: application/json\\n\\n{\\"a\\":\\"evil\\"}"',
      "{ arg: so evil }",
      "{ form: { a: evil } }",
      "{ json: { a: [evil] } }",
      "{ cookie: { a: evil } }",
      "{ path: /x, headers: { Referer: evil } }",
      "{ method: PUT, body_base64: ZXZpbA== }",
    ];
    const text = rule("variables: [args, cookies, headers]", "operator: { contains: evil }").replace(
      "[GET /?q=evil]",
      `\n${hits.map((hit) => `      - ${hit}`).join("\n")}`,
    );
    const { value, tests, faults } = compile({ "a.yaml": text });
    if (value === undefined) throw new Error(JSON.stringify(faults));
    expect(await runInlineTests(value, tests)).toEqual({ run: hits.length + 1, faults: [] });
  });

  test("of answers", async () => {
    const text = rule("variables: [response.body]", "operator: { contains: leak }")
      .replace(
        "[GET /?q=evil]",
        "[{ response: { status: 500, headers: { Content-Type: text/html }, body: a leak } }]",
      )
      .replace(
        "[GET /]",
        "[{ response: { body: fine } }, { response: { headers: { Content-Type: image/png }, body: leak } }]",
      );
    const { value, tests } = compile({ "a.yaml": text });
    if (value === undefined) throw new Error("not compiled");
    expect(await runInlineTests(value, tests)).toEqual({ run: 3, faults: [] });
  });

  test("that do not are faults with their line", async () => {
    const { value, tests } = compile({
      "a.yaml": SOUND.replace("GET /?q=evil", "GET /?q=fine").replace("[GET /]", "[GET /, GET /?q=evil]"),
    });
    if (value === undefined) throw new Error("not compiled");
    const { run, faults } = await runInlineTests(value, tests);
    expect(run).toBe(3);
    expect(faults.map(({ line, message }) => [line, message])).toEqual([
      [7, "one does not match its hit"],
      [8, "one matches its miss"],
    ]);
  });
});
