import { z } from "zod";
import type { EdgeBlueprint } from "../blueprint.ts";
import { parseCidr } from "../http/cidr.ts";
import type { Fault } from "./faults.ts";
import { type PolicyFile, readPolicy } from "./policy-file.ts";

const name = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,62}$/,
    "is not a resource name; use lower-case letters, digits and hyphens, 63 at most",
  );
const sizeGb = z
  .int("is not a whole number; give the size in GB")
  .min(1, "is below 1; give at least 1 GB")
  .max(65_536, "is above 65536; split the resource");
const replicas = z
  .int("is not a whole number; give a count of replicas")
  .min(1, "is below 1; a Compute needs at least one replica")
  .max(1000, "is above 1000; lower it");
const target = z.string({ error: "is missing; name the resource it is for" });
const flag = z.boolean({ error: "is not true or false; write true or false" });

const compute = z
  .strictObject({
    subtipo: z.enum(["web", "api"], { error: 'is neither "web" nor "api"; use one of them' }),
    porta: z
      .int("is not a port; use 1 to 65535")
      .min(1, "is not a port; use 1 to 65535")
      .max(65_535, "is not a port; use 1 to 65535")
      .optional(),
    replicas_min: replicas,
    replicas_max: replicas,
  })
  .refine((config) => config.replicas_min <= config.replicas_max, {
    error: "replicas_min is above replicas_max; swap or correct them",
    path: ["replicas_min"],
  });

/** Every kind of resource of the reference architecture, its `config` included. */
const resource = z.discriminatedUnion(
  "tipo",
  [
    z.strictObject({
      tipo: z.literal("fabric"),
      nome: name,
      config: z.strictObject({
        cidr: z
          .string()
          .refine(
            (text) => parseCidr(text) !== null,
            "is not a CIDR block; write it as 10.40.0.0/16, with host bits zero",
          ),
        publica: flag,
      }),
    }),
    z.strictObject({ tipo: z.literal("compute"), nome: name, config: compute }),
    z.strictObject({
      tipo: z.literal("datastore"),
      nome: name,
      config: z.strictObject({
        motor: z.enum(["redis", "postgres"], {
          error: 'is neither "redis" nor "postgres"; use one of them',
        }),
        ha: flag.optional(),
        tamanho_gb: sizeGb,
      }),
    }),
    z.strictObject({
      tipo: z.literal("archive"),
      nome: name,
      config: z.strictObject({
        subtipo: z.literal("arquivos", { error: 'is not "arquivos"; use it' }),
        tamanho_gb: sizeGb,
        publico: flag,
      }),
    }),
    z.strictObject({
      tipo: z.literal("sentinel"),
      nome: name,
      config: z.strictObject({
        modo: z.enum(["bloquear", "monitorar"], {
          error: 'is neither "bloquear" nor "monitorar"; use one of them',
        }),
        alvo_recurso_id: target,
      }),
    }),
    z.strictObject({
      tipo: z.literal("gateway"),
      nome: name,
      config: z.strictObject({
        dominio: z
          .string()
          .regex(
            /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/,
            "is not a domain name; write it in lower case, as store.acme.com",
          ),
        tls: flag,
        alvo_recurso_id: target,
      }),
    }),
    z.strictObject({
      tipo: z.literal("autoscale"),
      nome: name,
      config: z.strictObject({
        alvo_recurso_id: target,
        metrica: z.literal("requests", { error: 'is not "requests"; the edge can only measure requests' }),
        limiar: z
          .number("is not a number; give requests per second a replica")
          .positive("is not above 0; give requests per second a replica")
          .max(1_000_000, "is above 1000000; lower it"),
      }),
    }),
    z.strictObject({
      tipo: z.literal("insight"),
      nome: name,
      config: z.strictObject({
        retencao_dias: z
          .int("is not a whole number; give days")
          .min(1, "is below 1 day; keep at least one")
          .max(400, "is above 400 days; lower it"),
        alertas: flag,
      }),
    }),
  ],
  {
    error:
      "is not a kind of resource; use fabric, compute, datastore, archive, sentinel, gateway, autoscale or insight",
  },
);

/** The whole blueprint; references between resources are checked by `readBlueprint`. */
export const blueprintSchema = z.strictObject({
  nome: z.string().min(1, "is empty; give the store's name"),
  resiliencia: z.enum(["zona-unica", "multi-zona", "multi-regiao"], {
    error: "is unknown; use zona-unica, multi-zona or multi-regiao",
  }),
  recursos: z.array(resource),
});

type Blueprint = z.output<typeof blueprintSchema>;
type Resource = Blueprint["recursos"][number];
type Kind = Resource["tipo"];
type OfKind<K extends Kind> = Extract<Resource, { tipo: K }>;

/** Kinds the edge cannot run without, one each. */
const REQUIRED: readonly Kind[] = ["fabric", "archive", "sentinel", "gateway", "autoscale", "insight"];

/** As much of a blueprint as references need, so that they are checked beside the faults of the schema. */
const looseSchema = z.object({
  recursos: z
    .array(
      z
        .object({
          tipo: z.string().catch(""),
          nome: z.string().catch(""),
          config: z
            .object({ alvo_recurso_id: z.string().optional().catch(undefined) })
            .catch({ alvo_recurso_id: undefined }),
        })
        .catch({ tipo: "", nome: "", config: { alvo_recurso_id: undefined } }),
    )
    .catch([]),
});

type LooseFile = PolicyFile<z.output<typeof looseSchema>>;
type LooseResources = z.output<typeof looseSchema>["recursos"];

/** Reads a blueprint and derives what the edge needs; all faults at once, `value` only without any. */
export function readBlueprint(path: string): { value: EdgeBlueprint | undefined; faults: readonly Fault[] } {
  const strict = readPolicy(path, blueprintSchema);
  const loose = readPolicy(path, looseSchema);
  const references = loose.value === undefined ? [] : resourceFaults(loose, loose.value.recursos);
  const faults = [...strict.faults, ...references];
  if (strict.value === undefined || faults.length > 0) return { value: undefined, faults };
  return { value: derive(strict.value), faults };
}

function resourceFaults(file: LooseFile, resources: LooseResources): Fault[] {
  return [
    ...duplicateFaults(file, resources),
    ...countFaults(file, resources),
    ...referenceFaults(file, resources),
  ];
}

function duplicateFaults(file: LooseFile, resources: LooseResources): Fault[] {
  return resources.flatMap(({ nome }, index) => {
    const first = resources.findIndex((other) => other.nome === nome);
    if (nome === "" || first === index) return [];
    return [
      {
        ...file.locate(["recursos", index, "nome"]),
        message: `recursos[${index}].nome: "${nome}" is already the name of recursos[${first}]`,
        remedy: "give every resource a name of its own",
      },
    ];
  });
}

function countFaults(file: LooseFile, resources: LooseResources): Fault[] {
  return REQUIRED.flatMap((kind) => {
    const indexes = resources.flatMap((entry, index) => (entry.tipo === kind ? [index] : []));
    if (indexes.length === 1) return [];
    const [, second] = indexes;
    const place = second === undefined ? file.locate(["recursos"]) : file.locate(["recursos", second]);
    const message =
      second === undefined ? `recursos: there is no ${kind}` : `recursos[${second}]: a second ${kind}`;
    return [{ ...place, message, remedy: `declare exactly one ${kind}` }];
  });
}

function referenceFaults(file: LooseFile, resources: LooseResources): Fault[] {
  return resources.flatMap((entry, index) => {
    const wanted = entry.config.alvo_recurso_id;
    const found = resources.find(({ nome }) => nome === wanted);
    if (wanted === undefined || found?.tipo === "compute") return [];
    const computes = resources.filter(({ tipo }) => tipo === "compute").map(({ nome }) => nome);
    const what = found ? `"${wanted}" is a ${found.tipo}, not a compute` : `there is no resource "${wanted}"`;
    return [
      {
        ...file.locate(["recursos", index, "config", "alvo_recurso_id"]),
        message: `recursos[${index}].config.alvo_recurso_id: ${what}`,
        remedy:
          computes.length > 0
            ? `name a compute: ${computes.join(", ")}`
            : "declare a compute and name it here",
      },
    ];
  });
}

function derive(blueprint: Blueprint): EdgeBlueprint {
  const gateway = only(blueprint, "gateway").config;
  const autoscale = only(blueprint, "autoscale").config;
  const insight = only(blueprint, "insight").config;
  const scaled = computeNamed(blueprint, autoscale.alvo_recurso_id);
  return {
    name: blueprint.nome,
    domain: gateway.dominio,
    tls: gateway.tls,
    mode: only(blueprint, "sentinel").config.modo === "bloquear" ? "block" : "monitor",
    fabricCidr: only(blueprint, "fabric").config.cidr,
    storefront: computeNamed(blueprint, gateway.alvo_recurso_id),
    autoscale: {
      target: scaled.name,
      metric: autoscale.metrica,
      threshold: autoscale.limiar,
      replicasMin: scaled.replicasMin,
      replicasMax: scaled.replicasMax,
    },
    retentionDays: insight.retencao_dias,
    alerts: insight.alertas,
  };
}

function only<K extends Kind>(blueprint: Blueprint, kind: K): OfKind<K> {
  const found = blueprint.recursos.find((entry): entry is OfKind<K> => entry.tipo === kind);
  if (found === undefined) throw new Error(`no ${kind} in a checked blueprint`);
  return found;
}

function computeNamed(blueprint: Blueprint, wanted: string): EdgeBlueprint["storefront"] {
  const found = blueprint.recursos.find(
    (entry): entry is OfKind<"compute"> => entry.tipo === "compute" && entry.nome === wanted,
  );
  if (found === undefined) throw new Error(`no compute "${wanted}" in a checked blueprint`);
  return { name: found.nome, replicasMin: found.config.replicas_min, replicasMax: found.config.replicas_max };
}
