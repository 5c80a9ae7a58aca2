import { BITS, SPACE, WIDE_SPACE } from "./signature.ts";

/** What the words of a vocabulary that occur in a text stand for, as bits; which, the vocabulary's owner knows. */
export interface Meaning {
  readonly signs: number;
  readonly upper: number;
  readonly lower: number;
}

/** Words, found as literals are, of which only is told what those that occur stand for together. */
export type Vocabulary = ReadonlyMap<string, Meaning>;

/** What one pass over a value finds. */
export interface Scan extends Meaning {
  readonly signature: number;
  /** Of the signature, what more than one char has. */
  readonly repeated: number;
  /** Indexes of the literals that occur, ignoring ASCII case, each once. */
  readonly hits: readonly number[];
  /** How often each of them does. */
  readonly counts: readonly number[];
  /** Of long texts: a literal and the index of its last char, in turn; null: not kept. */
  readonly places: readonly number[] | null;
}

/** Texts from this length on are looked at around their literals. */
const LONG = 2_048;
/** With more places than this a text is looked at as a whole. */
const MAX_PLACES = 40_000;
const NO_HITS: readonly number[] = [];
const NO_WORDS: Vocabulary = new Map();

interface Found {
  readonly hits: number[];
  readonly counts: number[];
}

/**
 * Aho and Corasick's automaton (1975) over lower-case literals as a full
 * transition table: one table look-up a char, however many literals there are.
 * Chars that occur in no literal share a class, which keeps the table small. A
 * state is its row's offset, negative (`~offset`) where literals or words end in
 * it; the last column of a row tells which.
 */
export class Automaton {
  private readonly classes = new Uint8Array(256);
  private readonly width: number;
  private readonly next: Int32Array;
  /** Where the literals of an end begin in `outputs`; the next end's entry ends them. */
  private readonly starts: Int32Array;
  private readonly outputs: Int32Array;
  /** Three words of bits for each end: what the words that end there stand for. */
  private readonly meanings: Int32Array;
  private readonly seen: Int32Array;
  /** Where in the hits a literal stands that was seen in this text. */
  private readonly slots: Int32Array;
  private stamp = 0;

  /** Literals and words are byte strings in lower case, not empty. */
  constructor(literals: readonly string[], vocabulary: Vocabulary = NO_WORDS) {
    const texts = [...literals, ...vocabulary.keys()];
    this.width = this.classify(texts) + 1;
    const { next, ends } = complete(buildTrie(texts, this.classes), this.width);
    this.next = next;
    const starts = [0];
    const outputs: number[] = [];
    this.meanings = new Int32Array(ends.length * 3);
    const meanings = [...vocabulary.values()];
    ends.forEach((found, end) => {
      for (const index of found) {
        if (index < literals.length) outputs.push(index);
        else this.mean(end, meanings[index - literals.length]);
      }
      starts.push(outputs.length);
    });
    this.starts = Int32Array.from(starts);
    this.outputs = Int32Array.from(outputs);
    this.seen = new Int32Array(literals.length);
    this.slots = new Int32Array(literals.length);
  }

  private mean(end: number, meaning: Meaning | undefined): void {
    const { meanings } = this;
    meanings[end * 3] = (meanings[end * 3] ?? 0) | (meaning?.signs ?? 0);
    meanings[end * 3 + 1] = (meanings[end * 3 + 1] ?? 0) | (meaning?.upper ?? 0);
    meanings[end * 3 + 2] = (meanings[end * 3 + 2] ?? 0) | (meaning?.lower ?? 0);
  }

  /** `text` is a byte string. */
  scan(text: string): Scan {
    const { classes, next, starts, meanings } = this;
    const { length } = text;
    const last = this.width - 1;
    const places: number[] | null = length >= LONG ? [] : null;
    let found: Found | null = null;
    let signature = 0;
    let repeated = 0;
    let before = 0;
    let adjacent = 0;
    let signs = 0;
    let upper = 0;
    let lower = 0;
    let state = 0;
    for (let at = 0; at < length; at++) {
      const code = text.charCodeAt(at) & 0xff;
      const bits = BITS[code] ?? 0;
      repeated |= signature & bits;
      signature |= bits;
      adjacent |= before & bits;
      before = bits;
      state = next[state + (classes[code] ?? 0)] ?? 0;
      if (state >= 0) continue;
      state = ~state;
      const end = next[state + last] ?? 0;
      signs |= meanings[end * 3] ?? 0;
      upper |= meanings[end * 3 + 1] ?? 0;
      lower |= meanings[end * 3 + 2] ?? 0;
      if (starts[end] === starts[end + 1]) continue;
      found = this.collect(end, found);
      if (places !== null) this.note(end, at, places);
    }
    if ((adjacent & SPACE) !== 0) signature |= WIDE_SPACE;
    const { hits = NO_HITS, counts = NO_HITS } = found ?? {};
    const kept = (places?.length ?? 0) <= MAX_PLACES ? places : null;
    return { signature, repeated, hits, counts, places: kept, signs, upper, lower };
  }

  private note(end: number, at: number, places: number[]): void {
    if (places.length > MAX_PLACES) return;
    const to = this.starts[end + 1] ?? 0;
    for (let hit = this.starts[end] ?? 0; hit < to; hit++) places.push(this.outputs[hit] ?? 0, at);
  }

  private collect(end: number, before: Found | null): Found {
    const { seen, slots, outputs, starts } = this;
    const to = starts[end + 1] ?? 0;
    if (before === null) this.stamp = (this.stamp + 1) | 0;
    const found = before ?? { hits: [], counts: [] };
    for (let at = starts[end] ?? 0; at < to; at++) {
      const hit = outputs[at] ?? 0;
      if (seen[hit] === this.stamp) {
        const slot = slots[hit] ?? 0;
        found.counts[slot] = (found.counts[slot] ?? 0) + 1;
        continue;
      }
      seen[hit] = this.stamp;
      slots[hit] = found.hits.push(hit) - 1;
      found.counts.push(1);
    }
    return found;
  }

  /** Gives every byte of the literals a class (case folded); 0 is every other byte. Returns how many there are. */
  private classify(literals: readonly string[]): number {
    let count = 1;
    for (const literal of literals) {
      for (let at = 0; at < literal.length; at++) {
        const code = literal.charCodeAt(at);
        if (this.classes[code] === 0) this.classes[code] = count++;
      }
    }
    for (let code = 0x41; code <= 0x5a; code++) this.classes[code] = this.classes[code + 32] ?? 0;
    return count;
  }
}

/** The children of a state are a list: `first`, then each one's `sibling`; 0 ends it. */
interface Trie {
  readonly states: number;
  readonly first: Int32Array;
  readonly sibling: Int32Array;
  /** Class of the char that leads to a state. */
  readonly label: Uint8Array;
  /** Literals that end in a state. */
  readonly ends: readonly (readonly number[] | undefined)[];
}

function buildTrie(literals: readonly string[], classes: Uint8Array): Trie {
  const capacity = literals.reduce((sum, literal) => sum + literal.length, 1);
  const first = new Int32Array(capacity);
  const sibling = new Int32Array(capacity);
  const label = new Uint8Array(capacity);
  const ends: number[][] = [];
  let states = 1;
  literals.forEach((literal, index) => {
    let state = 0;
    for (let at = 0; at < literal.length; at++) {
      const kind = classes[literal.charCodeAt(at)] ?? 0;
      let child = first[state] ?? 0;
      while (child !== 0 && label[child] !== kind) child = sibling[child] ?? 0;
      if (child === 0) {
        child = states++;
        label[child] = kind;
        sibling[child] = first[state] ?? 0;
        first[state] = child;
      }
      state = child;
    }
    (ends[state] ??= []).push(index);
  });
  return { states, first, sibling, label, ends };
}

interface Table {
  readonly next: Int32Array;
  /** What ends in the states that something ends in, by what the last column of their rows says. */
  readonly ends: readonly (readonly number[])[];
}

/** Breadth first: a state's row is that of its longest proper suffix, with its own children put in; it inherits what ends in the suffix. */
function complete({ states, first, sibling, label, ends }: Trie, width: number): Table {
  const next = new Int32Array(states * width);
  const suffix = new Int32Array(states);
  const found: (readonly number[])[] = [NO_HITS];
  const queue = new Int32Array(states);
  let queued = 1;
  for (let at = 0; at < queued; at++) {
    const state = queue[at] ?? 0;
    const row = state * width;
    const fallback = suffix[state] ?? 0;
    if (state !== 0) next.copyWithin(row, fallback, fallback + width - 1);
    for (let child = first[state] ?? 0; child !== 0; child = sibling[child] ?? 0) {
      const slot = row + (label[child] ?? 0);
      const other = offsetOf(next[slot] ?? 0);
      suffix[child] = other;
      const inherited = found[next[other + width - 1] ?? 0] ?? NO_HITS;
      const own = ends[child] ?? NO_HITS;
      const ending = own.length + inherited.length > 0;
      if (ending) next[child * width + width - 1] = found.push([...own, ...inherited]) - 1;
      next[slot] = ending ? ~(child * width) : child * width;
      queue[queued++] = child;
    }
  }
  return { next, ends: found };
}

function offsetOf(entry: number): number {
  return entry < 0 ? ~entry : entry;
}
