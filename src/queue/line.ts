/**
 * Who stands at a gate: tickets that the watermark let come and that found no
 * token yet. The gate keeps a token for everybody earlier who is there, or about
 * to be, so that a late poll does not cost a place; nobody waits for one who left.
 */
export interface Standing {
  readonly id: string;
  /** Place in line: smaller is earlier. */
  readonly key: number;
  /** ms; when the visitor will ask again. */
  readonly dueAt: number;
  /** The request is being held at the gate. */
  readonly held: boolean;
}

/** How long after they were due visitors are still waited for. */
const LATE_MS = 400;
/** How long before they are due a token is kept for them. */
const SOON_MS = 300;
const MAX_STANDING = 1500;

export class GateLine {
  readonly #byId = new Map<string, Standing>();

  get size(): number {
    return this.#byId.size;
  }

  /** Notes that a visitor asked. Over `MAX_STANDING` the newcomer is not noted: he keeps his place by his ticket. */
  stand(standing: Standing): void {
    if (this.#byId.size < MAX_STANDING || this.#byId.has(standing.id)) this.#byId.set(standing.id, standing);
  }

  leave(id: string): void {
    this.#byId.delete(id);
  }

  /** How many stand before `key`: those for whom a token is kept at `now`, and all who have not left. */
  before(key: number, id: string, now: number): { readonly expected: number; readonly all: number } {
    let expected = 0;
    let all = 0;
    for (const other of this.#byId.values()) {
      if (!other.held && other.dueAt + LATE_MS < now) {
        this.#byId.delete(other.id);
        continue;
      }
      const earlier = other.key < key || (other.key === key && other.id < id);
      if (!earlier) continue;
      all += 1;
      if (other.held || other.dueAt - SOON_MS <= now) expected += 1;
    }
    return { expected, all };
  }
}
