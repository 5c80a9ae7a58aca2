import type { Matcher } from "./matcher.ts";

interface Block {
  readonly bits: readonly number[];
  readonly length: number;
}

/** Addresses and CIDR blocks, IPv4 and IPv6 (IPv4-mapped ones count as IPv4). */
export function addresses(list: readonly string[]): Matcher {
  const blocks = list.map(parseBlock).filter((block) => block !== null);
  const test = (text: string): boolean => {
    const bytes = parseAddress(text.trim());
    return bytes !== null && blocks.some((block) => contains(block, bytes));
  };
  return { weight: 1, test, excerpt: (text) => text };
}

/** Null where the text is no address or block; host bits that are set are allowed. */
export function parseBlock(text: string): Block | null {
  const [address = "", prefix] = text.split("/");
  const bits = parseAddress(address);
  if (bits === null || text.split("/").length > 2) return null;
  const most = bits.length * 8;
  if (prefix === undefined) return { bits, length: most };
  const length = /^[0-9]{1,3}$/.test(prefix) ? Number(prefix) : -1;
  return length < 0 || length > most ? null : { bits, length };
}

function contains(block: Block, bytes: readonly number[]): boolean {
  if (bytes.length !== block.bits.length) return false;
  for (let bit = 0; bit < block.length; bit += 8) {
    const mask = 0xff & ~(0xff >> Math.min(8, block.length - bit));
    if (((bytes[bit >> 3] ?? 0) & mask) !== ((block.bits[bit >> 3] ?? 0) & mask)) return false;
  }
  return true;
}

function parseAddress(text: string): readonly number[] | null {
  return text.includes(":") ? parseV6(text) : parseV4(text);
}

function parseV4(text: string): readonly number[] | null {
  const parts = text.split(".");
  if (parts.length !== 4) return null;
  const bytes = parts.map((part) => (/^(?:0|[1-9][0-9]{0,2})$/.test(part) ? Number(part) : 256));
  return bytes.every((byte) => byte < 256) ? bytes : null;
}

function parseV6(text: string): readonly number[] | null {
  const tail = /^(.*:)([0-9.]+)$/.exec(text);
  const v4 = tail?.[2]?.includes(".") === true ? parseV4(tail[2]) : undefined;
  if (v4 === null) return null;
  const hex = v4 === undefined ? text : (tail?.[1] ?? "") + word(v4, 0) + ":" + word(v4, 2);
  const halves = hex.split("::");
  if (halves.length > 2) return null;
  const [head = [], rest = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - head.length - rest.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const words = [...head, ...Array.from({ length: missing }, () => "0"), ...rest];
  if (!words.every((part) => /^[0-9a-f]{1,4}$/i.test(part))) return null;
  const bytes = words.flatMap((part) => [parseInt(part, 16) >> 8, parseInt(part, 16) & 0xff]);
  return isMapped(bytes) ? bytes.slice(12) : bytes;
}

function word(bytes: readonly number[], at: number): string {
  return (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)).toString(16);
}

/** `::ffff:0:0/96` (RFC 4291, 2.5.5.2). */
function isMapped(bytes: readonly number[]): boolean {
  return bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
}
