import { z } from "zod";

/** Longer words than these are no misspelling of a name. */
const LONGEST = 64;

/**
 * What to do about an unknown name: the known one that was probably meant, or
 * all that there are.
 * @param otherwise the remedy where none is near
 */
export function respelled(
  word: string,
  known: Iterable<string>,
  otherwise = `use one of ${[...known].join(", ")}`,
): string {
  const near = nearest(word, known);
  return near === undefined ? otherwise : `did you mean ${near}? ${sentence(otherwise)}`;
}

function sentence(text: string): string {
  return `Otherwise ${text}`;
}

/** The known name that is the fewest slips away, at most one in three letters; undefined where none is. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  if (word.length > LONGEST) return undefined;
  const given = plain(word);
  let best: string | undefined;
  let fewest = Math.floor(given.length / 3) + 1;
  for (const name of known) {
    if (Math.abs(name.length - word.length) >= fewest + 2) continue;
    const found = slips(given, plain(name));
    if (found >= fewest) continue;
    fewest = found;
    best = name;
  }
  return best;
}

/** Letter case and the kind of separator are no slips. */
function plain(word: string): string {
  return word.toLowerCase().replace(/[-_. ]/g, "");
}

/** Letters left out, added, changed, or two swapped (optimal string alignment distance). */
function slips(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const next = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1;
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      next.push(
        Math.min(
          (last[column] ?? 0) + 1,
          (next[column - 1] ?? 0) + 1,
          (last[column - 1] ?? 0) + same,
          swapped ? (before[column - 2] ?? 0) + 1 : Infinity,
        ),
      );
    }
    before = last;
    last = next;
  }
  return last[b.length] ?? 0;
}

/** Keys that a schema knows at a path, of whatever alternatives there are. */
export function keysAt(schema: unknown, path: readonly PropertyKey[]): string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault)
    return keysAt(schema.unwrap(), path);
  if (schema instanceof z.ZodPipe) return keysAt(schema.in, path);
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => keysAt(option, path));
  const [key, ...rest] = path;
  if (schema instanceof z.ZodObject) {
    if (key === undefined) return Object.keys(schema.shape);
    const shape: Readonly<Record<string, unknown>> = schema.shape;
    return Object.hasOwn(shape, String(key)) ? keysAt(shape[String(key)], rest) : [];
  }
  if (key === undefined) return [];
  if (schema instanceof z.ZodArray) return keysAt(schema.element, rest);
  return schema instanceof z.ZodRecord ? keysAt(schema.valueType, rest) : [];
}
