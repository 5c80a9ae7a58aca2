/**
 * What script looks like where it is not inside a tag: behind a quote of a script's string, or as the whole text.
 * Expressions here are linear: every repetition is bounded or excludes what follows it. One automaton finds the words
 * that they are about, so that only those run whose words are there.
 */
import { Automaton } from "../engine/automaton.ts";
import type { Spend } from "./spend.ts";

const SINK =
  "alert|confirm|prompt|eval|settimeout|setinterval|execscript|msgbox|atob|fetch|import|\\$\\.getscript|print";

/** Signs with the words one of which is in every text that has them; null: there is none such. */
export const SCRIPT_SIGNS: readonly (readonly [name: string, words: string | null, expression: RegExp])[] = [
  // alert(1), prompt`x`, confirm(document.domain), alert&#40;... ; "prompt (2 days)" and "alert(s)" are none
  [
    "dialog-call",
    "alert confirm prompt msgbox",
    /(?:alert|confirm|prompt|msgbox)(?:\?\.)?[(`]{1,4}(?:\d|["'`/\\[)]?["'`/\\[]|\xe2\x80\x9c|document|string\.|this\b|window|self\b|top\b|location|origin|xss|\w{1,12}\/\*|\/)/i,
  ],
  // (alert)(1), [1].find(alert), top["al"+"ert"](1)
  [
    "dialog-reference",
    "alert confirm prompt eval",
    /[(=,]\s{0,4}(?:alert|confirm|prompt|eval)\s{0,4}\){1,4}(?:[(`;]|["'`]?\s{0,4}[/>])|=\s{0,2}(?:alert|confirm|prompt|eval)\s{0,2}[,;]\s{0,2}[\w$]{1,9}[(`]/i,
  ],
  // alert.call(null, 1), Reflect.set.call`${location}...`, [1].with(0, alert).shift()(1), ("al" + "ert")(1)
  [
    "dialog-method",
    "alert confirm prompt eval print fetch settimeout",
    /\b(?:alert|confirm|prompt|eval|print|fetch|settimeout)\s{0,3}\??\.\s{0,3}(?:call|apply|bind)\b/i,
  ],
  [
    "template-call",
    "${",
    /\.(?:call|apply|bind|map|sort|from|set|get|filter|reduce|assign|replace)`[^`]{0,40}\$\{/i,
  ],
  [
    "dialog-reference",
    "alert confirm prompt eval",
    /[(,]\s{0,3}(?:alert|confirm|prompt|eval)\s{0,3}\)\s{0,3}(?:\??\.\w{1,20}\(|\[)/i,
  ],
  [
    "named-call",
    null,
    /\(\s?["'`](?:alert|confirm|prompt|eval)\b[^"'`]{0,40}["'`]\s?\)\s?\(|["'`](?:al|ale|aler|ev|eva|con|conf|pro|prom)["'`]\s?\+\s?["'`](?:l|al|er|rt|ert|t|firm|irm|mpt|pt)["'`]|["'`](?:a|e)["'`]\s?\+\s?["'`](?:lert|val)["'`]/i,
  ],
  [
    "eval-of-name",
    "eval",
    /\beval\s?\(\s?(?:\w{1,20}\s?\+|(?:location|name|window|top|self|document|this)\b)/i,
  ],
  [
    "computed-call",
    "window[ self[ top[ parent[ frames[ globalthis[",
    /\b(?:window|self|top|parent|frames|globalthis)\[.{1,200}\]\((?:\d|["'`]|document)/i,
  ],
  ["remote-call", ".open(", /\.open\(\s?["'](?:get|post)["']\s?,\s?["'`](?:https?:)?\/\//i],
  [
    "computed-call",
    "window self top parent frames globalthis this document",
    /\b(?:window|self|top|parent|frames|globalthis|this|document)(?:\?\.)?\[["'`/(\d][^\]]{0,80}\](?:\s{0,3}[(`]|\[)/i,
  ],
  [
    "broken-string-call",
    "alert confirm prompt eval settimeout setinterval execscript msgbox atob fetch import $.getscript print",
    new RegExp(
      `["'\`\\\\][\\s)\\]}]{0,9}(?:[-+*/;|&^%?:=<>,!~({]|\\n|\\r|\\bin\\b|\\bor\\b|\\band\\b)[\\s)\\]}({\\-+*/;|&^%?:=<>!~]{0,12}(?:${SINK})(?:\\?\\.)?[(\`]`,
      "i",
    ),
  ],
  [
    "broken-string-object",
    "document window location self[ top[ this[ string.from ][ {}[ new",
    /["'`][\s)\]}]{0,9}[-+*;|&^%?][\s)\]}(\-+*/;|&^%?!~]{0,12}(?:document\s?[.[]|window\s?[.[]|location\s?[.=[]|self\[|top\[|this\[|string\.from|\[\]\[|\{\}\[|new\s{1,4}(?:image|function|xmlhttp))/i,
  ],
  [
    "cookie-access",
    "document",
    /document\s{0,3}(?:\.|\[["'`])\s{0,3}(?:cookie|vulnerable)["'`]?\]?\s{0,3}[=;)+,\]>}]|[(=+,`>{;:-]\s{0,3}document\s{0,3}\.\s{0,3}(?:cookie|domain|vulnerable)\b/i,
  ],
  [
    "document-write",
    "document",
    /document\s{0,3}\.\s{0,3}write(?:ln)?\s{0,3}\(\s{0,3}["'`<\\(]|document\.getelementby\w{2,12}\([^)]{1,40}\)\.(?:innerhtml|outerhtml|src|href|value)\s{0,3}[=;]/i,
  ],
  [
    "character-codes",
    "fromcharcode fromcodepoint",
    /from(?:charcode|codepoint)["'`]?\]?\s{0,3}\(\s{0,3}(?:\d|0x|\.\.\.)/i,
  ],
  [
    "constructed-code",
    "eval settimeout setinterval execscript function constructor import",
    /(?:\beval|settimeout|setinterval|execscript|\bfunction|constructor|\bimport)\s{0,3}[(`]\s{0,3}(?:atob|btoa|string\.|["'`]{1,2}(?:\s{0,3}(?:alert|confirm|prompt|return|eval|import|document|location|fetch|var\s|\\)|\/\/|https?:)|location|name\)|document\.|window\.|unescape|decodeuri|\/.{1,20}\/\.source)/i,
  ],
  [
    "constructed-code",
    "constructor function",
    /constructor\s{0,3}(?:\.|\[["'`])\s{0,3}(?:constructor|prototype)|\.constructor\s{0,3}\(\s{0,3}["'`]|\bfunction\s{0,3}\(\s{0,3}["'`](?:alert|return)/i,
  ],
  [
    "location-assignment",
    "location window.name",
    /\b(?:location|location\.href|window\.name|document\.location)\s{0,3}=\s{0,3}(?:["'`]?\s{0,3}(?:java|vb)script|name\b|location\.(?:hash|search)|atob|["'`]\/\/|document\.|["'`]https?:\/\/[^"'`]{1,80}["'`]\s{0,3}\+)/i,
  ],
  [
    "event-property",
    "onerror onload onclick onmouseover onhashchange onmessage",
    /["'`;]\s{0,3}(?:window\.|document\.|body\.|self\.)?on(?:error|load|click|mouseover|hashchange|message)\s{0,3}=\s{0,3}(?:alert|eval|confirm|prompt|function|\(|\w{1,9}=>)/i,
  ],
  ["throw-handler", "onerror", /onerror\s{0,3}=\s{0,3}(?:alert|eval|confirm|prompt)\s{0,3}[;,]\s{0,3}throw/i],
  [
    "proxy-code",
    "reflect. array.from promise.reject set.constructor object.define",
    /\b(?:reflect\.(?:apply|construct|get)|array\.from|promise\.reject|set\.constructor|object\.define)\b[^<]{0,60}(?:alert|confirm|prompt|eval)/i,
  ],
  [
    "proxy-code",
    "].",
    /\[[^\]]{0,12}\]\.(?:map|find|findindex|filter|foreach|some|every|reduce|sort|flatmap)\s{0,3}[(`]\s{0,3}(?:alert|confirm|prompt|eval|al\\u)/i,
  ],
];

/** A call, a member, an index or an assignment: there is no script without one. */
const CODE = /[a-z\])'"`]\s{0,3}(?:[(`[.=]|\?\.)/i;

const WORDS = [...new Set(SCRIPT_SIGNS.flatMap(([, words]) => words?.split(" ") ?? []))];
const automaton = new Automaton(WORDS);
const signs = SCRIPT_SIGNS.map(([name, words, expression]) => ({
  name,
  words: words?.split(" ").map((word) => WORDS.indexOf(word)) ?? null,
  expression,
}));

/** Script written in brackets, `!` and `+` alone; pictures drawn in such signs have no index in them. */
const PUNCTUATION = 40;
const INDEXED = /[!+]\[\]|\)\[|\]\[/;

/** Units a char that each pass takes. */
const COST = { words: 4, sign: 1 };

/** The sign of script in a text that is not read as markup, or null. */
export function scriptSign(text: string, spend: Spend): string | null {
  spend(text.length * COST.words);
  if (!CODE.test(text)) return null;
  if (hasPunctuation(text) && INDEXED.test(text)) return "punctuation-code";
  const { hits } = automaton.scan(text);
  for (const { name, words, expression } of signs) {
    if (words !== null && !words.some((word) => hits.includes(word))) continue;
    spend(text.length * COST.sign);
    if (expression.test(text)) return name;
  }
  return null;
}

/** A run of brackets, `!` and `+`; looks at one char in `PUNCTUATION` where there is none near. */
function hasPunctuation(text: string): boolean {
  for (let at = PUNCTUATION - 1; at < text.length;) {
    let from = at;
    while (from > at - PUNCTUATION && isPunctuation(text.charCodeAt(from))) from--;
    if (from === at - PUNCTUATION) return true;
    at = from + PUNCTUATION;
  }
  return false;
}

function isPunctuation(code: number): boolean {
  return code === 0x5b || code === 0x5d || code === 0x28 || code === 0x29 || code === 0x21 || code === 0x2b;
}
