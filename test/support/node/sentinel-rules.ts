import { compileSentinel } from "../../../src/sentinel/compile/index.ts";
import { exchangeOf } from "../../../src/sentinel/compile/examples.ts";
import type { InspectionRequest, SentinelPackage } from "../../../src/sentinel/index.ts";

/** The rules as shipped, and the requests of the examples beside them. */
export function shipped(): {
  readonly pkg: SentinelPackage;
  readonly examples: readonly InspectionRequest[];
} {
  const { value, faults, tests } = compileSentinel("rules");
  if (value === undefined) throw new Error(JSON.stringify(faults, null, 2));
  return { pkg: value, examples: tests.map(({ example }) => exchangeOf(example).request) };
}

/** Numbers in [0, bound), the same ones for the same seed (Lehmer's generator). */
export function randomizer(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % bound;
  };
}

const TOKENS =
  "' \" ; -- /* */ ( ) union select from where or and 1=1 <script <svg onload= javascript: ${ jndi: ldap:// {{ }} .. / ../ %00 ` | && cat /etc/passwd $( ) sleep( benchmark( 0x41 char( exec <!ENTITY <!DOCTYPE SYSTEM \\x41 &#60; %3c +ADw- php:// eval( __proto__ constructor [ ] { } $ne wget curl -o bash -i <iframe src= data: base64, ls \n a b 12 = , . @ # ~ * ? < > => like".split(
    " ",
  );

/** Attack tokens in any order: what makes lazy automata and eager expressions slow. */
export function shuffledTokens(length: number, random: (bound: number) => number, separator: string): string {
  let text = "";
  while (text.length < length) text += (TOKENS[random(TOKENS.length)] ?? "") + separator;
  return text.slice(0, length);
}

/** A form of one field. */
export function formRequest(value: string): InspectionRequest {
  const encoded = value.replace(
    /[^A-Za-z0-9]/g,
    (char) => `%${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  return bodyRequest("application/x-www-form-urlencoded", `q=${encoded}`);
}

/** A POST whose body is one byte a char, cut to the inspected prefix. */
export function bodyRequest(type: string, body: string): InspectionRequest {
  return {
    method: "POST",
    target: "/x",
    protocol: "HTTP/1.1",
    headers: [
      ["host", "store.acme.com"],
      ["content-type", type],
    ],
    body: new Uint8Array(Buffer.from(body.slice(0, 131_072), "latin1")),
    bodyComplete: body.length <= 131_072,
    clientIp: "203.0.113.7",
  };
}
