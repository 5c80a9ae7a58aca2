/** The command line itself is wrong: exit status 2 and this text. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}

/** What was asked for cannot be done, and the text says why: exit status 1, no stack trace. */
export class Refusal extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "Refusal";
  }
}

/**
 * The number that an option was given.
 * @throws UsageError where it is none, or below `least`
 */
export function wholeNumber(option: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text) || Number(text) < least)
    throw new UsageError(`${option} ${text} is no whole number from ${least} on`);
  return Number(text);
}
