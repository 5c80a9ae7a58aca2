import type { Fault } from "./faults.ts";

/**
 * The text of a file; where it is not UTF-8 the fault, at the first byte that is
 * not, since a decoder that replaces it would change what the author wrote.
 */
export function decodeUtf8(file: string, bytes: Uint8Array): string | Fault {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const sound = new TextDecoder().decode(bytes).split("\ufffd", 1).join("");
    const lines = sound.split("\n");
    return {
      file,
      line: lines.length,
      column: (lines.at(-1)?.length ?? 0) + 1,
      message: "the file is not UTF-8",
      remedy: "save it as UTF-8, without another encoding's accents and marks",
    };
  }
}
