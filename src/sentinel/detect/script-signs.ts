/**
 * What script looks like where it is not inside a tag: behind a quote of a script's string, behind a `javascript:`
 * scheme, or as the whole text. Expressions here are linear: every repetition is bounded or excludes what follows it.
 */

/** `javascript:` and its kin, in a value whose white space, control bytes and entities are gone. */
const SCHEME =
  /^["'`<(]{0,3}(?:javascript|vbscript|livescript|jscript|mocha|ecmascript)(?::|#|&colon;)|url[=(]["']?(?:java|vb|live)script:|^["'`]?data:(?:text\/(?:html|xml|x-?javascript|javascript|vbscript)|application\/(?:xhtml|xml|x-?javascript|javascript)|[,;]|text\/plain[^,]{0,40},.{0,40}<)/;

const SINK =
  "alert|confirm|prompt|eval|settimeout|setinterval|execscript|msgbox|atob|fetch|import|\\$\\.getscript|print";

const SIGNS: readonly (readonly [name: string, expression: RegExp])[] = [
  // alert(1), prompt`x`, confirm(document.domain), alert&#40;... ; "prompt (2 days)" and "alert(s)" are none
  [
    "dialog-call",
    /(?:alert|confirm|prompt|msgbox)(?:\?\.)?[(`]{1,4}(?:\d|["'`/\\[)]?["'`/\\[]|\xe2\x80\x9c|document|string\.|this\b|window|self\b|top\b|location|origin|xss|\w{1,12}\/\*|\/)/i,
  ],
  // (alert)(1), [1].find(alert), top["al"+"ert"](1)
  [
    "dialog-reference",
    /[(=,]\s{0,4}(?:alert|confirm|prompt|eval)\s{0,4}\){1,4}(?:[(`;]|["'`]?\s{0,4}[/>])|=\s{0,2}(?:alert|confirm|prompt|eval)\s{0,2}[,;]\s{0,2}[\w$]{1,9}[(`]/i,
  ],
  // alert.call(null, 1), Reflect.set.call`${location}...`, [1].with(0, alert).shift()(1), ("al" + "ert")(1)
  [
    "dialog-method",
    /\b(?:alert|confirm|prompt|eval|print|fetch|settimeout)\s{0,3}\??\.\s{0,3}(?:call|apply|bind)\b/i,
  ],
  [
    "template-call",
    /\.(?:call|apply|bind|map|sort|from|set|get|filter|reduce|assign|replace)`[^`]{0,40}\$\{/i,
  ],
  ["dialog-reference", /[(,]\s{0,3}(?:alert|confirm|prompt|eval)\s{0,3}\)\s{0,3}(?:\??\.\w{1,20}\(|\[)/i],
  [
    "named-call",
    /\(\s?["'`](?:alert|confirm|prompt|eval)\b[^"'`]{0,40}["'`]\s?\)\s?\(|["'`](?:al|ale|aler|ev|eva|con|conf|pro|prom)["'`]\s?\+\s?["'`](?:l|al|er|rt|ert|t|firm|irm|mpt|pt)["'`]|["'`](?:a|e)["'`]\s?\+\s?["'`](?:lert|val)["'`]/i,
  ],
  ["eval-of-name", /\beval\s?\(\s?(?:\w{1,20}\s?\+|(?:location|name|window|top|self|document|this)\b)/i],
  ["computed-call", /\b(?:window|self|top|parent|frames|globalthis)\[.{1,200}\]\((?:\d|["'`]|document)/i],
  ["remote-call", /\.open\(\s?["'](?:get|post)["']\s?,\s?["'`](?:https?:)?\/\//i],
  [
    "computed-call",
    /\b(?:window|self|top|parent|frames|globalthis|this|document)(?:\?\.)?\[["'`/(\d][^\]]{0,80}\](?:\s{0,3}[(`]|\[)/i,
  ],
  [
    "broken-string-call",
    new RegExp(
      `["'\`\\\\][\\s)\\]}]{0,9}(?:[-+*/;|&^%?:=<>,!~({]|\\n|\\r|\\bin\\b|\\bor\\b|\\band\\b)[\\s)\\]}({\\-+*/;|&^%?:=<>!~]{0,12}(?:${SINK})(?:\\?\\.)?[(\`]`,
      "i",
    ),
  ],
  [
    "broken-string-object",
    /["'`][\s)\]}]{0,9}[-+*;|&^%?][\s)\]}(\-+*/;|&^%?!~]{0,12}(?:document\s?[.[]|window\s?[.[]|location\s?[.=[]|self\[|top\[|this\[|string\.from|\[\]\[|\{\}\[|new\s{1,4}(?:image|function|xmlhttp))/i,
  ],
  [
    "cookie-access",
    /document\s{0,3}(?:\.|\[["'`])\s{0,3}(?:cookie|vulnerable)["'`]?\]?\s{0,3}[=;)+,\]>}]|[(=+,`>{;:-]\s{0,3}document\s{0,3}\.\s{0,3}(?:cookie|domain|vulnerable)\b/i,
  ],
  [
    "document-write",
    /document\s{0,3}\.\s{0,3}write(?:ln)?\s{0,3}\(\s{0,3}["'`<\\(]|document\.getelementby\w{2,12}\([^)]{1,40}\)\.(?:innerhtml|outerhtml|src|href|value)\s{0,3}[=;]/i,
  ],
  ["character-codes", /from(?:charcode|codepoint)["'`]?\]?\s{0,3}\(\s{0,3}(?:\d|0x|\.\.\.)/i],
  [
    "constructed-code",
    /(?:\beval|settimeout|setinterval|execscript|\bfunction|constructor|\bimport)\s{0,3}[(`]\s{0,3}(?:atob|btoa|string\.|["'`]{1,2}(?:\s{0,3}(?:alert|confirm|prompt|return|eval|import|document|location|fetch|var\s|\\)|\/\/|https?:)|location|name\)|document\.|window\.|unescape|decodeuri|\/.{1,20}\/\.source)/i,
  ],
  [
    "constructed-code",
    /constructor\s{0,3}(?:\.|\[["'`])\s{0,3}(?:constructor|prototype)|\.constructor\s{0,3}\(\s{0,3}["'`]|\bfunction\s{0,3}\(\s{0,3}["'`](?:alert|return)/i,
  ],
  [
    "location-assignment",
    /\b(?:location|location\.href|window\.name|document\.location)\s{0,3}=\s{0,3}(?:["'`]?\s{0,3}(?:java|vb)script|name\b|location\.(?:hash|search)|atob|["'`]\/\/|document\.|["'`]https?:\/\/[^"'`]{1,80}["'`]\s{0,3}\+)/i,
  ],
  [
    "event-property",
    /["'`;]\s{0,3}(?:window\.|document\.|body\.|self\.)?on(?:error|load|click|mouseover|hashchange|message)\s{0,3}=\s{0,3}(?:alert|eval|confirm|prompt|function|\(|\w{1,9}=>)/i,
  ],
  ["throw-handler", /onerror\s{0,3}=\s{0,3}(?:alert|eval|confirm|prompt)\s{0,3}[;,]\s{0,3}throw/i],
  [
    "proxy-code",
    /\b(?:reflect\.(?:apply|construct|get)|array\.from|promise\.reject|set\.constructor|object\.define)\b[^<]{0,60}(?:alert|confirm|prompt|eval)/i,
  ],
  [
    "proxy-code",
    /\[[^\]]{0,12}\]\.(?:map|find|findindex|filter|foreach|some|every|reduce|sort|flatmap)\s{0,3}[(`]\s{0,3}(?:alert|confirm|prompt|eval|al\\u)/i,
  ],
];

/** A call, a member, an index or an assignment: there is no script without one. */
const CODE = /[a-z\])'"`]\s{0,3}(?:[(`[.=]|\?\.)/i;

/** Cheap test that decides whether the expressions above are worth running. */
const WORTH_READING =
  /alert|confirm|prompt|eval|document|window|self|top\[|location|fromc|constructor|import|settime|setint|script|msgbox|function|on(?:error|load|click|mouse|hash|message)|fetch|atob|parent\[|frames\[|this\[|\.open\(|`\$\{|["'`]\s?\+\s?["'`]|print\b|[[\]()!+]{30}/i;

/** Script written in brackets, `!` and `+` alone; pictures drawn in such signs have no index in them. */
const PUNCTUATION = /[[\]()!+]{40}/;
const INDEXED = /[!+]\[\]|\)\[|\]\[/;

/** The sign of script in a text that is not read as markup, or null. */
export function scriptSign(text: string): string | null {
  if (!CODE.test(text) || !WORTH_READING.test(text)) return null;
  if (PUNCTUATION.test(text) && INDEXED.test(text)) return "punctuation-code";
  for (const [name, expression] of SIGNS) if (expression.test(text)) return name;
  return null;
}

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
