import { describe, expect, it } from "vitest";
import { containsAddress, parseAddress, parseCidr } from "../../src/http/cidr.ts";

describe("parseCidr", () => {
  it.each(["10.40.0.0/16", "0.0.0.0/0", "192.0.2.7/32", "2001:db8::/32", "::/0", "::1/128"])(
    "takes %s",
    (text) => expect(parseCidr(text)).not.toBeNull(),
  );

  it.each([
    "10.40.0.1/16", // host bits set
    "10.40.0.0/33",
    "10.40.0/16",
    "010.40.0.0/16",
    "256.0.0.0/8",
    "10.40.0.0",
    "2001:db8::1/32",
    "2001:db8:::/32",
    "1:2:3:4:5:6:7:8:9/128",
    "2001:db8::/129",
    "::ffff:192.0.2.0/120", // an IPv4 block: write it as one
    "",
    "any",
  ])("refuses %s", (text) => expect(parseCidr(text)).toBeNull());
});

describe("containsAddress", () => {
  it.each([
    ["10.40.0.0/16", "10.40.255.1", true],
    ["10.40.0.0/16", "10.41.0.1", false],
    ["10.40.0.0/16", "::ffff:10.40.3.4", true],
    ["10.40.0.0/16", "not an address", false],
    ["0.0.0.0/0", "203.0.113.9", true],
    ["0.0.0.0/0", "::1", false],
    ["2001:db8::/32", "2001:db8:1::1", true],
    ["2001:db8::/32", "2001:db9::1", false],
    ["::1/128", "0:0:0:0:0:0:0:1", true],
  ])("%s contains %s: %s", (block, address, expected) => {
    const cidr = parseCidr(block);
    expect(cidr).not.toBeNull();
    if (cidr !== null) expect(containsAddress(cidr, address)).toBe(expected);
  });

  it("has no opinion on what is no address", () => {
    for (const text of ["1.2.3", "1.2.3.4.5", "1::2::3", "g::1", ":", "1:2:3:4:5:6:7"])
      expect(parseAddress(text)).toBeNull();
  });
});
