/**
 * Script injection by reading the text as a browser would, in each place where it may land:
 * between tags (html-tags.ts), inside a quoted or unquoted attribute, as a URL, inside a script's string
 * (script-signs.ts). Markup that cannot run anything (`<p>`, `<img src>`, `<3`, `size <40>`) is no sign.
 *
 * Linear: a fixed number of passes; never throws.
 */
import * as bit from "../engine/signature.ts";
import { type AttributeVisitor, visitAttributes, visitList } from "./html-tags.ts";
import { scriptSign } from "./script-signs.ts";
import { decodeEntities, runsScript } from "./script-url.ts";
import { type Detect, free, type Spend } from "./spend.ts";
import { overlap } from "./sql-kinds.ts";
import { DOCUMENT, see } from "./vocabulary.ts";

/** Elements that run, load or replace something by being there, whatever surrounds the name. */
const ACTIVE_ELEMENT =
  /<[\s\x00/]{0,8}(?:[a-z]{1,12}:)?(?:script(?![a-z0-9-]|>\s[a-z ,.!?-]{0,200}$)|\/?(?:iframe|frameset|frame|applet|bgsound|i?layer|isindex|embed|object|portal|fencedframe)(?=[\s/<"'\x00]{1,9}[^\s/>a-z]{0,9}[a-z][^<]{0,400}[=(])|\/(?:iframe|textarea|noscript|xmp|noembed|plaintext)[\s/>])/i;
/** An event handler inside something that begins like a tag, however mangled. */
const MANGLED_HANDLER = /<[a-z!?/][^<>]{0,400}[^a-z0-9_<>-]on[a-z]{3,28}[\s/+\x00]{0,9}=/i;
const STYLE_ELEMENT = /<[\s\x00]{0,8}style[\s/>][^<]{0,400}[{@]/i;
const STYLE_CODE =
  /expression\(|(?:java|vb|live)script:|behaviou?r:|binding:|@import|-o-link|url\(["']?data:text/;

const EVENTS =
  "abort activate afterprint afterscriptexecute animationcancel animationend animationiteration animationstart auxclick " +
  "beforeactivate beforecopy beforecut beforedeactivate beforeinput beforeload beforepaste beforeprint beforescriptexecute " +
  "beforetoggle beforeunload begin blur bounce cancel canplay canplaythrough change click close contentvisibilityautostatechange " +
  "contextmenu copy cuechange cut dblclick deactivate drag dragend dragenter dragexit dragleave dragover dragstart drop " +
  "durationchange emptied end ended error finish focus focusin focusout formdata fullscreenchange gotpointercapture hashchange " +
  "help input invalid keydown keypress keyup load loadeddata loadedmetadata loadend loadstart lostpointercapture message " +
  "mousedown mouseenter mouseleave mousemove mouseout mouseover mouseup mousewheel move offline online pagehide pageshow " +
  "paste pause play playing pointercancel pointerdown pointerenter pointerleave pointermove pointerout pointerover " +
  "pointerrawupdate pointerup popstate progress propertychange ratechange readystatechange repeat reset resize " +
  "scroll scrollend scrollsnapchange search securitypolicyviolation seeked seeking select selectionchange selectstart show " +
  "slotchange stalled start storage submit suspend timeupdate toggle touchcancel touchend touchmove touchstart transitioncancel " +
  "transitionend transitionrun transitionstart unhandledrejection unload volumechange waiting webkitanimationend " +
  "webkitanimationiteration webkitanimationstart webkitmouseforcechanged webkittransitionend webkitplaybacktargetavailabilitychanged " +
  "webkitfullscreenchange wheel";
const HANDLERS: ReadonlySet<string> = new Set(EVENTS.split(" ").map((event) => `on${event}`));

/** What a handler's value holds if it is code. */
const CODE = /[(`=[;{]|&#|&lpar|javascript:|\\u00/i;

const LOADING: Readonly<Record<string, RegExp>> = {
  meta: /^http-equiv$/,
  link: /^(?:href|rel)$/,
  base: /^href$/,
  object: /^(?:data|classid|codebase|type)$/,
  embed: /^(?:src|code|allowscriptaccess)$/,
  form: /^action$/,
  isindex: /./,
  xml: /^(?:id|src)$/,
  "?import": /./,
  "?xml-stylesheet": /^href$/,
  "?xml:namespace": /./,
  set: /^attributename$/,
  animate: /^attributename$/,
};

/**
 * The sign of script injection in a text, or null.
 *
 * @returns for example `tag:event-handler`
 */
export const detectXss: Detect = (value, spend = free, seen = see(value)) => {
  spend(value.length * COST.telling);
  if (value.length < 6) return null;
  const signed = (seen.signature & SIGNS) !== 0 && /[<=(:`]/.test(value);
  if (!signed && !overlap(seen, DOCUMENT)) return null;
  const text = asciiLookalikes(value);
  return (
    signOf(text, spend) ??
    (SPLITTING_ENTITY.test(text) ? scriptSign(text.replace(SPLITTING_ENTITIES, ""), spend) : null)
  );
};

/** One of these, or the word `document`, is in all script and markup. */
const SIGNS = bit.ANGLE | bit.EQUALS | bit.PAREN | bit.COLON | bit.BACKTICK;

/** Units a char that each pass takes, and an attribute that is judged. */
const COST = { telling: 2, markup: 10, attributes: 4, attribute: 250 };

/** White space of a kind that a browser drops out of the middle of a scheme or a name. */
const SPLITTING_ENTITY = /&(?:tab|newline);/i;
const SPLITTING_ENTITIES = /&(?:tab|newline);/gi;

function signOf(text: string, spend: Spend): string | null {
  if (text.includes("<")) {
    const sign = markupSign(text, spend);
    if (sign !== null) return `tag:${sign}`;
  }
  const inside = attributeSign(text, spend);
  if (inside !== null) return inside;
  if (urlSign(text)) return "url:script";
  const script = scriptSign(text, spend);
  return script === null ? null : `script:${script}`;
}

/** U+0130 and U+017F become `i` and `s` when a name is lower-cased; NUL bytes are dropped inside names. */
function asciiLookalikes(value: string): string {
  if (!value.includes("\x00") && !value.includes("\xc4\xb0") && !value.includes("\xc5\xbf")) return value;
  return value
    .replace(/\x00/g, "")
    .replace(/\xc4\xb0/g, "i")
    .replace(/\xc5\xbf/g, "s");
}

function markupSign(text: string, spend: Spend): string | null {
  spend(text.length * COST.markup);
  if (ACTIVE_ELEMENT.test(text)) return "active-element";
  const attribute = visitAttributes(text, (tag, name, value) => {
    spend(COST.attribute);
    return judgeAttribute(tag, name, value);
  });
  if (attribute !== null) return attribute;
  if (MANGLED_HANDLER.test(text)) return "event-handler";
  if (STYLE_ELEMENT.test(text)) return "style-element";
  // <x> in the middle of words, for filters that strip tags: o<x>nerror=alert<x>(1)
  const stripped = text.replace(/<[a-z]{1,8}>/gi, "");
  if (stripped.length < text.length)
    return attributeSign(stripped, spend) === null ? scriptSign(stripped, spend) : "stripped-tags";
  return null;
}

function judgeAttribute(tag: string, rawName: string, value: string): string | null {
  const name = rawName.replace(/^[^a-z]{1,9}/, "");
  if (name.startsWith("on") && /^on[a-z]{2,}/.test(name) && value !== "") return "event-handler";
  if (name === "style" && STYLE_CODE.test(plainStyle(value))) return "style-code";
  if (name === "srcdoc" || name === "datasrc" || name === "xlink:href") {
    if (name !== "xlink:href" || !/^\s{0,9}#/.test(value)) return "loading-attribute";
  }
  if (Object.hasOwn(LOADING, tag) && LOADING[tag]?.test(name) === true) return "loading-element";
  if (value.includes("&{")) return "script-entity";
  if (tag !== "img" && /^\s{0,9}data:image\/svg/i.test(value)) return "script-url";
  return runsScript(value) ? "script-url" : null;
}

/** CSS as it is read: no comments, no escapes, no white space. */
function plainStyle(value: string): string {
  return decodeEntities(value)
    .replace(/\\0{0,4}([0-9a-f]{2})\s?/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/\/\*.{0,40}?\*\/|[\\\s\x00]/g, "")
    .toLowerCase();
}

const HANDLER_NEAR =
  /on[a-z]{3,40}[\s\x00-\x20/]{0,9}=|style\s{0,9}=|(?:href|src|action|srcdoc|formaction|srcset)\s{0,9}=/i;

/** The text as the rest of an attribute: it closes the quote (or needs none) and adds attributes of its own. */
function attributeSign(text: string, spend: Spend): string | null {
  spend(text.length * COST.telling);
  if (!HANDLER_NEAR.test(text)) return null;
  for (const [quote, context] of [
    ["", "unquoted"],
    ['"', "double-quote"],
    ["'", "single-quote"],
    ["`", "back-quote"],
  ] as const) {
    const at = quote === "" ? 0 : text.indexOf(quote) + 1;
    if (quote !== "" && at === 0) continue;
    spend((text.length - at) * COST.attributes);
    const found = visitRest(text, at, (_, rawName, value) => {
      spend(COST.attribute);
      const name = rawName.replace(/^[^a-z]{1,20}/, "");
      if (HANDLERS.has(name)) return CODE.test(value) ? "event-handler" : null;
      if (quote === "") return null;
      if (name === "style") return STYLE_CODE.test(plainStyle(value)) ? "style-code" : null;
      return runsScript(value) ? "script-url" : null;
    });
    if (found !== null) return `${context}:${found}`;
  }
  return null;
}

/** A `>` that stands first ends nothing: a filter took the beginning of the tag. */
function visitRest(text: string, at: number, visit: AttributeVisitor): string | null {
  const { found, end } = visitList(text, at, "", visit);
  if (found !== null || end > at + 8 || text[end] !== ">") return found;
  return visitList(text, end + 1, "", visit).found;
}

/** The whole text as a URL. `JavaScript: The Good Parts` is a book. */
function urlSign(text: string): boolean {
  const head = text.slice(0, 300);
  if (!/script|data|mocha|&#/i.test(head) || !runsScript(head)) return false;
  if (/^\W{0,3}data:/i.test(head.trim())) return true;
  const rest = head.slice(Math.max(head.indexOf(":"), head.indexOf("#")) + 1);
  return /^\s{0,9}(?:[/*'"`({[!;+\\~-]|%0|[\w$.]{1,40}(?:[(.[`;\\&]|\s{0,3}=))/.test(rest);
}
