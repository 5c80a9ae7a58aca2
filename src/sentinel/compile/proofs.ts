import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";

/** Bumped when the provers change. */
const VERSION = 6;

const proofSchema = z.discriminatedUnion("complexity", [
  z.object({ complexity: z.literal("bounded"), stepsPerChar: z.number(), attack: z.string() }),
  z.object({ complexity: z.literal("linear") }),
  z.object({ complexity: z.literal("polynomial"), degree: z.number(), attack: z.string() }),
  z.object({ complexity: z.literal("exponential"), attack: z.string() }),
  z.object({ complexity: z.literal("undecided") }),
]);
const stored = z.object({ version: z.literal(VERSION), proofs: z.record(z.string(), proofSchema) });

/** What is known of an expression's time under backtracking. */
export type Proof = Readonly<z.output<typeof proofSchema>>;

/** Proofs take up to seconds each and never change: kept between runs. */
export interface ProofCache {
  get(source: string, flags: string): Proof | undefined;
  put(source: string, flags: string, proof: Proof): Proof;
  save(): void;
}

/** A file of proofs; one that cannot be read, or of another version, is begun anew. */
export function proofCache(path: string): ProofCache {
  const proofs = new Map<string, Proof>(Object.entries(load(path)));
  let changed = false;
  const key = (source: string, flags: string): string => `${flags}/${source}`;
  return {
    get: (source, flags) => proofs.get(key(source, flags)),
    put: (source, flags, proof) => {
      proofs.set(key(source, flags), proof);
      changed = true;
      return proof;
    },
    save: () => {
      if (!changed) return;
      mkdirSync(dirname(path), { recursive: true });
      // Two compilers at once leave a whole file, with what both proved.
      const merged = { ...load(path), ...Object.fromEntries(proofs) };
      writeFileSync(`${path}.${process.pid}`, JSON.stringify({ version: VERSION, proofs: merged }));
      renameSync(`${path}.${process.pid}`, path);
    },
  };
}

function load(path: string): Record<string, Proof> {
  try {
    return stored.parse(JSON.parse(readFileSync(path, "utf8"))).proofs;
  } catch {
    return {};
  }
}
