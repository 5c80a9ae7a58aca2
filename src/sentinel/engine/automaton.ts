import { BITS, SPACE, WIDE_SPACE } from "./signature.ts";

/** What one pass over a value finds. */
export interface Scan {
  readonly signature: number;
  /** Indexes of the literals that occur, ignoring ASCII case, each once. */
  readonly hits: readonly number[];
}

const NO_HITS: readonly number[] = [];

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
  private stamp = 0;

  /** Literals are byte strings, not empty. */
  constructor(literals: readonly string[]) {
    this.width = this.classify(literals);
    const trie = buildTrie(literals, this.classes, this.width);
    const hits = complete(trie, this.width);
    this.starts = new Int32Array(trie.states + 1);
    const outputs: number[] = [];
    for (let state = 0; state < trie.states; state++) {
      this.starts[state] = outputs.length;
      for (const hit of hits[state] ?? NO_HITS) outputs.push(hit);
    }
    this.starts[trie.states] = outputs.length;
    this.outputs = Int32Array.from(outputs);
    this.next = trie.next.map((state) =>
      hits[state] === undefined ? state * this.width : ~(state * this.width),
    );
    this.seen = new Int32Array(literals.length);
  }

  /** `text` is a byte string. */
  scan(text: string): Scan {
    const { classes, next } = this;
    const { length } = text;
    let hits: number[] | null = null;
    let signature = 0;
    let state = 0;
    for (let at = 0; at < length; at++) {
      const code = text.charCodeAt(at) & 0xff;
      signature |= BITS[code] ?? 0;
      state = next[state + (classes[code] ?? 0)] ?? 0;
      if (state < 0) {
        state = ~state;
        hits = this.collect(state, hits);
      }
    }
    if ((signature & (SPACE | WIDE_SPACE)) === SPACE && text.includes("  ")) signature |= WIDE_SPACE;
    return { signature, hits: hits ?? NO_HITS };
  }

  private collect(offset: number, hits: number[] | null): number[] {
    const { seen, outputs, starts } = this;
    const state = offset / this.width;
    const to = starts[state + 1] ?? 0;
    if (hits === null) this.stamp++;
    const list = hits ?? [];
    for (let at = starts[state] ?? 0; at < to; at++) {
      const hit = outputs[at] ?? 0;
      if (seen[hit] === this.stamp) continue;
      seen[hit] = this.stamp;
      list.push(hit);
    }
    return list;
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

interface Trie {
  readonly next: Int32Array;
  readonly states: number;
  /** Literals that end in a state. */
  readonly ends: readonly (readonly number[] | undefined)[];
}

function buildTrie(literals: readonly string[], classes: Uint8Array, width: number): Trie {
  const capacity = literals.reduce((sum, literal) => sum + literal.length, 1);
  const next = new Int32Array(capacity * width);
  const ends: number[][] = [];
  let states = 1;
  literals.forEach((literal, index) => {
    let state = 0;
    for (let at = 0; at < literal.length; at++) {
      const slot = state * width + (classes[literal.charCodeAt(at)] ?? 0);
      const known = next[slot] ?? 0;
      state = known === 0 ? states++ : known;
      next[slot] = state;
    }
    (ends[state] ??= []).push(index);
  });
  return { next: next.subarray(0, states * width), states, ends };
}

/** Breadth first: missing transitions become those of the longest proper suffix, and a state inherits its suffix's hits. */
function complete(trie: Trie, width: number): (readonly number[] | undefined)[] {
  const { next, states } = trie;
  const suffix = new Int32Array(states);
  const hits: (readonly number[] | undefined)[] = [...trie.ends];
  const queue: number[] = [0];
  for (let at = 0; at < queue.length; at++) {
    const state = queue[at] ?? 0;
    const fallback = suffix[state] ?? 0;
    for (let kind = 0; kind < width; kind++) {
      const slot = state * width + kind;
      const child = next[slot] ?? 0;
      const other = state === 0 ? 0 : (next[fallback * width + kind] ?? 0);
      if (child === 0) {
        next[slot] = other;
        continue;
      }
      suffix[child] = other;
      const inherited = hits[other];
      if (inherited !== undefined) hits[child] = [...(hits[child] ?? []), ...inherited];
      queue.push(child);
    }
  }
  return hits;
}
