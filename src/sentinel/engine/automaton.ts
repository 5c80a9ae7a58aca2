import { BITS, SPACE, WIDE_SPACE } from "./signature.ts";

/** What one pass over a value finds. */
export interface Scan {
  readonly signature: number;
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

interface Found {
  readonly hits: number[];
  readonly counts: number[];
}

/**
 * Aho and Corasick's automaton (1975) over lower-case literals as a full
 * transition table: one table look-up a char, however many literals there are.
 * Chars that occur in no literal share a class, which keeps the table small. A
 * state is its row's offset, negative (`~offset`) where literals end in it.
 */
export class Automaton {
  private readonly classes = new Uint8Array(256);
  private readonly width: number;
  private readonly next: Int32Array;
  /** Where a state's hits begin in `outputs`; the next state's entry ends them. */
  private readonly starts: Int32Array;
  private readonly outputs: Int32Array;
  private readonly seen: Int32Array;
  /** Where in the hits a literal stands that was seen in this text. */
  private readonly slots: Int32Array;
  private stamp = 0;

  /** Literals are byte strings, not empty. */
  constructor(literals: readonly string[]) {
    this.width = this.classify(literals);
    const trie = buildTrie(literals, this.classes);
    const { next, hits } = complete(trie, this.width);
    this.next = next;
    this.starts = new Int32Array(trie.states + 1);
    const outputs: number[] = [];
    for (let state = 0; state < trie.states; state++) {
      this.starts[state] = outputs.length;
      for (const hit of hits[state] ?? NO_HITS) outputs.push(hit);
    }
    this.starts[trie.states] = outputs.length;
    this.outputs = Int32Array.from(outputs);
    this.seen = new Int32Array(literals.length);
    this.slots = new Int32Array(literals.length);
  }

  /** `text` is a byte string. */
  scan(text: string): Scan {
    const { classes, next } = this;
    const { length } = text;
    const places: number[] | null = length >= LONG ? [] : null;
    let found: Found | null = null;
    let signature = 0;
    let state = 0;
    for (let at = 0; at < length; at++) {
      const code = text.charCodeAt(at) & 0xff;
      signature |= BITS[code] ?? 0;
      state = next[state + (classes[code] ?? 0)] ?? 0;
      if (state < 0) {
        state = ~state;
        found = this.collect(state, found);
        if (places !== null) this.note(state, at, places);
      }
    }
    if ((signature & (SPACE | WIDE_SPACE)) === SPACE && text.includes("  ")) signature |= WIDE_SPACE;
    const { hits = NO_HITS, counts = NO_HITS } = found ?? {};
    return { signature, hits, counts, places: (places?.length ?? 0) <= MAX_PLACES ? places : null };
  }

  private note(offset: number, at: number, places: number[]): void {
    if (places.length > MAX_PLACES) return;
    const state = offset / this.width;
    const to = this.starts[state + 1] ?? 0;
    for (let hit = this.starts[state] ?? 0; hit < to; hit++) places.push(this.outputs[hit] ?? 0, at);
  }

  private collect(offset: number, before: Found | null): Found {
    const { seen, slots, outputs, starts } = this;
    const state = offset / this.width;
    const to = starts[state + 1] ?? 0;
    if (before === null) this.stamp = (this.stamp + 1) | 0;
    const found = before ?? { hits: [], counts: [] };
    for (let at = starts[state] ?? 0; at < to; at++) {
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
  readonly hits: readonly (readonly number[] | undefined)[];
}

/** Breadth first: a state's row is that of its longest proper suffix, with its own children put in; it inherits the suffix's hits. */
function complete({ states, first, sibling, label, ends }: Trie, width: number): Table {
  const next = new Int32Array(states * width);
  const suffix = new Int32Array(states);
  const hits: (readonly number[] | undefined)[] = [...ends];
  const queue = new Int32Array(states);
  let queued = 1;
  for (let at = 0; at < queued; at++) {
    const state = queue[at] ?? 0;
    const row = state * width;
    const fallback = suffix[state] ?? 0;
    if (state !== 0) next.copyWithin(row, fallback, fallback + width);
    for (let child = first[state] ?? 0; child !== 0; child = sibling[child] ?? 0) {
      const slot = row + (label[child] ?? 0);
      const other = offsetOf(next[slot] ?? 0);
      suffix[child] = other;
      const inherited = hits[other / width];
      if (inherited !== undefined) hits[child] = [...(hits[child] ?? NO_HITS), ...inherited];
      next[slot] = hits[child] === undefined ? child * width : ~(child * width);
      queue[queued++] = child;
    }
  }
  return { next, hits };
}

function offsetOf(entry: number): number {
  return entry < 0 ? ~entry : entry;
}
