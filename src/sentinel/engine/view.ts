import type { Collection } from "../variables.ts";
import type { Automaton, Scan } from "./automaton.ts";
import type { Detect, Spend } from "../detect/index.ts";
import { peel } from "../peel.ts";
import type { ChainNode } from "./chain.ts";
import type { Held } from "./plan.ts";

const NO_PLACES: readonly number[] = [];

/**
 * One text as rules see it, with what one scan found in it and the texts that
 * transformation chains make of it. A chain that changes nothing gives the same
 * view, so its scan and its matches are shared too.
 */
export class View {
  readonly text: string;
  readonly scan: Scan;
  private derived: (View | undefined)[] | null = null;
  private byLiteral: Map<number, number[]> | null = null;
  private signs: Map<Detect, string | null> | null = null;

  constructor(text: string, scan: Scan) {
    this.text = text;
    this.scan = scan;
  }

  /** Where a literal ends in a long text. */
  places(literal: number): readonly number[] {
    return (this.byLiteral ??= this.indexPlaces()).get(literal) ?? NO_PLACES;
  }

  private indexPlaces(): Map<number, number[]> {
    const index = new Map<number, number[]>();
    const { places } = this.scan;
    for (let at = 0; at + 1 < (places?.length ?? 0); at += 2) {
      const literal = places?.[at] ?? 0;
      const known = index.get(literal);
      if (known === undefined) index.set(literal, [places?.[at + 1] ?? 0]);
      else known.push(places?.[at + 1] ?? 0);
    }
    return index;
  }

  /** What a detector says of the text; it is asked once, whichever rules ask it. */
  sign(detect: Detect, spend?: Spend): string | null {
    const known = this.signs?.get(detect);
    if (known !== undefined) return known;
    const sign = detect(this.text, spend, this.scan);
    (this.signs ??= new Map()).set(detect, sign);
    return sign;
  }

  at(node: number, chains: readonly ChainNode[], scanner: Scanner): View {
    if (node === 0) return this;
    this.derived ??= [];
    return (this.derived[node] ??= this.derive(node, chains, scanner));
  }

  private derive(node: number, chains: readonly ChainNode[], scanner: Scanner): View {
    const step = chains[node];
    if (step === undefined) return this;
    const before = this.at(step.parent, chains, scanner);
    const { needs, apply } = step.transformation;
    if (needs !== 0 && (before.scan.signature & needs) === 0) return before;
    scanner.work += before.text.length * 5;
    const text = apply(before.text);
    return text === before.text ? before : scanner.view(text);
  }
}

/** Makes views and counts the work of scanning. */
export class Scanner {
  work = 0;
  private readonly automaton: Automaton;

  constructor(automaton: Automaton) {
    this.automaton = automaton;
  }

  /** A form that peeling made: making it cost more than scanning it. */
  peeled(text: string): View {
    this.work += text.length * 10;
    return this.view(text);
  }

  view(text: string): View {
    this.work += 200 + text.length * 5;
    return new View(text, this.automaton.scan(text));
  }
}

const NO_VIEWS: readonly View[] = [];
const NOTHING: readonly Held[] = [];
const MAX_HELD = 8;

/** A value of a request; scanned, and its forms made, once somebody asks. */
export class Value {
  readonly collection: Collection;
  readonly name: string;
  readonly text: string;
  private readonly twin: Value | null;
  /** Whether requests to come may share it. */
  readonly shared: boolean;
  private view: View | null = null;
  private peeled: readonly View[] | null;
  private held: readonly Held[] = NOTHING;
  private heldUnder: object | null = null;

  /** `twin`: a value of the same text, with which all views are shared. */
  constructor(
    collection: Collection,
    name: string,
    text: string,
    peelable: boolean,
    twin: Value | null = null,
    shared = false,
  ) {
    this.collection = collection;
    this.name = name;
    this.text = text;
    this.twin = twin;
    this.shared = shared;
    this.peeled = peelable ? null : NO_VIEWS;
  }

  /** Which first conditions held on it under these rules; null where that is not known. */
  heldOn(rules: object): readonly Held[] | null {
    return this.heldUnder === rules ? this.held : null;
  }

  /** Remembers that, in the place of the forms it was found in. */
  remember(rules: object, held: readonly Held[]): void {
    if (held.length > MAX_HELD) return;
    this.held = held;
    this.heldUnder = rules;
    this.view = null;
    this.peeled = null;
  }

  /** The value as it was parsed. */
  root(scanner: Scanner): View {
    return (this.view ??= this.twin?.root(scanner) ?? scanner.view(this.text));
  }

  /** What peeling makes of the value, without the value itself. */
  forms(scanner: Scanner): readonly View[] {
    return (this.peeled ??= this.twin?.forms(scanner) ?? this.peelForms(scanner));
  }

  private peelForms(scanner: Scanner): readonly View[] {
    scanner.work += this.text.length * 4;
    const texts = peel(this.text, this.root(scanner).scan.signature);
    return texts.length === 0 ? NO_VIEWS : texts.map((text) => scanner.peeled(text));
  }
}
