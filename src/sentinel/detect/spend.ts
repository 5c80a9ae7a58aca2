import type { Kinds } from "./sql-kinds.ts";

/** Spends units of work (about a nanosecond each) before they are done; throws where none are left. */
export type Spend = (units: number) => void;

/** What a scan by the words of detectors (vocabulary.ts) tells of a text: most hold nothing that need be read. */
export interface Seen extends Kinds {
  readonly signature: number;
  /** Of the signature, what more than one char has. */
  readonly repeated: number;
}

/** The sign of injection in a byte string (one char a byte, already decoded), or null. Spends what each of its passes may cost. `seen`: where the text was scanned already. */
export type Detect = (text: string, spend?: Spend, seen?: Seen) => string | null;

/** Where nobody counts. */
export const free: Spend = () => {};
