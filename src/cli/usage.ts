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
