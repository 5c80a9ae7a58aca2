import type { AST } from "@eslint-community/regexpp";
import { ALL_CHARS, type CharSet, charsOf } from "./char-sets.ts";

/**
 * How many steps a backtracking engine takes a char, at worst, over texts made
 * from the expression itself: its own matches cut off, repeated and pumped. The
 * expression runs in a model of such an engine that counts, so the answer is the
 * same on every machine.
 */
export interface Measured {
  readonly stepsPerChar: number;
  /** The text that took the most, as the part that is repeated. */
  readonly attack: string;
}

const TEXTS = 40;
const LENGTH = 1_000;
/** Where a text has taken this many steps a char, it need not go on. */
const ENOUGH = 240;

export function measureSteps(pattern: AST.Pattern, ignoreCase: boolean): Measured {
  const model = new Model(ignoreCase);
  const run = model.alternatives(pattern.alternatives);
  const sampler = new Sampler(ignoreCase);
  let worst: Measured = { stepsPerChar: 0, attack: "" };
  for (let turn = 0; turn < TEXTS && worst.stepsPerChar < ENOUGH; turn++) {
    const { text, attack } = sampler.text(pattern.alternatives);
    const stepsPerChar = Math.round(model.count(run, text, isAnchored(pattern)) / text.length);
    if (stepsPerChar > worst.stepsPerChar) worst = { stepsPerChar, attack };
  }
  return worst;
}

/** Whether all ways through an expression begin with `^`: engines then try no start but the first. */
function isAnchored({ alternatives }: AST.Pattern): boolean {
  return alternatives.every(({ elements: [first] }) => first?.type === "Assertion" && first.kind === "start");
}

const WORD = Uint8Array.from({ length: 256 }, (_none, code) => Number(/\w/.test(String.fromCharCode(code))));
const members = new Map<CharSet, Uint8Array>();

/** 1 at every byte of the set; made once a set, since sets recur. */
function membersOf(set: CharSet): Uint8Array {
  let known = members.get(set);
  if (known === undefined) {
    known = Uint8Array.from({ length: 256 }, (_none, code) => Number((set >> BigInt(code)) & 1n));
    members.set(set, known);
  }
  return known;
}

type Next = (at: number) => boolean;
type Step = (at: number, next: Next) => boolean;

/** A backtracking matcher that counts its steps. */
class Model {
  private readonly fold: boolean;
  private text = "";
  private steps = 0;
  private limit = 0;

  constructor(fold: boolean) {
    this.fold = fold;
  }

  /** Steps of trying every start, of an anchored expression the first; as an engine that finds nothing. */
  count(run: Step, text: string, anchored: boolean): number {
    this.text = text;
    this.steps = 0;
    this.limit = text.length * ENOUGH;
    const last = anchored ? 0 : text.length;
    for (let at = 0; at <= last && this.steps < this.limit; at++) run(at, () => false);
    return this.steps;
  }

  alternatives(list: readonly AST.Alternative[]): Step {
    const steps = list.map(({ elements }) => this.sequence(elements));
    return (at, next) => steps.some((step) => step(at, next));
  }

  private sequence(elements: readonly AST.Element[]): Step {
    return elements
      .map((element) => this.element(element))
      .reduceRight<Step>(
        (rest, step) => (at, next) => step(at, (to) => rest(to, next)),
        (at, next) => next(at),
      );
  }

  private element(element: AST.Element): Step {
    switch (element.type) {
      case "Group":
      case "CapturingGroup":
        return this.alternatives(element.alternatives);
      case "Quantifier":
        return this.quantifier(element);
      case "Assertion":
        return this.assertion(element);
      default:
        return this.char(charsOf(element, this.fold) ?? ALL_CHARS);
    }
  }

  private char(set: CharSet): Step {
    const member = membersOf(set);
    return (at, next) => {
      this.steps++;
      return (
        this.steps < this.limit &&
        at < this.text.length &&
        member[this.text.charCodeAt(at)] === 1 &&
        next(at + 1)
      );
    };
  }

  private quantifier({ min, max, greedy, element }: AST.Quantifier): Step {
    const inner = this.element(element);
    const turn = (count: number, at: number, next: Next): boolean => {
      const more = (): boolean =>
        count < max && inner(at, (to) => (to > at || count < min) && turn(count + 1, to, next));
      if (count < min) return more();
      return greedy ? more() || next(at) : next(at) || more();
    };
    return (at, next) => turn(0, at, next);
  }

  private assertion(assertion: AST.Assertion): Step {
    const holds = this.condition(assertion);
    return (at, next) => {
      this.steps++;
      return holds(at) && next(at);
    };
  }

  private condition(assertion: AST.Assertion): (at: number) => boolean {
    switch (assertion.kind) {
      case "start":
        return (at) => at === 0;
      case "end":
        return (at) => at === this.text.length;
      case "word":
        return (at) => (this.isWord(at - 1) !== this.isWord(at)) !== assertion.negate;
      case "lookahead": {
        const inner = this.alternatives(assertion.alternatives);
        return (at) => inner(at, () => true) !== assertion.negate;
      }
      default:
        // Looking behind is bounded by its own length; that it holds is the worse case.
        return () => true;
    }
  }

  private isWord(at: number): boolean {
    return at >= 0 && WORD[this.text.charCodeAt(at)] === 1;
  }
}

const LIKELY = [" ", "a", "1", "-", "/", ".", "'", '"', "=", "("];

/** Makes texts out of an expression; the same ones every time. */
class Sampler {
  private readonly fold: boolean;
  private state = 0x2545f491;

  constructor(fold: boolean) {
    this.fold = fold;
  }

  /** A match, cut off, and a piece of it over and over. */
  text(list: readonly AST.Alternative[]): { text: string; attack: string } {
    const sample = this.alternatives(list) + (this.below(2) === 0 ? this.alternatives(list) : "");
    const end = 1 + this.below(Math.max(1, sample.length));
    const start = this.below(3) === 0 ? this.below(end) : 0;
    const lead = this.below(2) === 0 ? sample.slice(0, start) : "";
    const attack = sample.slice(start, end) || "x";
    return { text: (lead + attack.repeat(Math.ceil(LENGTH / attack.length))).slice(0, LENGTH), attack };
  }

  private alternatives(list: readonly AST.Alternative[]): string {
    const chosen = list[this.below(list.length)];
    return (chosen?.elements ?? []).map((element) => this.element(element)).join("");
  }

  private element(element: AST.Element): string {
    switch (element.type) {
      case "Group":
      case "CapturingGroup":
        return this.alternatives(element.alternatives);
      case "Assertion":
        return "";
      case "Quantifier": {
        const most = Math.min(element.max, element.min + 400);
        const few =
          this.below(2) === 0
            ? element.min
            : this.below(2) === 0
              ? most
              : element.min + this.below(most - element.min + 1);
        let text = "";
        for (let turn = 0; turn < few && text.length < LENGTH; turn++) text += this.element(element.element);
        return text;
      }
      default:
        return this.char(charsOf(element, this.fold) ?? ALL_CHARS);
    }
  }

  /** Mostly what other parts are likely to take as well: white space, digits, letters. */
  private char(set: CharSet): string {
    const member = membersOf(set);
    const likely = LIKELY.filter((char) => member[char.charCodeAt(0)] === 1);
    if (likely.length > 0 && this.below(4) > 0) return likely[this.below(likely.length)] ?? " ";
    const from = this.below(256);
    for (let step = 0; step < 256; step++) {
      const code = (from + step) & 0xff;
      if (member[code] === 1) return String.fromCharCode(code);
    }
    return "";
  }

  /** xorshift32 (Marsaglia, 2003). */
  private below(bound: number): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) % Math.max(1, bound);
  }
}
