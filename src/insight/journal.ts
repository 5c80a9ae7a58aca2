/**
 * Log lines on their way out. A call of the log costs a hit more than any stage
 * of the line, so the lines of requests that went as they should are gathered for
 * a moment and written with one call, a line of text each; with little traffic
 * that is a call a request. What somebody may be looking for is written at once,
 * by itself.
 */

const GATHERED_MS = 100;
const GATHERED_LINES = 64;
/** What was to be written by a request that was cut off is promised anew after this. */
const LOST_MS = 1000;

export interface Journal {
  /** Writes a line at once. */
  write(line: string): void;
  /** Writes a line soon. `now` in ms; `waitUntil` of a request that is under way. */
  gather(line: string, now: number, waitUntil: (work: Promise<unknown>) => void): void;
}

/** `log` writes text, `sleep` waits some ms. */
export function createJournal(log: (text: string) => void, sleep: (ms: number) => Promise<unknown>): Journal {
  let lines: string[] = [];
  let promisedAt = Number.NEGATIVE_INFINITY;

  function writeGathered(): void {
    if (lines.length === 0) return;
    const text = lines.join("\n");
    lines = [];
    log(text);
  }

  return {
    write: log,
    gather(line, now, waitUntil) {
      lines.push(line);
      if (lines.length >= GATHERED_LINES) return writeGathered();
      if (now - promisedAt <= LOST_MS) return;
      promisedAt = now;
      const soon = sleep(GATHERED_MS).then(() => {
        promisedAt = Number.NEGATIVE_INFINITY;
        writeGathered();
      });
      waitUntil(soon);
    },
  };
}
