/** Which gate a ticket belongs to. */

/** The gates of a ticket in its own order (rendezvous hashing): the first decides, the next steps in for it. */
export function gatesFor(id: string, gates: number): number[] {
  if (gates === 1) return [0];
  return Array.from({ length: gates }, (_, index) => ({ index, score: hash(`${id}/${index}`) }))
    .toSorted((a, b) => b.score - a.score || a.index - b.index)
    .map(({ index }) => index);
}

/** FNV-1a with a final mix (of MurmurHash3), so that the last characters count as much as the first. */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
