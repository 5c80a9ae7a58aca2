import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { FaultList, readPolicy } from "../../src/authoring/index.ts";

const schema = z.strictObject({ name: z.string(), more: z.strictObject({ count: z.int() }).optional() });
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "policy-file-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function read(content: string | Uint8Array) {
  const path = join(folder, "a.yaml");
  writeFileSync(path, content);
  return readPolicy(path, schema);
}

describe("a policy file", () => {
  it.each([
    ["with a byte order mark", "\ufeffname: a\n"],
    ["with CRLF", "name: a\r\n"],
    ["as JSON", '{"name": "a"}'],
    ["with accents", "name: a # não\n"],
  ])("is read %s", (_what, text) => expect(read(text)).toMatchObject({ value: { name: "a" }, faults: [] }));

  it.each<[string, string | Uint8Array, string, string, string]>([
    ["two values of a key", "name: a\nname: b\n", "2:1", "Map keys must be unique", "keep one of the two"],
    ["a tab", "more:\n\tcount: 1\nname: a\n", "2:1", "Tabs are not allowed", "indent with spaces"],
    ["a regular expression in double quotes", 'name: "a\\sb"\n', "1:9", "Invalid escape", "'single quotes'"],
    ["two documents", "name: a\n---\nname: b\n", "2:1", "a second document", "remove the ---"],
    ["a mistyped key", "nmae: a\nname: a\n", "1:1", "nmae: unknown key", "did you mean name?"],
    ["one further in", "name: a\nmore: { cuont: 1, count: 1 }\n", "2:9", "more.cuont", "did you mean count?"],
    ["Latin-1", Buffer.from("name: a\n# n\xe3o\n", "latin1"), "2:4", "not UTF-8", "save it as UTF-8"],
    ["UTF-16", Buffer.from("\ufeffname: a\n", "utf16le"), "1:1", "not UTF-8", "save it as UTF-8"],
  ])("with %s is refused with its place and what to do", (_what, text, place, message, remedy) => {
    const { value, faults } = read(text);
    expect(value).toBeUndefined();
    expect(faults).toHaveLength(1);
    const [fault] = faults;
    expect(`${fault?.line}:${fault?.column}`).toBe(place);
    expect(fault?.message).toContain(message);
    expect(fault?.remedy).toContain(remedy);
  });

  it("'s faults are told in the order in which they stand", () => {
    const at = (file: string, line: number, column: number) => ({
      file,
      line,
      column,
      message: "m",
      remedy: "r",
    });
    const list = new FaultList([at("b", 1, 1), at("a", 10, 1), at("a", 2, 9), at("a", 2, 3)]);
    expect(list.faults.map(({ file, line, column }) => `${file}${line}:${column}`)).toEqual([
      "a2:3",
      "a2:9",
      "a10:1",
      "b1:1",
    ]);
  });
});
