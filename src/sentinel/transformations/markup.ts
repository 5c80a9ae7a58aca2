import { encode } from "./code-points.ts";

/** HTML entities that attacks use to hide what a browser then reads; the semicolon is optional, as in browsers. */
const NAMED: ReadonlyMap<string, string> = new Map(
  Object.entries({
    lt: "<",
    gt: ">",
    amp: "&",
    quot: '"',
    apos: "'",
    nbsp: " ",
    tab: "\t",
    newline: "\n",
    colon: ":",
    lpar: "(",
    rpar: ")",
    lbrace: "{",
    rbrace: "}",
    lcub: "{",
    rcub: "}",
    lbrack: "[",
    rbrack: "]",
    lsqb: "[",
    rsqb: "]",
    sol: "/",
    bsol: "\\",
    semi: ";",
    comma: ",",
    period: ".",
    equals: "=",
    dollar: "$",
    grave: "`",
    num: "#",
    percnt: "%",
    excl: "!",
    quest: "?",
    ast: "*",
    plus: "+",
    vert: "|",
    verbar: "|",
    lowbar: "_",
    commat: "@",
    zerowidthspace: "",
    shy: "",
  }),
);

const ENTITY = /&(?:#(?:x0{0,20}([0-9a-f]{1,6})|0{0,20}([0-9]{1,7}))|([a-z]{2,14}));?/gi;

export function htmlDecode(text: string): string {
  return text.replace(ENTITY, (all: string, hex?: string, decimal?: string, name?: string) => {
    if (hex !== undefined) return encode(parseInt(hex, 16));
    if (decimal !== undefined) return encode(parseInt(decimal, 10));
    return named(all, name ?? "");
  });
}

/** Names without a semicolon end where the longest known one does (`&ltscript` is `<script`), for the few that browsers allow. */
function named(all: string, name: string): string {
  const known = NAMED.get(name.toLowerCase());
  if (known !== undefined) return known;
  for (const prefix of ["lt", "gt", "amp", "quot", "nbsp"]) {
    if (name.toLowerCase().startsWith(prefix))
      return (NAMED.get(prefix) ?? "") + all.slice(1 + prefix.length);
  }
  return all;
}

/** CSS escapes: a backslash, one to six hexadecimal digits, one optional space; or a backslash before any other char. */
export function cssDecode(text: string): string {
  return text.replace(
    /\\(?:([0-9a-f]{1,6})[ \t\n\f]?|(\n)|([\s\S]))/gi,
    (_all, hex?: string, line?: string, char?: string) => {
      if (hex !== undefined) return encode(parseInt(hex, 16));
      return line === undefined ? (char ?? "") : "";
    },
  );
}
