/**
 * Longer than the path to any leaf of a real document, in characters. Each leaf
 * has a name of its own: without a bound, long keys above many leaves would make
 * many times the body's size of them.
 */
const LONGEST = 512;

/** The name of what stands at `step` (`.sku`, `[0]`) inside of `path`: of a long one the end, which says what it is. */
export function nameWithin(path: string, step: string): string {
  const name = path + step;
  return name.length > LONGEST ? name.slice(-LONGEST) : name;
}
