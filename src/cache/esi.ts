/**
 * A scanner for the subset of ESI 1.0 that pages are composed by: `include`
 * (src, alt), `remove`, `comment`, and `<!--esi ... -->`. It works on
 * bytes as they come, so that a page streams: what cannot belong to an element
 * goes out at once, and only the beginning of a possible one is held back.
 *
 * What is hard here: an element may be split over chunks anywhere. What is not
 * one of these elements, is malformed, or is longer than an element may be
 * passes as text, untouched.
 */

export interface Include {
  readonly kind: "include";
  readonly src: string;
  readonly alt: string | undefined;
}

export interface Text {
  readonly kind: "text";
  readonly bytes: Uint8Array;
}

export type Piece = Text | Include;

const LESS = 0x3c;
const DASH = 0x2d;
const MAX_ELEMENT = 4096;
const OPENINGS = ["<esi:include", "<esi:remove", "<esi:comment", "<!--esi", "</esi:include>"];
const LONGEST_OPENING = 14;
const END_OF_REMOVE = "</esi:remove>";
const END_OF_ESI_COMMENT = "-->";

type Mode = "text" | "remove";

/** Splits a page into text and includes. `push` as bytes come, then `end`. */
export class EsiScanner {
  #held = new Uint8Array();
  #mode: Mode = "text";
  /** Inside `<!--esi`: its end is dropped, what it holds is scanned. */
  #unwrapping = false;
  #malformed = 0;

  /** Elements that could not be read so far: without `src`, too long, or never ended. */
  get malformed(): number {
    return this.#malformed;
  }

  push(chunk: Uint8Array): Piece[] {
    return this.#scan(this.#held.byteLength === 0 ? chunk : concatenated(this.#held, chunk), false);
  }

  /** What was held back: an element that never ended is text; a `remove` that never ended removes the rest. */
  end(): Piece[] {
    const pieces = this.#scan(this.#held, true);
    if (this.#mode === "remove" || this.#unwrapping) this.#malformed++;
    return pieces;
  }

  #scan(bytes: Uint8Array, last: boolean): Piece[] {
    const pieces: Piece[] = [];
    /** Where the text begins that has not gone out yet: it goes out as one piece. */
    let from = 0;
    let position = 0;
    while (position < bytes.byteLength) {
      const step =
        this.#mode === "remove" ? this.#inRemove(bytes, position, last) : this.#inText(bytes, position, last);
      if (step.kind === "text") {
        position = step.next;
        continue;
      }
      if (position > from) pieces.push(text(bytes, from, position));
      if (step.include !== undefined) pieces.push(step.include);
      position = step.next;
      from = position;
      if (step.kind === "held") break;
    }
    if (position > from) pieces.push(text(bytes, from, position));
    this.#held = bytes.slice(position);
    return pieces;
  }

  #inRemove(bytes: Uint8Array, from: number, last: boolean): Step {
    const end = indexOf(bytes, END_OF_REMOVE, from);
    if (end >= 0) {
      this.#mode = "text";
      return moved(end + END_OF_REMOVE.length);
    }
    const kept = last ? 0 : Math.min(END_OF_REMOVE.length - 1, bytes.byteLength - from);
    return held(bytes.byteLength - kept);
  }

  #inText(bytes: Uint8Array, from: number, last: boolean): Step {
    const start = this.#nextOfInterest(bytes, from);
    if (start > from) return passed(start);
    if (this.#unwrapping && startsWith(bytes, END_OF_ESI_COMMENT, from)) {
      this.#unwrapping = false;
      return moved(from + END_OF_ESI_COMMENT.length);
    }
    const head = ascii(bytes, from, from + LONGEST_OPENING);
    const opening = OPENINGS.find((known) => head.startsWith(known));
    if (opening !== undefined) return this.#element(bytes, from, opening, last);
    const open = !last && bytes.byteLength - from < LONGEST_OPENING;
    const may =
      open &&
      (OPENINGS.some((known) => known.startsWith(head)) ||
        (this.#unwrapping && END_OF_ESI_COMMENT.startsWith(head)));
    return may ? held(from) : passed(from + 1);
  }

  /** The next byte that an element, or the end of `<!--esi`, may begin at. */
  #nextOfInterest(bytes: Uint8Array, from: number): number {
    for (let index = from; index < bytes.byteLength; index++) {
      const byte = bytes[index];
      if (byte === LESS && mayOpen(bytes[index + 1])) return index;
      if (this.#unwrapping && byte === DASH && mayClose(bytes[index + 1])) return index;
    }
    return bytes.byteLength;
  }

  #element(bytes: Uint8Array, from: number, opening: string, last: boolean): Step {
    if (opening === "<!--esi") {
      this.#unwrapping = true;
      return moved(from + opening.length);
    }
    if (opening === "</esi:include>") return moved(from + opening.length);
    const end = endOfTag(bytes, from);
    if (end === undefined) {
      const hopeless = last || bytes.byteLength - from > MAX_ELEMENT;
      if (!hopeless) return held(from);
      this.#malformed++;
      return passed(from + 1);
    }
    const tag = new TextDecoder().decode(bytes.subarray(from, end));
    if (opening === "<esi:include") {
      const include = includeOf(tag);
      if (include === undefined) this.#malformed++;
      return moved(end, include);
    }
    if (opening === "<esi:remove" && !tag.endsWith("/>")) this.#mode = "remove";
    return moved(end);
  }
}

/** What was found, and where to go on: text that passes; an element, or what it removes; what is held until more has come. */
interface Step {
  readonly kind: "text" | "element" | "held";
  readonly next: number;
  readonly include: Include | undefined;
}

function passed(next: number): Step {
  return { kind: "text", next, include: undefined };
}

function moved(next: number, include?: Include): Step {
  return { kind: "element", next, include };
}

function held(next: number): Step {
  return { kind: "held", next, include: undefined };
}

function text(bytes: Uint8Array, from: number, to: number): Text {
  return { kind: "text", bytes: bytes.slice(from, to) };
}

/** Whether what follows a `<` may be `e`, `!` or `/`; what has not come yet may. */
function mayOpen(next: number | undefined): boolean {
  return next === undefined || next === 0x65 || next === 0x21 || next === 0x2f;
}

function mayClose(next: number | undefined): boolean {
  return next === undefined || next === DASH;
}

/** Just past the tag's `>`, those in quotes aside; undefined where it has not come yet or is too far. */
function endOfTag(bytes: Uint8Array, from: number): number | undefined {
  let quote = 0;
  const limit = Math.min(bytes.byteLength, from + MAX_ELEMENT);
  for (let index = from; index < limit; index++) {
    const byte = bytes[index];
    if (quote !== 0) quote = byte === quote ? 0 : quote;
    else if (byte === 0x22 || byte === 0x27) quote = byte;
    else if (byte === 0x3e) return index + 1;
  }
  return undefined;
}

function includeOf(tag: string): Include | undefined {
  const attributes = new Map<string, string>();
  for (const match of tag.matchAll(/\s([a-z]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)) {
    attributes.set(match[1] ?? "", unescaped(match[2] ?? match[3] ?? ""));
  }
  const src = attributes.get("src");
  if (src === undefined) return undefined;
  // `onerror="continue"` asks for what every include gets.
  return { kind: "include", src, alt: attributes.get("alt") };
}

/** HTML templates escape attributes; of all references only these occur in URLs. */
function unescaped(value: string): string {
  return value.replace(/&(?:#38|amp);/g, "&");
}

function ascii(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...bytes.subarray(from, to));
}

function startsWith(bytes: Uint8Array, wanted: string, from: number): boolean {
  return ascii(bytes, from, from + wanted.length) === wanted;
}

function indexOf(bytes: Uint8Array, wanted: string, from: number): number {
  for (let at = bytes.indexOf(LESS, from); at >= 0; at = bytes.indexOf(LESS, at + 1))
    if (startsWith(bytes, wanted, at)) return at;
  return -1;
}

function concatenated(left: Uint8Array, right: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(left.byteLength + right.byteLength);
  bytes.set(left);
  bytes.set(right, left.byteLength);
  return bytes;
}
