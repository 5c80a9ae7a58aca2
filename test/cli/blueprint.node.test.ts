import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readBlueprint } from "../../src/authoring/index.ts";
import { routeFaults } from "../../src/cli/blueprint.ts";
import { ROOT } from "../../src/cli/project.ts";

const shipped = readFileSync(join(ROOT, "blueprint.json"), "utf8");

function faultsOf(text: string): string[] {
  const file = join(mkdtempSync(join(tmpdir(), "blueprint-")), "blueprint.json");
  writeFileSync(file, text);
  return readBlueprint(file).faults.map((fault) => `${fault.line}: ${fault.message}; ${fault.remedy}`);
}

describe("the shipped blueprint", () => {
  it("is sound, has the ten resources and gives the edge what it needs", () => {
    const { value, faults } = readBlueprint(join(ROOT, "blueprint.json"));
    expect(faults).toEqual([]);
    expect((shipped.match(/"tipo"/g) ?? []).length).toBe(10);
    expect(value).toEqual({
      name: "Acme Store Pro",
      domain: "store.acme.com",
      tls: true,
      mode: "block",
      fabricCidr: "10.40.0.0/16",
      storefront: { name: "storefront", replicasMin: 2, replicasMax: 8 },
      autoscale: { target: "storefront", metric: "requests", threshold: 65, replicasMin: 2, replicasMax: 8 },
      retentionDays: 30,
      alerts: true,
    });
  });

  it("is what wrangler.toml routes, and a difference is found", () => {
    expect(routeFaults("store.acme.com")).toEqual([]);
    expect(routeFaults("shop.acme.com")).toMatchObject([
      { file: "wrangler.toml", message: expect.stringContaining("shop.acme.com") },
    ]);
  });
});

describe("faults of a blueprint", () => {
  const edits: readonly (readonly [string, string, RegExp])[] = [
    ['"limiar": 65', '"limiar": "many"', /limiar: is not a number; give requests per second/],
    ['"limiar": 65', '"limiar": 0', /limiar: is not above 0/],
    ['"modo": "bloquear"', '"modo": "block"', /modo: is neither "bloquear" nor "monitorar"/],
    ['"dominio": "store.acme.com"', '"dominio": "Store_Acme"', /dominio: is not a domain name/],
    ['"cidr": "10.40.0.0/16"', '"cidr": "10.40.0.1/16"', /cidr: is not a CIDR block/],
    ['"publica": true', '"publica": true, "cor": "azul"', /config\.cor: unknown key; remove it/],
    ['"tipo": "insight"', '"tipo": "insigt"', /tipo: is not a kind of resource/],
    ['"tipo": "insight"', '"tipo": "insigt"', /recursos: there is no insight; declare exactly one insight/],
    [
      '"replicas_min": 2, "replicas_max": 8',
      '"replicas_min": 9, "replicas_max": 8',
      /replicas_min is above replicas_max/,
    ],
    ['"nome": "cache"', '"nome": "media"', /"media" is already the name of recursos/],
    [
      '"modo": "bloquear", "alvo_recurso_id": "storefront"',
      '"modo": "bloquear", "alvo_recurso_id": "media"',
      /"media" is a archive, not a compute/,
    ],
    [
      '"modo": "bloquear", "alvo_recurso_id": "storefront"',
      '"modo": "bloquear", "alvo_recurso_id": "shop"',
      /there is no resource "shop"; name a compute: storefront, checkout-api/,
    ],
    ['"retencao_dias": 30', '"retencao_dias": 0.5', /retencao_dias: is not a whole number/],
    ['"recursos": [', '"recursos": [,', /not valid YAML/],
  ];

  it("states how many edits it tried", () => expect(edits.length).toBe(14));

  it.each(edits)("%s -> %s", (from, to, expected) => {
    expect(shipped).toContain(from);
    const faults = faultsOf(shipped.replace(from, to));
    expect(faults.join("\n")).toMatch(expected);
  });

  it("come all at once, each with its line", () => {
    const text = shipped
      .replace('"limiar": 65', '"limiar": -1')
      .replace('"cidr": "10.40.0.0/16"', '"cidr": "all"')
      .replace('"nome": "cache"', '"nome": "media"');
    const lines = faultsOf(text).map((fault) => Number(fault.split(":")[0]));
    expect(lines).toHaveLength(3);
    expect(lines.every((line) => line > 0)).toBe(true);
  });

  it("of a file that is not there name the file", () => {
    expect(readBlueprint("/nowhere/blueprint.json").faults).toMatchObject([
      { file: "/nowhere/blueprint.json", message: expect.stringContaining("cannot be read") },
    ]);
  });
});
