/** What is asked of one value. Total, and linear in its length. */
export interface Matcher {
  /** Work units a char. */
  readonly weight: number;
  /** Units a char at worst, and at a place where a literal of an expression ends, over and above the weight. */
  readonly worst?: number;
  readonly burst?: number;
  readonly test: (text: string) => boolean;
  /** What was found, for the record; only called where `test` held. */
  readonly excerpt: (text: string) => string;
  /** The whole match and its groups; only expressions have them. */
  readonly groups?: (text: string) => readonly (string | undefined)[];
}
