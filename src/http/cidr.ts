/** A block of IPv4 or IPv6 addresses (RFC 4632, RFC 4291). */
export interface Cidr {
  readonly family: 4 | 6;
  /** Network address with host bits zero. */
  readonly network: bigint;
  /** Prefix length in bits, 0 to 32 or 128. */
  readonly bits: number;
}

/** Parses "10.40.0.0/16" or "2001:db8::/32"; null where it is not one, or has host bits set. */
export function parseCidr(text: string): Cidr | null {
  const match = /^([0-9A-Fa-f.:]+)\/(\d{1,3})$/.exec(text);
  const address = match?.[1] === undefined ? null : parseAddress(match[1]);
  if (address === null) return null;
  const bits = Number(match?.[2]);
  const width = address.family === 4 ? 32 : 128;
  if (bits > width) return null;
  const hostBits = BigInt(width - bits);
  const network = (address.value >> hostBits) << hostBits;
  return network === address.value ? { family: address.family, network, bits } : null;
}

/** Whether `address` lies in the block; false for what is not an address. IPv4-mapped IPv6 counts as IPv4. */
export function containsAddress(cidr: Cidr, address: string): boolean {
  const parsed = parseAddress(address);
  if (parsed === null || parsed.family !== cidr.family) return false;
  const hostBits = BigInt((cidr.family === 4 ? 32 : 128) - cidr.bits);
  return parsed.value >> hostBits === cidr.network >> hostBits;
}

interface Address {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** Numeric value of an address; null where it is not one. */
export function parseAddress(text: string): Address | null {
  if (!text.includes(":")) {
    const value = parseIpv4(text);
    return value === null ? null : { family: 4, value };
  }
  const value = parseIpv6(text);
  if (value === null) return null;
  return value >> 32n === 0xffffn ? { family: 4, value: value & 0xffffffffn } : { family: 6, value };
}

function parseIpv4(text: string): bigint | null {
  const parts = text.split(".");
  if (parts.length !== 4) return null;
  let value = 0n;
  for (const part of parts) {
    // No leading zeros: "010" is 8 to some parsers and 10 to others.
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return null;
    value = (value << 8n) | BigInt(part);
  }
  return value;
}

function parseIpv6(text: string): bigint | null {
  const mapped = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const tail = mapped?.[2] === undefined ? null : parseIpv4(mapped[2]);
  if (mapped && tail === null) return null;
  const full =
    mapped && tail !== null
      ? `${mapped[1]}${(tail >> 16n).toString(16)}:${(tail & 0xffffn).toString(16)}`
      : text;
  const halves = full.split("::");
  if (halves.length > 2) return null;
  const [head, rest] = halves.map((half) => (half === "" ? [] : half.split(":")));
  if (head === undefined) return null;
  const missing = 8 - head.length - (rest?.length ?? 0);
  if (rest === undefined ? missing !== 0 : missing < 1) return null;
  const groups = [...head, ...Array<string>(rest === undefined ? 0 : missing).fill("0"), ...(rest ?? [])];
  let value = 0n;
  for (const group of groups) {
    if (!/^[0-9A-Fa-f]{1,4}$/.test(group)) return null;
    value = (value << 16n) | BigInt(`0x${group}`);
  }
  return value;
}
