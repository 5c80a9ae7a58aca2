import { latin1 } from "../engine/byte-strings.ts";
import { HEX } from "../transformations/percent.ts";

const SPACE = 0x20;
const PERCENT = 0x25;
const AMPERSAND = 0x26;
const PLUS = 0x2b;
const EQUALS = 0x3d;

/** Room for forms of usual length is kept. */
const room = new Uint8Array(4_096);

/** Pairs of a query or form (WHATWG URL, 5.1), each decoded once: the whole form in one pass, then cut into its pairs. */
export function formPairs(form: string): (readonly [string, string])[] {
  const bytes = form.length > room.length ? new Uint8Array(form.length) : room;
  /** Of the pairs: where each begins, has its equals sign (-1: nowhere) and ends. */
  const places: number[] = [];
  let begin = 0;
  let equals = -1;
  let to = 0;
  let coded = false;
  for (let at = 0; at < form.length; at++, to++) {
    const code = form.charCodeAt(at);
    bytes[to] = code;
    if (code === AMPERSAND) {
      places.push(begin, equals, to);
      begin = to + 1;
      equals = -1;
    } else if (code === EQUALS && equals < 0) equals = to;
    else if (code === PLUS) {
      bytes[to] = SPACE;
      coded = true;
    } else if (code === PERCENT) {
      const high = HEX[form.charCodeAt(at + 1)] ?? -1;
      const low = HEX[form.charCodeAt(at + 2)] ?? -1;
      if (high < 0 || low < 0) continue;
      bytes[to] = (high << 4) | low;
      coded = true;
      at += 2;
    }
  }
  places.push(begin, equals, to);
  return cut(coded ? latin1(bytes.subarray(0, to)) : form, places);
}

function cut(text: string, places: readonly number[]): (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = [];
  for (let at = 0; at < places.length; at += 3) {
    const begin = places[at] ?? 0;
    const equals = places[at + 1] ?? 0;
    const end = places[at + 2] ?? 0;
    if (begin === end) continue;
    pairs.push(
      equals < 0 ? [text.slice(begin, end), ""] : [text.slice(begin, equals), text.slice(equals + 1, end)],
    );
  }
  return pairs;
}
