/** URLs that run script, as a browser reads them: entities decoded, white space and control bytes dropped. */

/** `javascript:` and its kin, in a value whose white space, control bytes and entities are gone. */
const SCHEME =
  /^["'`<(]{0,3}(?:javascript|vbscript|livescript|jscript|mocha|ecmascript)(?::|#|&colon;)|url[=(]["']?(?:java|vb|live)script:|^["'`]?data:(?:text\/(?:html|xml|x-?javascript|javascript|vbscript)|application\/(?:xhtml|xml|x-?javascript|javascript)|[,;]|text\/plain[^,]{0,40},.{0,40}<)/;

/** Whether a URL, as it stands in an attribute, runs script or shows a document of the attacker's. */
export function runsScript(url: string): boolean {
  return SCHEME.test(plainUrl(url));
}

const ENTITIES: Readonly<Record<string, string>> = {
  colon: ":",
  tab: "\t",
  newline: "\n",
  lpar: "(",
  rpar: ")",
  sol: "/",
  quot: '"',
  apos: "'",
  grave: "`",
  amp: "&",
  num: "#",
  comma: ",",
  period: ".",
  lt: "<",
  gt: ">",
  nbsp: " ",
};

/** Decodes character references (semicolon optional), as a browser does inside an attribute. */
export function decodeEntities(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(
    /&(?:#x0{0,9}([0-9a-f]{1,6})|#0{0,9}([0-9]{1,7})|([a-z]{2,7}));?/gi,
    (all, hex, decimal, name) => {
      if (typeof name === "string") return ENTITIES[name.toLowerCase()] ?? all;
      const code = typeof hex === "string" ? Number.parseInt(hex, 16) : Number(decimal);
      return code < 256 ? String.fromCharCode(code) : "?";
    },
  );
}

/** A URL as a browser reads its scheme: entities decoded, white space and control bytes gone, in lower case. */
function plainUrl(url: string): string {
  return decodeEntities(url.slice(0, 512))
    .replace(/\\(?:u00|x)([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/[\x00-\x20\\\xad]|<!--.{0,20}?-->/g, "")
    .toLowerCase();
}
