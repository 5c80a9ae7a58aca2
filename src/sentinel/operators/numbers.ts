import type { Matcher } from "./matcher.ts";

export type Comparison = "eq" | "gt" | "ge" | "lt" | "le";

export function comparison(kind: Comparison, bound: number): Matcher {
  const test = (text: string): boolean => holds(kind, number(text), bound);
  return { weight: 0, test, excerpt: (text) => text };
}

function number(text: string): number {
  const value = Number(text.trim());
  return Number.isFinite(value) ? value : 0;
}

function holds(kind: Comparison, value: number, bound: number): boolean {
  switch (kind) {
    case "eq":
      return value === bound;
    case "gt":
      return value > bound;
    case "ge":
      return value >= bound;
    case "lt":
      return value < bound;
    default:
      return value <= bound;
  }
}

const CARD = /(?<![0-9])[2-6][0-9](?:[ -]?[0-9]){11,17}(?![0-9])/g;
/** Visa, Mastercard, American Express, Discover, JCB, UnionPay, Diners: first digits and lengths (ISO/IEC 7812). */
const ISSUER =
  /^(?:4[0-9]{12}(?:[0-9]{3}){0,2}|5[1-5][0-9]{14}|2(?:2[2-9]|[3-6][0-9]|7[01])[0-9]{13}|2720[0-9]{12}|3[47][0-9]{13}|6(?:011|5[0-9]{2}|4[4-9][0-9])[0-9]{12}|35[0-9]{14}|62[0-9]{14,17}|3(?:0[0-5]|[68][0-9])[0-9]{11})$/;

/** A payment card number, by issuer, length and Luhn's check digit. */
export function cardNumber(): Matcher {
  const find = (text: string): string | null => {
    for (const [run] of text.matchAll(CARD)) {
      const digits = run.replace(/[ -]/g, "");
      if (ISSUER.test(digits) && luhn(digits)) return digits;
    }
    return null;
  };
  return {
    weight: 4,
    test: (text) => find(text) !== null,
    excerpt: (text) => `card ending in ${find(text)?.slice(-4) ?? ""}`,
  };
}

function luhn(digits: string): boolean {
  let sum = 0;
  for (let at = 0; at < digits.length; at++) {
    const digit = digits.charCodeAt(digits.length - 1 - at) - 0x30;
    const doubled = at % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
