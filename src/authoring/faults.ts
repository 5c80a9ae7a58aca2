/** One mistake in a policy file, in terms its author can act on. */
export interface Fault {
  /** Path as the author knows it, relative to the folder the command ran in. */
  readonly file: string;
  /** 1-based; 0 where the fault is of the file as a whole. */
  readonly line: number;
  /** 1-based; 0 where unknown. */
  readonly column: number;
  /** What is wrong, with the path of the value inside the file where there is one. */
  readonly message: string;
  /** What to do about it, in the imperative. */
  readonly remedy: string;
}

/** A place in a file. */
export interface Located {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** `file:line:column: message. Remedy` as compilers print it, so that editors can jump there. */
export function formatFault(fault: Fault): string {
  const place = fault.line > 0 ? `${fault.file}:${fault.line}:${fault.column}` : fault.file;
  return `${place}: ${fault.message}\n    remedy: ${fault.remedy}`;
}

/** Thrown once at the end of a check, with all faults found, in the order in which they stand. */
export class FaultList extends Error {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    const sorted = faults.toSorted(
      (a, b) => a.file.localeCompare(b.file) || a.line - b.line || a.column - b.column,
    );
    super(sorted.map(formatFault).join("\n"));
    this.name = "FaultList";
    this.faults = sorted;
  }
}
