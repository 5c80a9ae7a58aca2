import type { BudgetReason } from "../verdict.ts";
import type { Limits } from "../package.ts";
import { type Collection, isRemembered } from "../variables.ts";
import type { Automaton } from "./automaton.ts";
import { Memory } from "./memory.ts";
import { type FieldValues, SeenValues } from "./seen.ts";
import { Scanner, Value } from "./view.ts";

/** Thrown inside the engine where a budget is exceeded; becomes the verdict of that name. */
export class Exceeded extends Error {
  readonly reason: BudgetReason;

  constructor(reason: BudgetReason) {
    super(reason);
    this.reason = reason;
  }
}

/** Made once: noting where it is thrown would take as long as much of the work. */
const OUT_OF_WORK = new Exceeded("work");

/** Innocent requests mostly take 40 units a byte with the rules as shipped, the dearest known 383 beyond the first 30,000. */
const WORK_PER_BYTE = 400;
const WORK_TO_BEGIN = 30_000;
/** What a verdict that is sure may still cost: the record should name more than the first rule, at no great price. */
const WORK_WHEN_SURE = 100_000;

/** The values of one request (or answer) by collection, and what is left of its budgets. */
export class Transaction {
  readonly values: Value[] = [];
  readonly scanner: Scanner;
  readonly limits: Limits;
  /** What rules want the body read as, whatever it declares. */
  readAs: "form" | "multipart" | "json" | "xml" | "text" | null = null;
  /** Whether the record shows what was found. */
  excerpts = true;
  private readonly wanted: ReadonlySet<Collection>;
  private readonly byCollection = new Map<Collection, Value[]>();
  /** A body that is a value of its own may be a parameter as well. */
  private body: Value | null = null;
  private readonly before: Memory | null;
  /** Values that requests share. */
  private readonly seen: SeenValues;
  private made: Memory | null = null;
  private allowance: number;
  private sure = false;

  /**
   * `bytes` are those of the whole request or part of an answer: matching may
   * take so much longer. `memory`: what an earlier part left behind; `seen`: the
   * values of requests before this.
   */
  constructor(
    automaton: Automaton,
    limits: Limits,
    wanted: ReadonlySet<Collection>,
    bytes: number,
    memory: Memory | null = null,
    seen: SeenValues = new SeenValues(),
  ) {
    this.before = memory;
    this.seen = seen;
    this.scanner = new Scanner(automaton);
    this.limits = limits;
    this.wanted = wanted;
    this.allowance = Math.min(limits.work, WORK_TO_BEGIN + bytes * WORK_PER_BYTE);
  }

  /** Made when it is asked for: rules that stand for themselves remember nothing. */
  get memory(): Memory {
    return (this.made ??= new Memory(this.before));
  }

  /** The request blocks whatever else is found: little more is looked for, and running out of budget says nothing. */
  settle(): void {
    if (this.sure) return;
    this.sure = true;
    this.allowance = Math.min(this.allowance, this.scanner.work + WORK_WHEN_SURE);
  }

  get settled(): boolean {
    return this.sure;
  }

  /** There are no rules. */
  get wantsNothing(): boolean {
    return this.wanted.size === 0;
  }

  wants(collection: Collection): boolean {
    return this.wanted.has(collection);
  }

  /** Adds a value, a byte string. Throws `Exceeded("values")`. */
  add(collection: Collection, name: string, text: string): void {
    this.put(collection, name, text, true);
  }

  /** Adds a value that is not peeled: its parts are values of their own. */
  addPlain(collection: Collection, name: string, text: string): void {
    this.put(collection, name, text, false);
  }

  /** Adds a header field. Throws `Exceeded("values")`. */
  addField(name: string, text: string, make: (shared: boolean) => FieldValues): FieldValues {
    const values = this.seen.field(name, text, make);
    this.push(values.field);
    this.push(values.name);
    return values;
  }

  private put(collection: Collection, name: string, text: string, peelable: boolean): void {
    if (!this.wanted.has(collection)) return;
    if (peelable && this.seen.remembers(collection, name, text))
      return this.push(this.seen.value(collection, name, text));
    const twin = peelable && this.body?.text === text ? this.body : null;
    const value = new Value(collection, name, text, peelable, twin);
    if (collection === "body" && peelable) this.body = value;
    this.push(value);
  }

  private push(value: Value): void {
    if (!this.wanted.has(value.collection)) return;
    if (this.values.length >= this.limits.values) throw new Exceeded("values");
    this.values.push(value);
    const known = this.byCollection.get(value.collection);
    if (known === undefined) this.byCollection.set(value.collection, [value]);
    else known.push(value);
  }

  /** Names what is wrong with the body, each once. */
  fault(name: string): void {
    if (!this.of("body.faults").some((value) => value.text === name)) this.add("body.faults", "", name);
  }

  of(collection: Collection): readonly Value[] {
    if (isRemembered(collection)) return this.memory.values(collection);
    return this.byCollection.get(collection) ?? NO_VALUES;
  }

  /** Counts matching work before it is done. Throws `Exceeded("work")`. */
  readonly spend = (units: number): void => {
    if (this.scanner.work + units > this.allowance) throw OUT_OF_WORK;
    this.scanner.work += units;
  };
}

const NO_VALUES: readonly Value[] = [];
