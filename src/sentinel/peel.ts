import * as bit from "./engine/signature.ts";
import { longRuns, signatureOf } from "./engine/signature.ts";
import { codedEscapesDecode } from "./transformations/escapes.ts";
import { htmlDecode } from "./transformations/markup.ts";
import { percentDecodeAgain } from "./transformations/percent.ts";
import { foldUtf8, utf7Decode } from "./transformations/utf8.ts";

/** Rounds of decoding, and forms of one value beside the value itself. */
const ROUNDS = 3;
const MAX_FORMS = 6;
/** Shorter runs of base64 are words and identifiers, and hide no attack. */
const SHORTEST_RUN = 12;
/** A whole value may be shorter. */
const SHORTEST_WHOLE = 8;
/** Runs of one text that are tried, and places in one run where base64 may begin. */
const TRIED_RUNS = 8;
const TRIED_STARTS = 4;
const PEELABLE = bit.PERCENT | bit.AMPERSAND | bit.BACKSLASH | bit.HIGH | bit.PLUS;
const NO_FORMS: readonly string[] = [];

/**
 * The forms a value takes when nested encodings are taken off, without the
 * value itself; mostly none. Each round undoes, in the order servers do,
 * percent, HTML entities, coded escapes, UTF-7, overlong UTF-8; base64 runs
 * that hold text are a form of their own, peeled in turn. Never more than
 * `MAX_FORMS`, each at most as long as the value.
 */
export function peel(text: string, signature: number): readonly string[] {
  const coded = (signature & PEELABLE) !== 0;
  if (!coded && text.length < SHORTEST_WHOLE) return NO_FORMS;
  const forms: string[] = [];
  if (coded) decodeRounds(text, signature, forms);
  for (const form of [text, ...forms]) {
    if (forms.length >= MAX_FORMS) break;
    const inner = base64Text(form, form === text ? signature : 0);
    if (inner === null || forms.includes(inner)) continue;
    forms.push(inner);
    decodeRounds(inner, signatureOf(inner), forms);
    unwrap(inner, forms);
  }
  return forms.length === 0 ? NO_FORMS : forms;
}

/** What is base64 within base64, again and again. */
function unwrap(text: string, forms: string[]): void {
  let inner = base64Text(text, 0);
  for (let round = 1; inner !== null && round < ROUNDS && forms.length < MAX_FORMS; round++) {
    forms.push(inner);
    inner = base64Text(inner, 0);
  }
}

function decodeRounds(text: string, signature: number, forms: string[]): void {
  let current = text;
  let bits = signature;
  for (let round = 0; round < ROUNDS && forms.length < MAX_FORMS; round++) {
    const next = decodeOnce(current, bits);
    if (next === current) return;
    forms.push(next);
    current = next;
    bits = signatureOf(next);
  }
}

function decodeOnce(text: string, bits: number): string {
  let out = text;
  if (bits & bit.PERCENT) out = percentDecodeAgain(out);
  if (bits & bit.AMPERSAND) out = htmlDecode(out);
  if (bits & bit.BACKSLASH) out = codedEscapesDecode(out);
  if (bits & bit.PLUS) out = utf7Decode(out);
  if (bits & bit.HIGH) out = foldUtf8(out);
  return out;
}

/** Signs that no text has that is base64 and nothing else. */
const NO_BASE64 =
  bit.QUOTE |
  bit.COMMA |
  bit.DOT |
  bit.COLON |
  bit.PAREN |
  bit.ANGLE |
  bit.BRACE |
  bit.HIGH |
  bit.CONTROL |
  bit.DOLLAR;

/** The text that the longest base64 runs hold (JWT parts, data URLs, whole values), joined by line breaks; null where none holds text. */
function base64Text(text: string, signature: number): string | null {
  const found = longRuns(text, SHORTEST_RUN, TRIED_RUNS)
    .map(decodeRun)
    .filter((inner) => inner !== null);
  if (found.length > 0) return found.join("\n");
  return (signature & NO_BASE64) === 0 ? wholeText(text) : null;
}

/** Base64 and nothing else: short, or with the spaces that a form makes of `+`. Words of one letter case are none. */
function wholeText(text: string): string | null {
  const short = text.length < SHORTEST_RUN + 2;
  if (text.length < SHORTEST_WHOLE || !(short ? SHORT_WHOLE : SPACED_WHOLE).test(text)) return null;
  return decodeText(text.replace(/=+$/, "").replaceAll(" ", "+"));
}

const SHORT_WHOLE =
  /^(?=[^A-Z]{0,12}[A-Z])(?=[^a-z0-9]{0,12}[a-z0-9])(?:[A-Za-z0-9+/_ -]{7,11}={0,2}|\w{6}==)$/;
const SPACED_WHOLE = /^[A-Za-z0-9+/]{1,200}(?: [A-Za-z0-9+/]{1,200}){1,99}={0,2}$/;

/** What a run holds, from its beginning or from behind one of its first separators: `/files/PHN2Zz4...` is one run. */
function decodeRun(run: string): string | null {
  let inner = decodeText(run);
  for (
    let at = run.search(SEPARATOR), tries = 1;
    inner === null && at >= 0 && tries < TRIED_STARTS;
    tries++
  ) {
    const rest = run.slice(at + 1);
    if (rest.length < SHORTEST_RUN) break;
    inner = decodeText(rest);
    const next = rest.search(SEPARATOR);
    at = next < 0 ? -1 : at + 1 + next;
  }
  return inner;
}

const SEPARATOR = /[/_-]/;

/** Null unless nearly all of what comes out is printable: identifiers and hashes decode to noise. */
function decodeText(run: string): string | null {
  // A few groups tell noise from text at a small part of the cost.
  const head = decode(run.slice(0, Math.min(16, run.length - (run.length % 4))));
  if (!isText(head, 0)) return null;
  // A last group of one char holds no byte.
  const inner = decode(run.length % 4 === 1 ? run.slice(0, -1) : run);
  return isText(inner, inner.length >> 4) ? inner : null;
}

function decode(run: string): string {
  return atob(run.replaceAll("-", "+").replaceAll("_", "/"));
}

function isText(text: string, allowed: number): boolean {
  let odd = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if ((code < 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) || code > 0x7e) odd++;
  }
  return odd <= allowed && text.length > 0;
}
