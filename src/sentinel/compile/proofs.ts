import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** What is known of an expression's time under backtracking. */
export type Proof =
  | { readonly complexity: "bounded"; readonly steps: number }
  | { readonly complexity: "linear" }
  | { readonly complexity: "polynomial"; readonly degree: number; readonly attack: string }
  | { readonly complexity: "exponential"; readonly attack: string }
  | { readonly complexity: "undecided" };

/** Proofs take up to seconds each and never change: kept between runs. */
export interface ProofCache {
  get(source: string, flags: string): Proof | undefined;
  put(source: string, flags: string, proof: Proof): Proof;
  save(): void;
}

/** Bumped when the provers change. */
const VERSION = 1;

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
      // Renamed into place, so that two compilers at once leave a whole file.
      writeFileSync(
        `${path}.${process.pid}`,
        JSON.stringify({ version: VERSION, proofs: Object.fromEntries(proofs) }),
      );
      renameSync(`${path}.${process.pid}`, path);
    },
  };
}

function load(path: string): Record<string, Proof> {
  try {
    const stored = JSON.parse(readFileSync(path, "utf8")) as {
      version: number;
      proofs: Record<string, Proof>;
    };
    return stored.version === VERSION ? stored.proofs : {};
  } catch {
    return {};
  }
}
