import { lookAlike, narrow } from "./code-points.ts";

const SEQUENCES = /[\xc0-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf7][\x80-\xbf]{3}/g;
const BOMS = /^\xef\xbb\xbf/;

/** UTF-8 read as lenient decoders do, overlong forms included: one char a code point below 256, look-alikes folded, others `?`. */
export function utf8Decode(text: string): string {
  return text.replace(BOMS, "").replace(SEQUENCES, (sequence) => narrow(codePoint(sequence)));
}

/** Only what hides ASCII: overlong forms and look-alikes become ASCII, what cannot be seen goes; honest letters of other scripts stay as they are. */
export function foldUtf8(text: string): string {
  return text.replace(FOLDED, (sequence) => {
    const point = codePoint(sequence);
    if (point < 0x80) return String.fromCharCode(point);
    return isInvisible(point) ? "" : (lookAlike(point) ?? sequence);
  });
}

/** Every overlong form, and the blocks that hold what cannot be seen and look-alikes. */
const FOLDED =
  /[\xc0\xc1][\x80-\xbf]|\xc2\xad|\xc7\x80|\xca[\xb9\xba\xbc]|\xcd\xbe|\xe0[\x80-\x9f][\x80-\xbf]|\xe2[\x80\x81\x88\x8c\x91\x93][\x80-\xbf]|\xe3\x80[\x80-\xbf]|\xef[\xb9\xbb-\xbd][\x80-\xbf]|\xf0[\x80-\x8f][\x80-\xbf]{2}/g;

/** Soft hyphen, zero-width and direction marks (Unicode: Default_Ignorable_Code_Point), as text in a word hides it; joiners of emoji stay. */
function isInvisible(point: number): boolean {
  return (
    point === 0xad ||
    (point >= 0x200b && point <= 0x200f && point !== 0x200d) ||
    (point >= 0x202a && point <= 0x202e) ||
    (point >= 0x2060 && point <= 0x2064) ||
    point === 0xfeff
  );
}

function codePoint(sequence: string): number {
  const lead = sequence.charCodeAt(0);
  let point = sequence.length === 2 ? lead & 0x1f : sequence.length === 3 ? lead & 0x0f : lead & 0x07;
  for (let at = 1; at < sequence.length; at++) point = (point << 6) | (sequence.charCodeAt(at) & 0x3f);
  return point;
}

/** UTF-7 (RFC 2152) runs such as `+ADw-` whose UTF-16 units are ASCII. */
export function utf7Decode(text: string): string {
  return text.replace(
    /\+([A-Za-z0-9+/]{2,64})(?![A-Za-z0-9+/])-?/g,
    (all, run: string) => utf7Run(run) ?? all,
  );
}

function utf7Run(run: string): string | null {
  let bits = 0;
  let held = 0;
  let out = "";
  for (const char of run) {
    bits = ((bits << 6) | BASE64.indexOf(char)) & 0x3fffff;
    held += 6;
    if (held < 16) continue;
    held -= 16;
    const unit = (bits >> held) & 0xffff;
    if (unit === 0 || unit > 0x7e) return null;
    out += String.fromCharCode(unit);
  }
  return out === "" || (bits & ((1 << held) - 1)) !== 0 ? null : out;
}

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
