import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { FaultList } from "../authoring/index.ts";
import { type CorpusEntry, parseEntry } from "../sentinel/compile/index.ts";

/**
 * The requests of corpus files, one a line.
 * @throws FaultList with the line that is none
 */
export async function* corpusEntries(files: readonly string[]): AsyncGenerator<CorpusEntry> {
  for (const file of files) {
    let line = 0;
    for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
      line++;
      if (text.trim() !== "") yield entryOf(text, file, line);
    }
  }
}

function entryOf(text: string, file: string, line: number): CorpusEntry {
  try {
    return parseEntry(text);
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).replace(/\s+/g, " ");
    const remedy =
      'write one JSON object a line: { "id", "set", "method", "path", "headers": [[name, value]], "body_b64", "expect": "block" or "pass" }';
    throw new FaultList([{ file, line, column: 1, message: `no request of a corpus: ${reason}`, remedy }]);
  }
}
